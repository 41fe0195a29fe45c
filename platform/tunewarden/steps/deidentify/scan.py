"""Looking through a table: how many identifiers of which kind stand in which column, and where; never what they are."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.spans import Span, propagate, resolve

MOST_PLACES = 100  # rows that are remembered for each kind and column
_TOGETHER = 256
_MOST_CHARACTERS = 400_000

Find = Callable[[Sequence[str]], Sequence[Sequence[Span]]]
"""`Detector.find`: texts -> candidates in each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A text of the table: `row` from 1, `column` by its place from 0."""

    row: int
    column: int
    text: str


@dataclass(slots=True, kw_only=True)
class Scan:
    """What was found. It grows with kinds and columns, not with rows.

    Attributes:
        found: (column, kind) -> how many.
        rows_with: (column, kind) -> in how many rows.
        places: (column, kind) -> the first rows, up to `MOST_PLACES`.
        characters: that were read.
    """

    found: Counter[tuple[int, EntityType]] = field(default_factory=Counter)
    rows_with: Counter[tuple[int, EntityType]] = field(default_factory=Counter)
    places: dict[tuple[int, EntityType], list[int]] = field(default_factory=dict)
    characters: int = 0

    def add(self, cell: Cell, spans: Iterable[Span]) -> None:
        """Count the identifiers of one cell; cells come in the order of their rows."""
        self.characters += len(cell.text)
        for kind, count in Counter(span.entity for span in spans).items():
            key = (cell.column, kind)
            self.found[key] += count
            places = self.places.setdefault(key, [])
            if not places or places[-1] != cell.row:
                self.rows_with[key] += 1
                if len(places) < MOST_PLACES:
                    places.append(cell.row)


def scan(find: Find, cells: Iterable[Cell], progress: Callable[[int], None] | None = None) -> Scan:
    """Read every cell once. `progress` is told after every batch how many rows are behind it."""
    done = Scan()
    row = 0
    for batch in _batches(cells):
        found = find([cell.text for cell in batch])
        for cell, candidates in zip(batch, found, strict=True):
            done.add(cell, resolve([*candidates, *propagate(cell.text, candidates)]))
        if progress is not None and batch[-1].row > row:
            progress(batch[-1].row - row)
            row = batch[-1].row
    return done


def _batches(cells: Iterable[Cell]) -> Iterator[list[Cell]]:
    batch: list[Cell] = []
    room = _MOST_CHARACTERS
    for cell in cells:
        if batch and (len(batch) == _TOGETHER or len(cell.text) > room):
            yield batch
            batch, room = [], _MOST_CHARACTERS
        batch.append(cell)
        room -= len(cell.text)
    if batch:
        yield batch
