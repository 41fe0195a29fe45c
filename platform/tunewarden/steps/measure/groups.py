"""Groups of held-out persons by protected attribute: which are large enough to be compared, and what may be told.

A group is assessable where it and the rest have enough persons. Others are listed, never assumed to be fine. Counts
below 10 are withheld, and one more where a withheld count could be had by subtraction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tunewarden.steps.measure.intervals import Booleans, Figure, Integers, Interval, Strings

LEAST_PERSONS = 30
LEAST_SHOWN = 10
_LISTED = 50  # groups that are too small, of one attribute; a column of free text has thousands


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallGroup:
    """A group that could not be assessed.

    The groups of an attribute below 10 persons, and those beyond the 50 largest, are one line without a name.
    """

    attribute: str
    group: str | None
    persons: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One value of one attribute, with its rows, bool[rows]. `shown` is the number of persons, where it may be told."""

    attribute: str
    group: str
    members: Booleans
    persons: int
    shown: int | None
    assessable: bool


Candidates = Mapping[str, Sequence[Candidate]]
"""Protected attribute -> its values, the largest group first."""


def candidates(persons: Integers, attributes: Mapping[str, Sequence[str]], least_persons: int) -> Candidates:
    """Every group of every attribute. `persons` is int64[rows]; `attributes` has the value of every row."""
    return {
        attribute: list(_of_attribute(persons, attribute, np.asarray(values, dtype=np.str_), least_persons))
        for attribute, values in attributes.items()
    }


def assessable(found: Candidates) -> Candidates:
    """Those of every attribute that can be compared with the rest."""
    return {attribute: [each for each in groups if each.assessable] for attribute, groups in found.items()}


def assessed_share(compared: Candidates, rows: int) -> Figure | None:
    """The share of rows in groups that are compared, for the attribute where it is smallest; None without attributes.

    Counted on the rows at hand, not estimated: all three ends are one number, rounded down.
    """
    if not compared:
        return None
    least = min(sum(int(each.members.sum()) for each in groups) for groups in compared.values()) / rows
    counted = Interval(low=least, value=least, high=least).figure().low
    return Figure(low=counted, value=counted, high=counted)


def small_groups(found: Candidates) -> tuple[SmallGroup, ...]:
    """The groups that could not be assessed, attribute by attribute."""
    return tuple(line for groups in found.values() for line in _small_of_attribute(groups))


def largest(shortfalls: Sequence[Figure]) -> Figure | None:
    """The largest of several shortfalls; because they hold together, so does the largest of their ends."""
    if not shortfalls:
        return None
    return Figure(
        low=max(each.low for each in shortfalls),
        value=max(each.value for each in shortfalls),
        high=max(each.high for each in shortfalls),
    )


def count(persons: Integers, among: Booleans) -> int:
    """How many persons have one of these rows; both are [rows]."""
    return len(np.unique(persons[among]))


def _of_attribute(persons: Integers, attribute: str, values: Strings, least_persons: int) -> Iterator[Candidate]:
    sizes = {str(group): count(persons, values == group) for group in np.unique(values)}
    withheld = _withheld(sizes)
    for group, size in sorted(sizes.items(), key=lambda item: (-item[1], item[0])):
        members = values == group
        yield Candidate(
            attribute=attribute,
            group=group,
            members=members,
            persons=size,
            shown=None if group in withheld else size,
            assessable=min(size, count(persons, ~members)) >= least_persons,
        )


def _withheld(sizes: Mapping[str, int]) -> set[str]:
    """The groups below 10; also the next smallest, where the others would give away that few are left for these."""
    small = {group for group, size in sizes.items() if size < LEAST_SHOWN}
    others = sorted(sizes.keys() - small, key=lambda group: sizes[group])
    return small | set(others[:1]) if 0 < sum(sizes[group] for group in small) < LEAST_SHOWN else small


def _small_of_attribute(groups: Sequence[Candidate]) -> Iterator[SmallGroup]:
    small = [each for each in groups if not each.assessable]
    named = [each for each in small if each.persons >= LEAST_SHOWN][:_LISTED]
    for each in named:
        yield SmallGroup(attribute=each.attribute, group=each.group, persons=each.shown)
    if len(small) > len(named):
        together = sum(each.persons for each in small[len(named) :])
        yield SmallGroup(
            attribute=small[0].attribute, group=None, persons=together if together >= LEAST_SHOWN else None
        )
