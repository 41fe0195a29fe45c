"""Whole tables as files, for the command line: the cells that hold text, and the same file with other texts in them.

CSV (RFC 4180), JSONL, Parquet, and plain text, which is one record with one column. A column of JSONL is the way to a
leaf: `{"turns": [{"said": "..."}]}` has the column `turns.said`, and a record may have many cells of one column.
Numbers in JSONL are cells too (a telephone number may be written as one). A file is read whole and checked before
anything else is done with it, and again for each use, row by row; nothing of it is kept.

Whatever is wrong is `Malformed` and names the row (from 1; the header of CSV does not count) and the column by its
place, never by its name, because in a file without a header the first record stands in its place. The names of fields
in JSONL are not checked for identifiers.
"""

import csv
import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO, Protocol, TextIO

from tunewarden.domain.errors import Malformed, NotFound, Unavailable
from tunewarden.drivers.parquet_files import ParquetTable
from tunewarden.drivers.table_cells import Cell, Texts, malformed, sound
from tunewarden.drivers.table_faults import empty, not_what_named
from tunewarden.drivers.table_rows import LONGEST_LINE, next_record


class TableFile(Protocol):
    """A table that was checked.

    Attributes:
        columns: names of the columns that can be read as text.
        texts: places in `columns` of those that hold text; the others hold numbers or dates.
        others: names of columns that cannot be read, so that nothing can be found in them.
    """

    columns: tuple[str, ...]
    texts: tuple[int, ...]
    others: tuple[str, ...]
    rows: int

    def cells(self, wanted: Collection[int]) -> Iterator[tuple[Cell, ...]]:
        """For every row the cells of the wanted columns (by their place in `columns`) that are not blank."""

    def rewrite(self, out: Path, wanted: Collection[int], dropped: Collection[str], texts: Texts) -> None:
        """Write the table to the new file `out`: without dropped columns, and with other texts in the wanted ones.

        `texts` has for each row as many texts as `cells(wanted)` has cells there, or None where the row is left out.
        """


def open_table(path: Path) -> TableFile:
    """The table in the file, by its name and its first bytes. Raises `NotFound` and `Malformed`."""
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise malformed(
            "file_kind_unknown",
            f"A table is a file named {', '.join(f'*{known}' for known in _KINDS)}.",
            "Name the file after what it holds, or convert it.",
        )
    try:
        with path.open("rb") as stream:
            head = stream.read(4)
        if head.startswith((b"PK\3\4", b"\x1f\x8b", b"%PDF")) or (head == b"PAR1") != (kind == ".parquet"):
            raise empty() if not head else not_what_named(f"is named *{kind}, but holds something else")
        return _KINDS[kind](path)
    except FileNotFoundError:
        raise NotFound("file_not_found", "There is no file of that name.", param="file") from None
    except OSError as error:
        raise Unavailable("file_unreadable", f"The file cannot be read ({type(error).__name__}).") from error


def place_of(table: TableFile, name: str, role: str) -> int:
    """Where in `table.columns` the column of that name is. `role` says what it was named for, in a refusal."""
    found = [place for place, column in enumerate(table.columns) if column == name]
    if len(found) != 1:
        what = f"{len(found)} columns have" if found else "No column that can be read has"
        raise Malformed(
            "column_ambiguous" if found else "missing_column",
            f"{what} the name that was given for {role}; the file has {len(table.columns)} such columns.",
            remedy="Name a column of the file, exactly as its header has it.",
            param=role,
        )
    return found[0]


