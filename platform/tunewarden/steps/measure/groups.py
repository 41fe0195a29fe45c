"""Groups of held-out persons by protected attribute: which are large enough to be compared, and what may be told.

A group is assessable where it and the rest have enough persons. Others are listed, never assumed to be fine. Counts
below 10 are withheld, and one more where a withheld count could be had by subtraction. Of the persons of a group who
have a class none are told where a group of the attribute has 1 to 9 of some class, nor is how often who does not have a
class is given it, with which they could be worked out.

That keeps counts from being read, not from being worked out. Not covered: a rate is a fraction of whole numbers and an
interval is the wider the fewer persons it rests on, so whoever knows the formulas can narrow down how many those are,
and how many errors are among them; and what the table of confusions, figures over all classes (`coarse.py`) and figures
of other models of the same persons tell together. All of it is of exact figures, which leave only where the steward
declared that those persons agreed or that the records are public; noisy figures (`noisy.py`) are where a bound is
proven.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

import numpy as np

from tunewarden.steps.measure.intervals import Booleans, Figure, Integers, Strings

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


def assessed_share(compared: Candidates, persons: Integers) -> Figure | None:
    """The share of persons all of whose rows are in groups that are compared, for the attribute where it is smallest.

    `persons` is int64[rows]. Counted on those at hand, not estimated: all three ends are one number. It is rounded down
    to steps of 0.01, or of ten persons where those are more, so that no small group can be had by subtraction. None
    without attributes.
    """
    if not compared:
        return None
    everybody = count(persons, np.ones(len(persons), dtype=np.bool_))
    outside = max(_outside(groups, persons) for groups in compared.values())
    step = max(Decimal(1), Decimal(100 * LEAST_SHOWN / everybody).to_integral_value(ROUND_CEILING)) / 100
    told = Decimal(1) if not outside else step * (Decimal(everybody - outside) / everybody // step)
    return Figure(low=told, value=told, high=told)


def _outside(groups: Sequence[Candidate], persons: Integers) -> int:
    """How many have a row in none of these groups."""
    inside = np.zeros(len(persons), dtype=np.bool_)
    for each in groups:
        inside |= each.members
    return count(persons, ~inside)


def tells_classes(groups: Sequence[Candidate], labels: Integers, persons: Integers) -> bool:
    """Whether of no group of an attribute 1 to 9 persons have some class; all are [rows], `groups` all there are."""
    place = np.zeros(len(labels), dtype=np.int64)
    for number, group in enumerate(groups):
        place[group.members] = number
    classes, labelled = np.unique(labels, return_inverse=True)
    cells, people = place * len(classes) + labelled, int(persons.max(initial=0)) + 1
    whose = np.unique(cells * people + persons)  # each person once in each cell; one number sorts faster than three
    return bool((np.unique(whose // people, return_counts=True)[1] >= LEAST_SHOWN).all())


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
    """How many persons have one of these rows; both are [rows], and persons are numbered from 0."""
    return int(np.count_nonzero(np.bincount(persons[among])))


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
