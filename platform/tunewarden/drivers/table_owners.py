"""The persons that one cell names, where a row may belong to several."""

from collections.abc import Callable

from tunewarden.domain.errors import Malformed

MOST_OWNERS = 32


Fault = Callable[[str, str, str], Malformed]
"""(code, reason, remedy) -> an error about the column of the person."""


def owners_of(cell: str, separator: str | None, number: int, fault: Fault) -> tuple[str, ...]:
    """The persons of row `number`, each once, in the order of the cell; blanks around each are no part of them.

    Without a separator the cell is one person, as it is. Raises `Malformed` where nobody stands between two separators
    (a person who was left out there could not be protected), and for more than `MOST_OWNERS`.
    """
    if separator is None:
        return (cell,)
    named = [name.strip() for name in cell.split(separator)]
    if not all(named):
        raise fault(
            "person_empty",
            f"Row {number} names nobody before, between or behind its separators.",
            "Complete the row, or leave the separator out.",
        )
    owners = tuple(dict.fromkeys(named))
    if len(owners) > MOST_OWNERS:
        raise fault(
            "too_many_persons",
            f"Row {number} belongs to {len(owners)} persons, at most {MOST_OWNERS}.",
            "Split the record, or leave it out.",
        )
    return owners
