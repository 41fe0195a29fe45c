"""Looking through a table: how many identifiers of which kind stand in which column, and where; never what they are."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from tunewarden.domain.identifiers import EntityType
from tunewarden.steps.deidentify.reading import Find, everywhere, read_in_batches
from tunewarden.steps.deidentify.spans import Span, resolve

MOST_PLACES = 100  # rows that are remembered for each kind and column


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A text of the table: `row` from 1, `column` by its place from 0."""

    row: int
    column: int
    text: str

    @property
    def where(self) -> str:
        """For a refusal."""
        return f"row {self.row}, column {self.column + 1}"


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
    for batch in read_in_batches(find, cells):
        for cell, found in zip(batch.items, batch.found, strict=True):
            done.add(cell, resolve(everywhere(cell.text, found)))
        last = batch.items[-1].row
        if progress is not None and last > row:
            progress(last - row)
            row = last
    return done
