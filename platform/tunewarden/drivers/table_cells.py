"""A cell of a table, and what no cell may hold."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tunewarden.domain.errors import Malformed
from tunewarden.drivers.table_rows import LONGEST_TEXT

Texts = Iterator[Sequence[str] | None]
"""For every row the new texts of its cells, or None where the row is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A text that is not blank, and the place of its column from 0."""

    column: int
    text: str


def sound(text: str, number: int, place: int) -> str:
    """The text itself, of row `number` (0 is the header), column `place`. Raises `Malformed` where it is none."""
    where = f"{f'Row {number}' if number else 'The header'}, column {place + 1},"
    if len(text) > LONGEST_TEXT:
        raise malformed(
            "row_too_long",
            f"{where} holds a text of more than {LONGEST_TEXT:,} characters.",
            "Split it into several records of the same person.",
        )
    if "\0" in text or not _encodable(text):
        raise malformed(
            "not_utf8",
            f"{where} holds something that is no text in UTF-8 (a byte that cannot be decoded, or zero).",
            "Save the file in UTF-8, or leave the row out.",
        )
    return text


def malformed(code: str, reason: str, remedy: str) -> Malformed:
    """An error about the file."""
    return Malformed(code, reason, remedy=remedy, param="file")


def _encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
