"""The view as one self-contained HTML file: no script, no font and no picture from elsewhere."""

import re
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tunewarden.domain.events import ModelRegistered
from tunewarden.entry.report.cited import cited
from tunewarden.entry.report.difference import SECTIONS, compared
from tunewarden.entry.report.facts import Name, only
from tunewarden.entry.report.figures import runs
from tunewarden.entry.report.head import head
from tunewarden.entry.report.verdicts import Metrics
from tunewarden.entry.report.view import view
from tunewarden.usecases.reports import Lineage

_ONE_WORD = re.compile(
    r"\d{4}-\d\d-\d\d(?:T[0-9:]{8}Z)?|\b[a-z]+-\N{HORIZONTAL ELLIPSIS}[0-9a-f]{12}|\d\S*\xa0\([^)]*\)"
)


def render_html(
    lineage: Lineage,
    *,
    origin: str,
    size: int,
    metrics: Metrics,
    note: str = "",
    vkey: str = "",
    links: bool = False,
) -> str:
    """The report on paper and screen.

    Args:
        origin, size: of the signed tree head that the bundle holds.
        metrics: the tables of `policies/metrics.toml`.
        note: that tree head as it was signed (C2SP checkpoint); its root and signers are shown where it is given.
        vkey: the log's public key as one line; its fingerprint is shown where it is given.
        links: whether it leads on to other pages of the platform, as one in a bundle cannot.

    Raises `Corrupted` where a plan or a gate is not what its digest says. Not checked: signatures and proofs, which is
    the auditor's work on the bundle.
    """
    shown = view(lineage, head=head(origin, size, note, vkey), metrics=metrics)
    return environment().get_template("report.html").render(view=shown, links=links)


def render_difference(left: Lineage, right: Lineage, *, origin: str) -> str:
    """How two model versions differ, on paper and screen. Raises `Corrupted` as `render_html` does."""
    sections = compared(left, right)
    told = [told for rows in sections.values() for row in rows for told in (row.left, row.right) if told is not None]
    used = {index for one in told for index in one.log} | {left.report.model.index, right.report.model.index}
    entries = {entry.index: entry for side in (left, right) for entry in side.report.entries() if entry.index in used}
    return (
        environment()
        .get_template("difference.html")
        .render(
            origin=origin,
            size=f"{max(left.report.size, right.report.size):,}",
            models=[
                (Name(only(side.report.model, ModelRegistered).model), side.report.model) for side in (left, right)
            ],
            sections=[(name, title, sections[name], nothing) for name, (title, nothing) in SECTIONS.items()],
            cited=cited(entries[index] for index in sorted(entries)),
        )
    )


@cache
def environment() -> Environment:
    """The templates of all pages: everything is escaped, and a name that is not there is an error."""
    made = Environment(
        loader=PackageLoader("tunewarden.entry.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["unbroken"] = _unbroken
    made.filters["runs"] = runs
    return made


def _unbroken(text: str) -> Markup:
    """The text with its times, identifiers and intervals kept on one line."""
    return Markup(_ONE_WORD.sub(r'<span class="word">\g<0></span>', str(escape(text))))  # noqa: S704  escaped first
