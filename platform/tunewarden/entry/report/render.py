"""The view as one self-contained HTML file: no script, no font and no picture from elsewhere."""

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tunewarden.entry.report.verdicts import Metrics
from tunewarden.entry.report.view import view
from tunewarden.usecases.reports import Lineage

_ONE_WORD = re.compile(
    r"\d{4}-\d\d-\d\d(?:T[0-9:]{8}Z)?|\b[a-z]+-\N{HORIZONTAL ELLIPSIS}[0-9a-f]{12}|\d\S*\xa0\([^)]*\)"
)


def render_html(lineage: Lineage, *, origin: str, size: int, metrics: Metrics) -> str:
    """The report on paper and screen.

    Args:
        origin, size: of the signed tree head that the bundle holds.
        metrics: the tables of `policies/metrics.toml`.

    Raises `Corrupted` where a plan or a gate is not what its digest says. Not checked: signatures and proofs, which is
    the auditor's work on the bundle.
    """
    return (
        _environment().get_template("report.html").render(view=view(lineage, origin=origin, size=size, metrics=metrics))
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("tunewarden.entry.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = _unbroken
    return environment


def _unbroken(text: str) -> Markup:
    """The text with its times, identifiers and intervals kept on one line."""
    return Markup(_ONE_WORD.sub(r'<span class="word">\g<0></span>', str(escape(text))))  # noqa: S704  escaped first
