"""A table on its way: its rows as records for the release, and the released records as a table again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tunewarden.domain.errors import Corrupted, Malformed
from tunewarden.domain.identifiers import EntityType
from tunewarden.domain.names import DatasetId, Digest
from tunewarden.domain.pseudonyms import pseudonym
from tunewarden.drivers.file_vault import FileVault
from tunewarden.drivers.table_cells import Cell
from tunewarden.drivers.table_files import TableFile
from tunewarden.drivers.table_owners import owners_of
from tunewarden.entry.cli.deid_columns import Parts
from tunewarden.steps.deidentify.source import SourceRecord
from tunewarden.steps.records import CleanRecord

FILES = DatasetId("files")
"""Under which a vault keeps the persons of files: the same person is the same in every file of one vault."""

Released = tuple[CleanRecord, Mapping[str, str]]
"""A released record and its protected columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row: its records, one for each treated cell, and the cells that are written anew, in their order.

    A row without a text has one empty record where its person has protected columns or a label: they count too.
    """

    persons: tuple[str, ...]
    records: tuple[SourceRecord, ...]
    cells: tuple[Cell, ...]

    @property
    def stands_in(self) -> bool:
        """Whether the row has no text of its own."""
        return len(self.records) == 1 and not self.records[0].text


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows of a checked table.

    Attributes:
        labels: names of the columns as they may be shown.
        rewritten: whether protected columns are written anew, because a k may want some of them gone.
    """

    table: TableFile
    parts: Parts
    labels: Sequence[str]
    source: Digest
    vault: FileVault
    rewritten: bool
    classes: dict[str, int] = field(default_factory=dict)
    """Label -> its number, as they come."""

    def __iter__(self) -> Iterator[Row]:
        parts = self.parts
        single = {place for place in (parts.person, parts.label) if place is not None}
        wanted = {*parts.treated, *parts.known, *parts.protected, *single}
        for number, cells in enumerate(self.table.cells(wanted), start=1):
            yield self._row(number, cells)

    def source_records(self) -> Iterator[SourceRecord]:
        """Of all rows. Raises `Malformed` where no row has a text, or one does not name its person."""
        some = False
        for row in self:
            some = some or any(record.text for record in row.records)
            yield from row.records
        if not some:
            raise Malformed("file_empty", "The columns to be de-identified hold no text.", param="--column")

    def write(self, released: Iterator[Released], out: Path) -> Written:
        """Write the table anew. `released` are clean records with their protected columns, in order."""
        written = Written()

        def texts() -> Iterator[Sequence[str] | None]:
            for row in self:
                names = [pseudonym(self.vault.tenant_key, FILES, person) for person in row.persons]
                if None in self.vault.keys(FILES, names).values():
                    written.left_out += 1
                    yield None
                    continue
                written.without_text += row.stands_in
                yield list(self._texts(row, names, [_next_of(released, names) for _ in row.records]))

        self.table.rewrite(out, self._written_places(), self.parts.dropped, texts())
        if next(released, None) is not None:  # reading on to the end is what checks all that was read
            raise _changed()
        return written

    def _texts(self, row: Row, names: Sequence[str], released: Sequence[Released]) -> Iterator[str]:
        clean = iter(released)
        for cell in row.cells:
            if cell.column == self.parts.person:
                yield (self.parts.separator or "").join(names)
            elif cell.column in self.parts.protected:
                # As it was, unless it was given up for k: several cells of one column are one value there.
                given = released[0][1][self.labels[cell.column]]
                yield cell.text if given == row.records[0].protected[self.labels[cell.column]] else given
            else:
                yield next(clean)[0].text

    def _written_places(self) -> set[int]:
        again = self.parts.protected if self.rewritten else ()
        return {*self.parts.treated, *again, *(() if self.parts.person is None else (self.parts.person,))}

    def _row(self, number: int, cells: Sequence[Cell]) -> Row:
        parts, persons = self.parts, self._persons(cells, number)
        first, *others = persons
        known: dict[EntityType, tuple[str, ...]] = {}
        for cell in cells:
            if cell.column in parts.known:
                kind = parts.known[cell.column]
                known[kind] = (*known.get(kind, ()), cell.text.strip())
        protected = {self.labels[place]: _joined(cells, place) for place in parts.protected}
        label = 0 if parts.label is None else self._class(_joined(cells, parts.label))
        texts = [cell.text for cell in cells if cell.column in parts.treated]
        if not texts and (protected or parts.label is not None):
            texts = [""]
        places = self._written_places()
        return Row(
            persons=persons,
            records=tuple(
                SourceRecord(
                    label=label, person=first, others=tuple(others), protected=protected, text=text, known=known
                )
                for text in texts
            ),
            cells=tuple(cell for cell in cells if cell.column in places),
        )

    def _persons(self, cells: Sequence[Cell], number: int) -> tuple[str, ...]:
        if self.parts.person is None:
            return (f"{self.source} row {number}",)  # every row is another person, in every file
        named = [cell.text.strip() for cell in cells if cell.column == self.parts.person]
        if len(named) != 1:
            raise Malformed(
                "person_missing",
                f"Row {number} does not name one person in column {self.parts.person + 1}.",
                remedy="Complete the row or leave it out.",
                param="--person",
            )
        return owners_of(named[0], self.parts.separator, number, _about_persons)

    def _class(self, label: str) -> int:
        return self.classes.setdefault(label, len(self.classes))


@dataclass(slots=True)
class Written:
    """Rows of forgotten persons that were left out, and rows written that have no text."""

    left_out: int = 0
    without_text: int = 0


def _joined(cells: Iterable[Cell], place: int) -> str:
    return " | ".join(cell.text.strip() for cell in cells if cell.column == place)


def _about_persons(code: str, reason: str, remedy: str) -> Malformed:
    return Malformed(code, reason, remedy=remedy, param="--person")


def _next_of(released: Iterator[Released], names: Sequence[str]) -> Released:
    found = next(released, None)
    if found is None or list(found[0].persons) != names:
        raise _changed()
    return found


def _changed() -> Corrupted:
    return Corrupted("record_count", "The released texts are not those of the file; it changed meanwhile.")
