"""Which rows are kept so that no person has more than so many, where a row may belong to several persons."""

from collections import Counter
from collections.abc import Collection, Iterable

from tunewarden.domain.errors import Malformed, Refused


def rows_of_several_persons(rows: int) -> Refused:
    """The error for so many rows of several persons where the privacy unit is the person.

    One person's gradient is clipped by itself; that of a row of two is in neither's alone.
    """
    return Refused(
        "rows_of_several_persons",
        f"{rows} rows belong to several persons; where the privacy unit is the person, a row belongs to one.",
        remedy="Ask for the unit 'record' with rows_per_person, where policies/training.toml allows it: every row is "
        "then clipped for itself, and epsilon still counts all rows of a person together.",
        who="requester",
        param="governance.privacy.unit",
    )


def kept_rows(owners: Iterable[Collection[str]], at_most: int) -> list[int]:
    """Indices, ascending, of rows that can be kept so that every person is an owner of at most `at_most` of them.

    Greedy in the order given: a row is kept unless one of its owners has enough already (Ganesh et al., arXiv
    2503.03622). No row is left out that could still be added. It looks at who owns what and at nothing else of a row.
    A row without an owner cannot be counted for anybody: raises `Malformed`.

    With one owner for each row, adding or removing a person changes nothing for anybody else. With several, leaving out
    a person's row may let somebody else's in; a promise then is about what the rows say, with the owners as they are,
    and not about who owns what.
    """
    if at_most < 1:
        raise Malformed("contributions_out_of_range", "At least one row of every person is kept.")
    counts: Counter[str] = Counter()
    kept = []
    for row, persons in enumerate(owners):
        if not persons:
            raise Malformed("row_without_owner", "A row belongs to nobody; nobody could be protected.")
        theirs = frozenset(persons)
        if all(counts[person] < at_most for person in theirs):
            counts.update(theirs)
            kept.append(row)
    return kept
