"""The pages of leaving."""

from tunewarden.entry.report.render import environment


def render_leaving() -> str:
    """The form that ends a session."""
    return environment().get_template("leaving.html").render()


def render_left() -> str:
    """That it is over."""
    return environment().get_template("left.html").render()
