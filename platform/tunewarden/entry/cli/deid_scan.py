"""`tunewarden deid scan`: which kinds of identifiers stand in a file, how many and where; never what they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tunewarden.domain.deidentification import Operator, Profile
from tunewarden.domain.identifiers import EntityType
from tunewarden.drivers.table_files import TableFile, open_table, place_of
from tunewarden.entry.cli.deid_profile import detector_for, profile_named
from tunewarden.entry.cli.deid_progress import Shown
from tunewarden.steps.deidentify.identity import detector_digest
from tunewarden.steps.deidentify.progress import Stopwatch
from tunewarden.steps.deidentify.reading import Find
from tunewarden.steps.deidentify.scan import Cell, Scan, scan

_SHOWN_ROWS = 5
_PLAIN_NAME = re.compile(r"[\w .:/-]{1,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundKind:
    """One kind of identifier in one column; `column` is its name where that may be shown, the number counts from 1."""

    column: str
    column_number: int
    kind: str
    count: int
    records: int
    operator: str
    first_records: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileNamed:
    """A profile and its digest."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """What a scan says, in the form and the order of its JSON. `not_read` columns hold no text."""

    profile: ProfileNamed
    detector: str
    records: int
    characters: int
    columns: tuple[str, ...]
    not_read: int
    found: tuple[FoundKind, ...]


def scan_file(file: Path, columns: Sequence[str], profile_name: str, models: Path | None, threads: int) -> Scanned:
    """Look through a file. Raises `Malformed` and `NotFound`."""
    profile = profile_named(profile_name)
    table = open_table(file)
    wanted = [place_of(table, name, "--column") for name in columns] or list(range(len(table.columns)))
    detector = detector_for(profile, models, threads)
    with Shown() as shown:
        watch = Stopwatch("scan", table.rows, 0, shown)
        found = scan(detector.find, _cells(table, wanted), watch.add)
    labels = column_labels(table.columns, detector.find)
    return Scanned(
        profile=ProfileNamed(name=profile.name, digest=profile.digest()),
        detector=detector_digest(profile.engine, detector.recognisers),
        records=table.rows,
        characters=found.characters,
        columns=tuple(labels[place] for place in wanted),
        not_read=len(table.others),
        found=tuple(_kind(found, key, labels, profile) for key in _ordered(found)),
    )


def show(result: Scanned, console: Console) -> None:
    """The table for people."""
    table = Table(title=f"{result.records:,} records, profile '{result.profile.name}'", title_justify="left")
    for heading in ("column", "kind", "found", "in records", "the profile would", "first records"):
        table.add_column(heading, justify="right" if heading in {"found", "in records"} else "left")
    for row in result.found:
        first = ", ".join(str(place) for place in row.first_records[:_SHOWN_ROWS])
        more = ", …" if len(row.first_records) > _SHOWN_ROWS else ""
        cells = (row.column, row.kind, f"{row.count:,}", f"{row.records:,}", row.operator, f"{first}{more}")
        table.add_row(*map(escape, cells))
    console.print(table if result.found else "Nothing was recognised. That is no proof that nothing is there.")
    if result.not_read:
        console.print(f"{result.not_read} columns hold no text and were not read.")


def column_labels(names: Sequence[str], find: Find) -> list[str]:
    """Names of columns as they may be shown: what is no plain word or holds an identifier becomes "column 3".

    In a file without a header the first record stands where the names should be.
    """
    plain = [bool(_PLAIN_NAME.fullmatch(name)) and not any(map(str.isdigit, name)) for name in names]
    found = find([name if fine else "" for name, fine in zip(names, plain, strict=True)])
    return [
        name if fine and not spans else f"column {place}"
        for place, (name, fine, spans) in enumerate(zip(names, plain, found, strict=True), start=1)
    ]


def _cells(table: TableFile, wanted: Sequence[int]) -> Iterator[Cell]:
    for row, cells in enumerate(table.cells(wanted), start=1):
        for cell in cells:
            yield Cell(row=row, column=cell.column, text=cell.text)


def _ordered(found: Scan) -> Iterable[tuple[int, EntityType]]:
    return sorted(found.found, key=lambda key: (key[0], -found.found[key], key[1]))


def _kind(found: Scan, key: tuple[int, EntityType], labels: Sequence[str], profile: Profile) -> FoundKind:
    place, kind = key
    operator = profile.operator(kind)
    return FoundKind(
        column=labels[place],
        column_number=place + 1,
        kind=kind.value,
        count=found.found[key],
        records=found.rows_with[key],
        operator="leave it" if operator is Operator.KEEP else operator.value,
        first_records=tuple(found.places[key]),
    )
