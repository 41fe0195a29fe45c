"""What may be said about the contents of a table: counts, and none that is about fewer than ten persons.

No text, no value and no sample stands in a report. Rows are told in cells (by length, by class ...), and a cell that
fewer than ten persons stand in is held back with as many others as it takes that nobody computes it from the sum: the
rule of small cells of official statistics (primary and complementary suppression; Hundepool et al. 2012, "Statistical
Disclosure Control", ch. 4). Ten is our choice. The numbers of rows and persons are told as they are.

Not protected against: what comparing the reports of two versions of one dataset tells, and what somebody knows who put
rows of made-up persons in. A report is read by those who may read the dataset's description, and by nobody else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

FEWEST_PERSONS = 10


class Form(StrEnum):
    """What is learnt from a row. Preference pairs are checked and described; nothing is trained on them yet."""

    CLASSES = "text-and-label"
    COMPLETIONS = "prompt-and-completion"
    CONVERSATIONS = "chat-messages"
    PREFERENCES = "preference-pairs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Rows that are alike in one way, and how many different persons they belong to; None: held back, and above 0."""

    name: str
    rows: int | None
    persons: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """Statistics of one table. Every tuple but `persons_by_rows` parts all rows; empty: does not apply.

    A row that belongs to several persons counts for its first one, except in `persons_by_rows`.

    Attributes:
        form: what is learnt.
        rows, persons: counts; without a column of persons every row is another one.
        columns: how many columns of the file were read.
        repeats: `first` of its kind, `own-word-for-word` and `other-word-for-word` where an earlier row of the same or
            only of another person has the same text, `alike` where an earlier row differs in case, digits and signs.
        agreement: `agrees`, or `contradicted` where another row has the same text and another class.
        blanks: `complete`, or `blank` where the text, or what is learnt, is empty.
        classes: by class; those that are held back are named `other-1`, `other-2` ..., not by their label.
        scripts: by the script of most letters of the text's beginning, as Unicode names it. That is not a language.
        text_lengths, completion_lengths: by characters (code points), in powers of two, such as `16-31`.
        token_lengths: by tokens of text and completion together, where a tokenizer was given.
        persons_by_rows: persons by how many rows they have; the privacy unit is the person.
    """

    form: Form
    rows: int
    persons: int
    columns: int
    repeats: tuple[Cell, ...]
    agreement: tuple[Cell, ...]
    blanks: tuple[Cell, ...]
    classes: tuple[Cell, ...]
    scripts: tuple[Cell, ...]
    text_lengths: tuple[Cell, ...]
    completion_lengths: tuple[Cell, ...]
    persons_by_rows: tuple[Cell, ...]
    token_lengths: tuple[Cell, ...] = field(default=())


def tellable(cells: Iterable[Cell]) -> tuple[Cell, ...]:
    """The cells in their order, without those of no rows, and with what may not be told held back.

    Smallest first, cells are held back until each that has fewer than ten persons is, and those held back together
    have ten or more. A single cell of them all needs no other: the whole is told anyway.
    """
    found = [cell for cell in cells if cell.rows]
    hidden: set[str] = set()
    together = 0
    for cell in sorted(found, key=lambda cell: cell.persons or 0):
        persons = cell.persons or 0
        if persons < FEWEST_PERSONS or 0 < together < FEWEST_PERSONS:
            hidden.add(cell.name)
            together += persons
    return tuple(Cell(name=cell.name, rows=None, persons=None) if cell.name in hidden else cell for cell in found)


def size_class(size: int) -> str:
    """The name of the power of two that a length falls into: `0`, `1`, `2-3`, `4-7`, `8-15` ..."""
    if size < 2:
        return str(size)
    low = 1 << (size.bit_length() - 1)
    return f"{low}-{2 * low - 1}"