@dataclass
class _Csv:
    path: Path
    columns: tuple[str, ...] = field(init=False)
    texts: tuple[int, ...] = field(init=False)
    others: tuple[str, ...] = ()
    rows: int = 0

    def __post_init__(self) -> None:
        with self.path.open("rb") as stream:
            header = next(_csv_records(stream), None)
        if header is None:
            raise empty()
        self.columns = tuple(sound(name, 0, place) for place, name in enumerate(header[1]))
        self.texts = tuple(range(len(self.columns)))
        for _ in self.cells(range(len(self.columns))):
            self.rows += 1
        if not self.rows:
            raise empty()

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        with self.path.open("rb") as stream:
            records = _csv_records(stream)
            next(records)
            for number, record in records:
                if len(record) != len(self.columns):
                    raise Malformed(
                        "row_ragged",
                        f"Row {number} has {len(record)} values, the header has {len(self.columns)}.",
                        remedy="Quote values that contain commas, quotes or line breaks.",
                        param="file",
                    )
                yield number, record

    def cells(self, wanted: Collection[int]) -> Iterator[tuple[Cell, ...]]:
        places = sorted(wanted)
        for number, record in self._records():
            yield tuple(
                Cell(column=place, text=sound(record[place], number, place))
                for place in places
                if record[place].strip()
            )

    def rewrite(self, out: Path, wanted: Collection[int], dropped: Collection[str], texts: Texts) -> None:
        places = sorted(wanted)
        kept = [place for place, name in enumerate(self.columns) if name not in dropped]
        with out.open("x", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\r\n")
            writer.writerow(self.columns[place] for place in kept)
            for (_, record), replaced in zip(self._records(), texts, strict=True):
                if replaced is not None:
                    full = [place for place in places if record[place].strip()]
                    for place, text in zip(full, replaced, strict=True):
                        record[place] = text
                    writer.writerow(record[place] for place in kept)


@dataclass
class _JsonLines:
    path: Path
    columns: tuple[str, ...] = field(init=False)
    texts: tuple[int, ...] = field(init=False)
    others: tuple[str, ...] = ()
    rows: int = 0

    def __post_init__(self) -> None:
        self._places: dict[str, int] = {}
        for number, record in self._records():
            self.rows = number
            for name, value in _leaves(record):
                place = self._places.setdefault(name, len(self._places))
                sound(name, number, place)
                sound(str(value), number, place)
        if not self.rows:
            raise empty()
        self.columns = tuple(self._places)
        self.texts = tuple(range(len(self.columns)))

    def _records(self) -> Iterator[tuple[int, dict[str, Any]]]:
        with self.path.open("rb") as stream:
            for number, line in enumerate((line for line in _lines(stream) if not line.isspace()), start=1):
                yield number, _object(line, number)

    def cells(self, wanted: Collection[int]) -> Iterator[tuple[Cell, ...]]:
        chosen = set(wanted)
        for number, record in self._records():
            found = ((self._places[name], str(value)) for name, value in _leaves(record))
            yield tuple(
                Cell(column=place, text=sound(text, number, place))
                for place, text in found
                if place in chosen and text.strip()
            )

    def rewrite(self, out: Path, wanted: Collection[int], dropped: Collection[str], texts: Texts) -> None:
        chosen = {name for name, place in self._places.items() if place in set(wanted)}
        with out.open("x", encoding="utf-8", newline="") as stream:
            for (_, record), replaced in zip(self._records(), texts, strict=True):
                if replaced is not None:
                    _write_line(stream, _rebuilt(record, "", chosen, set(dropped), iter(replaced)))


@dataclass
class _PlainText:
    path: Path
    columns: tuple[str, ...] = ("text",)
    texts: tuple[int, ...] = (0,)
    others: tuple[str, ...] = ()
    rows: int = 1

    def __post_init__(self) -> None:
        with self.path.open("rb") as stream:
            if not self._text(stream).strip():
                raise empty()

    def _text(self, stream: BinaryIO) -> str:
        return sound("".join(_lines(stream)), 1, 0)

    def cells(self, wanted: Collection[int]) -> Iterator[tuple[Cell, ...]]:
        with self.path.open("rb") as stream:
            yield (Cell(column=0, text=self._text(stream)),) if 0 in wanted else ()

    def rewrite(self, out: Path, wanted: Collection[int], dropped: Collection[str], texts: Texts) -> None:
        (replaced,) = texts
        with out.open("x", encoding="utf-8", newline="") as stream:
            if replaced is not None and 0 in wanted and "text" not in dropped:
                stream.write(replaced[0])


_KINDS: Mapping[str, Callable[[Path], TableFile]] = MappingProxyType(
    {".csv": _Csv, ".jsonl": _JsonLines, ".parquet": ParquetTable, ".txt": _PlainText}
)


def _lines(stream: BinaryIO) -> Iterator[str]:
    """The lines with their ends; what is not UTF-8 becomes half surrogate pairs, which `sound` then refuses."""
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise malformed(
                "row_too_long",
                f"Line {number} of the file is longer than {LONGEST_LINE:,} bytes.",
                "Split it into several records of the same person.",
            )
        text = line.decode("utf-8", "surrogateescape")
        yield text.removeprefix("\ufeff") if number == 1 else text


def _csv_records(stream: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    """Every record that is not an empty line, numbered from 0, which is the header."""
    reader = csv.reader(_lines(stream), strict=True)
    number = 0
    while (record := next_record(reader, number)) is not None:
        if record:
            yield number, record
            number += 1


def _object(line: str, number: int) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        record = None  # the error would carry the line
    if not isinstance(record, dict):
        raise malformed("json_broken", f"Row {number} is not a JSON object.", "Write one object a line.")
    return record


def _leaves(value: object, name: str = "") -> Iterator[tuple[str, str | int | float]]:
    """Every text and every number in a JSON value with the way to it, in the order in which they stand."""
    match value:
        case bool() | None:
            return
        case str() | int() | float():
            yield name, value
        case dict():
            for key, item in value.items():
                yield from _leaves(item, f"{name}.{key}" if name else key)
        case list():
            for item in value:
                yield from _leaves(item, name)


def _rebuilt(
    value: object, name: str, chosen: Collection[str], dropped: Collection[str], texts: Iterator[str]
) -> object:
    """The same value, with the texts of chosen leaves taken from `texts`; a number whose text is the same stays one."""
    match value:
        case dict():
            ways = [(key, item, f"{name}.{key}" if name else key) for key, item in value.items()]
            return {key: _rebuilt(item, way, chosen, dropped, texts) for key, item, way in ways if way not in dropped}
        case list():
            return [_rebuilt(item, name, chosen, dropped, texts) for item in value]
        case bool() | None:
            return value
        case str() | int() | float() if name in chosen and str(value).strip():
            text = next(texts)
            return value if text == str(value) else text
    return value


def _write_line(stream: TextIO, record: object) -> None:
    json.dump(record, stream, ensure_ascii=False)
    stream.write("\n")
