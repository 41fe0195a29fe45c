"""The page of the data report: what a dataset version holds, in counts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tunewarden.domain.data_report import FEWEST_PERSONS, Cell, DataReport, Form
from tunewarden.domain.names import DatasetId, Digest
from tunewarden.entry.report.facts import Name
from tunewarden.entry.report.render import environment

_FORMS: Mapping[Form, str] = {
    Form.CLASSES: "a text and its class",
    Form.COMPLETIONS: "a prompt and its completion",
    Form.CONVERSATIONS: "a conversation and the last answer of the assistant",
    Form.PREFERENCES: "a prompt with a preferred and another answer",
}
_WORDS: Mapping[str, str] = {
    "first": "no earlier row is like it",
    "own-word-for-word": "an earlier row of the same person has the same text",
    "other-word-for-word": "an earlier row of another person has the same text",
    "alike": "an earlier row differs in case, digits and signs only",
    "agrees": "no row with the same text has another class",
    "contradicted": "another row has the same text and another class",
    "complete": "complete",
    "blank": "the text, or what is learnt, is empty",
    "none": "no letters",
    "other": "another script",
    "of-further-labels": "all further labels",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One cell as it is printed."""

    name: str
    rows: str
    persons: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One table, and where it stands on the page."""

    place: str
    title: str
    unit: str
    cells: tuple[Shown, ...]


def render_described(report: DataReport, *, dataset: DatasetId, version: Digest) -> str:
    """The report on paper and screen. Nothing of a record is in it, but names of classes that ten persons share."""
    return (
        environment()
        .get_template("described.html")
        .render(
            dataset=Name(dataset),
            version=Name(version),
            form=_FORMS[report.form],
            rows=f"{report.rows:,}",
            persons=f"{report.persons:,}",
            columns=f"{report.columns:,}",
            fewest=FEWEST_PERSONS,
            sections=sections(report),
        )
    )


def sections(report: DataReport) -> tuple[Section, ...]:
    """The tables that apply, in the order of the page."""
    found = (
        ("repeats", "Rows that repeat others", "What", _worded(report.repeats)),
        ("agreement", "Same text, other class", "What", _worded(report.agreement)),
        ("blanks", "Empty rows", "What", _worded(report.blanks)),
        ("classes", "Balance of the classes", "Class", _as_they_are(report.classes)),
        ("persons", "Rows of a person", "Rows of each", _as_they_are(report.persons_by_rows)),
        ("texts", "Length of the texts", "Characters", _as_they_are(report.text_lengths)),
        ("completions", "Length of the completions", "Characters", _as_they_are(report.completion_lengths)),
        ("tokens", "Length in tokens", "Tokens", _as_they_are(report.token_lengths)),
        ("scripts", "Scripts", "Script", _scripts(report.scripts)),
    )
    return tuple(
        Section(place=place, title=title, unit=unit, cells=cells) for place, title, unit, cells in found if cells
    )


def _worded(cells: Sequence[Cell]) -> tuple[Shown, ...]:
    return tuple(_shown(cell, _WORDS[cell.name]) for cell in cells)


def _scripts(cells: Sequence[Cell]) -> tuple[Shown, ...]:
    return tuple(_shown(cell, _WORDS.get(cell.name, cell.name.capitalize())) for cell in cells)


def _as_they_are(cells: Sequence[Cell]) -> tuple[Shown, ...]:
    return tuple(_shown(cell, cell.name) for cell in cells)


def _shown(cell: Cell, name: str) -> Shown:
    if cell.rows is None or cell.persons is None:
        return Shown(name=name, rows="held back", persons="held back")
    return Shown(name=name, rows=f"{cell.rows:,}", persons=f"{cell.persons:,}")
