"""Reading the wanted columns of an uploaded table, row by row: CSV (RFC 4180), JSONL and Parquet.

Uploads are trusted for nothing. Everything that is wrong with one is `Malformed` and names the row (1 is the first
after the header) and the part (text, label, completion, person, protected[n], known[n]). It never repeats a value, nor
the name of a column, because in a file without a header the first record stands in its place.
"""

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, BinaryIO

import pyarrow as pa

from tunewarden.domain.errors import Malformed
from tunewarden.drivers.conversations import CHAT_COLUMNS, PAIR_COLUMNS, is_conversation, is_pair, preferred, spoken
from tunewarden.drivers.parquet_bounds import open_parquet
from tunewarden.drivers.table_faults import MOST_COLUMNS, empty, not_what_named, too_many_columns

LONGEST_TEXT = 1_000_000  # characters of the text; the de-identifying step takes no longer one
LONGEST_VALUE = 100_000  # characters of any other value
LONGEST_LINE = 16 << 20  # bytes: a text of that length in JSON may take twelve for each character
_BATCH_ROWS = 64  # a file of a megabyte may hold the longest text in every row, so few are unpacked at once
_PARQUET_MAGIC = b"PAR1"

csv.field_size_limit(LONGEST_TEXT)  # of this process: there is no other way to say it


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One column that is wanted: what it is for, and the name that the caller gave for it."""

    role: str
    column: str

    def malformed(self, code: str, reason: str, remedy: str) -> Malformed:
        """An error about this column."""
        return Malformed(code, reason, remedy=remedy, param=f"columns.{self.role}")


Row = tuple[str | None, ...]
"""The values of the wanted columns, in the order they were wanted; None where the file has none."""

Reader = Callable[[BinaryIO, Sequence[Part]], Iterator[Row]]


def reader_for(filename: str, head: bytes) -> Reader:
    """The reader that the name asks for. Raises `Malformed` where the first bytes of the file contradict the name."""
    named = PurePath(filename).suffix.lower().removeprefix(".")
    if named not in READERS:
        raise Malformed(
            "file_kind_unknown",
            f"A table is a file named {', '.join(f'*.{name}' for name in READERS)}.",
            remedy="Name the file after what it holds, or convert it.",
            param="file",
        )
    if not head:
        raise empty()
    found = READERS.get(kind_of(head))
    if found is not READERS[named]:
        raise not_what_named(f"is named *.{named}, but holds something else")
    return found


def read_csv(stream: BinaryIO, parts: Sequence[Part]) -> Iterator[Row]:
    """Comma-separated, double-quoted, with a header. A quote that is out of place is refused, never guessed about.

    A header cell that is blank is named `Unnamed: N` by its position from 0, as pandas does; "" means the first one.
    """
    records = csv_records(stream)
    try:
        _, header = next(records)
    except StopIteration:
        raise empty() from None
    positions = _positions(header, parts)
    for number, record in records:
        if len(record) != len(header):
            raise Malformed(
                "row_ragged",
                f"Row {number} has {len(record)} values, the header has {len(header)}.",
                remedy="Quote values that contain commas, quotes or line breaks.",
                param="file",
            )
        yield tuple(record[position] for position in positions)


def read_jsonl(stream: BinaryIO, parts: Sequence[Part]) -> Iterator[Row]:
    """One JSON object a line. The first one has to have every field that is wanted; write null where one is unknown.

    Of rows in chat form and of preference pairs the columns are wanted that `conversations` makes of them.
    """
    number, asked = 0, {part.column for part in parts}
    is_chat = is_pairs = False
    for line in lines(stream):
        if line.isspace():
            continue
        number += 1
        record = json_object(line, number)
        if number == 1:
            is_chat = not asked.isdisjoint(CHAT_COLUMNS) and is_conversation(record)
            is_pairs = not asked.isdisjoint(PAIR_COLUMNS) and is_pair(record)
        if is_chat:
            record |= spoken(record, number)
        if is_pairs:
            record |= preferred(record, number)
        if number == 1:
            _require_fields(record, parts)
        yield tuple(_json_text(record.get(part.column), part, number) for part in parts)


def read_parquet(stream: BinaryIO, parts: Sequence[Part]) -> Iterator[Row]:
    """Flat columns of text, numbers, booleans or dates; only the wanted ones are read, a batch of rows at a time."""
    table = open_parquet(stream)
    present = table.schema_arrow.names
    names = [present[position] for position in _positions(present, parts)]
    for name, part in zip(names, parts, strict=True):
        _require_plain(table.schema_arrow.field(name).type, part)
    first = 1
    batches = table.iter_batches(batch_size=_BATCH_ROWS, columns=names, use_threads=False)
    while (batch := next_batch(batches, first)) is not None:
        columns = (_texts(batch.column(name), part, first) for name, part in zip(names, parts, strict=True))
        yield from zip(*columns, strict=True)
        first += batch.num_rows


READERS: Mapping[str, Reader] = MappingProxyType({"csv": read_csv, "jsonl": read_jsonl, "parquet": read_parquet})
"""By the name that a file of the kind ends with, and that `kind_of` gives."""


def kind_of(head: bytes) -> str:
    """What the first bytes look like; "" for a binary file of another kind."""
    if head.startswith(_PARQUET_MAGIC):
        return "parquet"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "csv"  # UTF-16: let the reader say that it is not UTF-8
    if b"\0" in head or head.startswith((b"PK\3\4", b"\x1f\x8b")):
        return ""
    return "jsonl" if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else "csv"


def lines(stream: BinaryIO) -> Iterator[str]:
    """The lines of a text in UTF-8, with their ends. A line break is one byte there, so lines decode one by one."""
    offset = number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise _too_long(f"Line {number} of the file is longer than {LONGEST_LINE} bytes.")
        text = _decoded(line)
        if text is None:
            raise Malformed(
                "not_utf8",
                f"The file is not UTF-8: a byte of line {number} (which begins at byte {offset}) cannot be decoded."
                f"{_marked(line) if number == 1 else ''}",
                remedy="Save it in UTF-8.",
                param="file",
            )
        if "\0" in text:
            raise not_what_named(f"has a zero byte in line {number}, so it is not a text")
        yield text.removeprefix("\ufeff") if number == 1 else text
        offset += len(line)


def _marked(line: bytes) -> str:
    """What the byte order mark says, where there is one of another encoding."""
    is_wide = line.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff"))
    named = "UTF-32" if is_wide else "UTF-16"
    return f" It begins as {named} does." if is_wide or line.startswith((b"\xff\xfe", b"\xfe\xff")) else ""


def _decoded(line: bytes) -> str | None:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return None  # the error would carry the line


def csv_records(stream: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """Every record that is not an empty line, numbered from 0, which is the header."""
    reader = csv.reader(lines(stream), strict=True)
    number = 0
    while (record := next_record(reader, number)) is not None:
        if record:
            yield number, record
            number += 1


def next_record(reader: Iterator[list[str]], number: int) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error:
        pass
    raise Malformed(
        "csv_broken",
        f"Row {number} is not well-formed CSV, or one of its values is longer than {LONGEST_TEXT} characters.",
        remedy='Enclose values in double quotes and write a quote inside of them twice ("").',
        param="file",
    )


def _positions(names: Sequence[str], parts: Sequence[Part]) -> list[int]:
    """Where the wanted columns are."""
    if len(names) > MOST_COLUMNS:
        raise too_many_columns(len(names))
    blank = [position for position, name in enumerate(names) if not name]
    named = [name or f"Unnamed: {position}" for position, name in enumerate(names)]
    positions = []
    for part in parts:
        found = blank[:1] if not part.column else [index for index, name in enumerate(named) if name == part.column]
        if not found:
            raise _missing(part, f"none of the {len(names)} columns of the file has it")
        if len(found) > 1:
            raise part.malformed(
                "column_ambiguous",
                f"{len(found)} columns have the name that was given for the {part.role}.",
                "Give every column a name of its own.",
            )
        positions.append(found[0])
    return positions


def _missing(part: Part, what: str) -> Malformed:
    return part.malformed(
        "missing_column",
        f"No column has the name that was given for the {part.role}: {what}.",
        "Name a column of the file, exactly as its header has it; a CSV file needs a header and commas.",
    )


def json_object(line: str, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise Malformed(
            "json_broken", f"Row {number} is not a JSON object.", remedy="Write one object a line.", param="file"
        )
    return record


def _require_fields(record: Mapping[str, Any], parts: Sequence[Part]) -> None:
    missing = [part for part in parts if part.column not in record]
    if missing and is_conversation(record):
        raise Malformed(
            "chat_form_unsupported",
            "The file is in chat form (messages). A classifier learns from rows with one field for the text and one "
            "for the label.",
            remedy="To learn what the assistant says, name messages.prompt as the text and messages.completion as the "
            "completion. For a classifier, write objects with the fields that were named.",
            param="file",
        )
    if missing and is_pair(record):
        raise Malformed(
            "preferences_not_trained",
            "The file holds preference pairs. They can be checked (`tunewarden data check`), but nothing is trained on "
            "them: no method with a privacy guarantee for both answers is offered.",
            remedy="Write the preferred answers as completions, or wait.",
            param="file",
        )
    if missing:
        raise _missing(missing[0], "the first object of the file has no such field")


def _json_text(value: object, part: Part, number: int) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
    raise part.malformed(
        "value_not_plain",
        f"Row {number} has a list or an object as its {part.role}.",
        "Use a text, a number, a boolean or null.",
    )


def _require_plain(kind: pa.DataType, part: Part) -> None:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    plain = (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_date(kind)
        or pa.types.is_null(kind)
    )
    if not plain:
        raise part.malformed(
            "value_not_plain",
            f"The column of the {part.role} holds neither text nor numbers, booleans or dates.",
            "Convert the column to text.",
        )


def next_batch(batches: Iterator[pa.RecordBatch], first: int) -> pa.RecordBatch | None:
    try:
        return next(batches, None)
    except (pa.ArrowException, OSError):
        pass  # the message of the library may hold values
    raise not_what_named(f"cannot be read as Parquet from row {first} on")


def _texts(column: pa.Array, part: Part, first: int) -> list[str | None]:
    try:
        texts: list[str | None] = column.cast(pa.string()).to_pylist()
    except (pa.ArrowException, UnicodeDecodeError):
        pass  # the message of the library may hold values
    else:
        return texts
    raise part.malformed(
        "not_utf8",
        f"Between rows {first} and {first + len(column) - 1} the {part.role} is not UTF-8.",
        "Write the column as text in UTF-8.",
    )


def _too_long(reason: str) -> Malformed:
    return Malformed(
        "row_too_long", reason, remedy="Split the record, or leave out what is not to be learnt.", param="file"
    )
