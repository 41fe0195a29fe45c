"""Gold files of strangers: texts whose identifiers somebody marked, one JSON object a line.

    {"text": "Seen by Dr. Ada Example.", "spans": [{"start": 12, "end": 23, "type": "name"}]}

Offsets count code points, `end` is exclusive. `type` is whatever word the marking used; null marks what says nothing
about identifiers, neither that something is one nor that it is none. Two members of a span are optional: `identifier`
(`DIRECT`, `QUASI`: what it does to the person, as in the Text Anonymization Benchmark) and `entity` (which mentions of
a document mean the same). Other members are ignored. Marks may overlap.

A mark that names a place without text, none at all, or no type stops the reading: figures about part of a file would be
taken for figures about all of it. Not checked: whether offsets were counted in another unit (bytes, UTF-16) where they
still lie within the text; `evaluate` counts the marks that begin or end inside a word, which tells of it.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, BinaryIO

from tunewarden.domain.errors import Malformed

LONGEST_TEXT = 1_000_000  # characters
LONGEST_LINE = 16 << 20  # bytes; a text of 1,000,000 characters fits however it is escaped, and so do its marks
_BOM = b"\xef\xbb\xbf"
_LONGEST_WORD = 64


Place = tuple[int, int]
"""Start and end of a mark in its text."""


class Identifies(StrEnum):
    """What a marked span does to the person: names them, or helps to."""

    DIRECT = "DIRECT"
    QUASI = "QUASI"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """Characters `start` to `end` (exclusive, in code points) of a text, and what somebody called them.

    Attributes:
        type: the word of the gold file; None where it is neither an identifier nor none.
        identifies: None where the file does not say.
        entity: mentions with the same word mean the same; "" where the file does not say.
    """

    start: int
    end: int
    type: str | None
    identifies: Identifies | None = None
    entity: str = ""

    @property
    def place(self) -> Place:
        """Where it stands."""
        return self.start, self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkedText:
    """A text with everything that was marked in it, in the order of the file; `line` from 1, 0 where it has none."""

    text: str
    spans: tuple[Marked, ...]
    line: int = 0

    @property
    def where(self) -> str:
        """For a refusal."""
        return f"line {self.line} of the gold file"


def gold_lines(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of a file, a mark of byte order left out. Raises `Malformed` for one that is too long."""
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise _malformed(number, "", f"at most {LONGEST_LINE:,} bytes long")
        yield line.removeprefix(_BOM) if number == 1 else line


def read_gold(lines: Iterable[bytes]) -> Iterator[MarkedText]:
    """Every line that is not empty, checked. Raises `Malformed` with the line and the field, never their content."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield _marked_text(line, number)


def _marked_text(line: bytes, number: int) -> MarkedText:
    record = _object(line, number)
    text, spans = record.get("text"), record.get("spans")
    if not isinstance(text, str):
        raise _malformed(number, "text", "a text")
    if len(text) > LONGEST_TEXT:
        raise _malformed(number, "text", f"a text of at most {LONGEST_TEXT:,} characters")
    if not _is_sound(text):
        raise _malformed(number, "text", "a text in Unicode; half of a surrogate pair stands in it")
    if not isinstance(spans, list):
        raise _malformed(number, "spans", "a list")
    marked = (_marked(span, len(text), number, f"spans[{place}]") for place, span in enumerate(spans))
    return MarkedText(text=text, spans=tuple(marked), line=number)


def _object(line: bytes, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        record = None  # the error would carry the line
    if not isinstance(record, dict):
        raise _malformed(number, "", "one JSON object in UTF-8")
    return record


def _marked(span: object, length: int, number: int, field: str) -> Marked:
    if not isinstance(span, dict):
        raise _malformed(number, field, "an object")
    start, end, kind = span.get("start"), span.get("end"), span.get("type")
    if type(start) is not int or not 0 <= start < length:
        raise _malformed(number, f"{field}.start", "a position within the text, counted in code points from 0")
    if type(end) is not int or not start < end <= length:
        raise _malformed(number, f"{field}.end", "a position after its start, at most the length of the text")
    if "type" not in span or not (kind is None or _is_word(kind)):
        raise _malformed(number, f"{field}.type", f"a word of at most {_LONGEST_WORD} printable characters, or null")
    identifier, entity = span.get("identifier"), span.get("entity")
    return Marked(
        start=start,
        end=end,
        type=kind,
        identifies=Identifies(identifier) if identifier in list(Identifies) else None,
        entity=entity if isinstance(entity, str) else "",
    )


def _is_sound(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_WORD and value.isprintable()


def _malformed(number: int, field: str, expected: str) -> Malformed:
    return Malformed(
        "gold_malformed",
        f"Line {number} of the gold file: {f'{field!r} is not' if field else 'the line is not'} {expected}.",
        remedy='Write {"text": ..., "spans": [{"start": ..., "end": ..., "type": ...}]} on every line.',
        param=f"line {number}{': ' + field if field else ''}",
    )
