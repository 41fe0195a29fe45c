"""What may be said about the contents of a table: counts, and none that is about fewer than ten persons.

No text, no value and no sample stands in a report. Rows are told in cells (by length, by class ...), and a cell that
fewer than ten persons stand in is held back with as many others as it takes that nobody computes it from the sum: the
rule of small cells of official statistics (primary and complementary suppression; Hundepool et al. 2012, "Statistical
Disclosure Control", ch. 4). Ten is our choice. The numbers of rows and persons are told as they are.

Not protected against: what comparing the reports of two versions of one dataset tells, how many persons stand in no row
of a cell, that one person has most rows of a cell, and what somebody knows who put rows of made-up persons in. A report
is read by those who may read the dataset's description, and by nobody else.
"""

from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass, field, replace
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
        classes: by class; those held back come last, as `other-1`, `other-2` ... in no order, not by their label.
        scripts: by the script of most letters of the text's beginning, as Unicode names it, and as classes where few
            write it. That is not a language.
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


def tellable(cells: Iterable[Cell], together: Callable[[Set[str]], int]) -> tuple[Cell, ...]:
    """The cells in their order, without those of no rows, and with what may not be told held back.

    That is each cell that has fewer than ten persons; and where those held back have fewer than ten together, who may
    stand in several of them, the smallest of the others too. Where all are held back, the whole is told anyway.
    `together` is how many different persons stand in the cells of these names.
    """
    found = [cell for cell in cells if cell.rows]
    hidden = {cell.name for cell in found if _is_small(cell)}
    others = [cell for cell in found if cell.name not in hidden]
    if hidden and others and together(hidden) < FEWEST_PERSONS:
        hidden.add(min(others, key=lambda cell: cell.persons or 0).name)
    return tuple(Cell(name=cell.name, rows=None, persons=None) if cell.name in hidden else cell for cell in found)


def unnamed(told: Iterable[Cell]) -> tuple[Cell, ...]:
    """The cells that are told, where a name says something of somebody: a class, or a script.

    Those held back come last, as `other-1`, `other-2` ...: a name would say that ten persons or more stand in that one,
    and a place between others how many rows it has, or in which of a few scripts it is written.
    """
    cells = list(told)
    held_back = [cell for cell in cells if cell.rows is None]
    others = [replace(cell, name=f"other-{number}") for number, cell in enumerate(held_back, start=1)]
    return (*(cell for cell in cells if cell.rows is not None), *others)


def _is_small(cell: Cell) -> bool:
    return (cell.persons or 0) < FEWEST_PERSONS


def size_class(size: int) -> str:
    """The name of the power of two that a length falls into: `0`, `1`, `2-3`, `4-7`, `8-15` ..."""
    if size < 2:
        return str(size)
    low = 1 << (size.bit_length() - 1)
    return f"{low}-{2 * low - 1}"
