"""The pages about codes of errors: all of them, and one, to which an answer's `type` leads (RFC 9457 section 3.1.1)."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from markupsafe import Markup, escape

from tunewarden.entry.codes import Code, Place, codes
from tunewarden.entry.report.render import environment

_TITLES: Mapping[Place, str] = MappingProxyType(
    {
        Place.ANSWERS: "What the API answers",
        Place.ENDINGS: "With what a job can end beside that",
        Place.COMMANDS: "What commands and starting processes say",
    }
)


def render_errors() -> str:
    """Every code, by where it is met."""
    places = [(title, [one for one in codes().values() if one.place is place]) for place, title in _TITLES.items()]
    return environment().get_template("errors.html").render(places=places, told=_told)


def render_error(code: Code) -> str:
    """What one means, what to do, and who can."""
    said = "" if code.place is Place.ANSWERS else f"{_TITLES[code.place].lower()}, and no answer has it"
    return environment().get_template("error.html").render(code=code, place=said, told=_told)


def _told(text: str) -> Markup:
    """What a line of `codes` says, where names of programs stand between backticks."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 it was escaped
