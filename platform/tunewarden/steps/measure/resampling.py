"""The bootstrap over persons of figures that are computed from sums.

Whatever a figure needs of a person is summed over that person's rows first; then persons are drawn with replacement
(Efron 1979, Ann. Stat. 7:1) and their sums added up. So rows are touched once, however often persons are drawn. Persons
with the same sums are drawn together, as one multinomial count: with few different ones, as where only answers are
counted, 4,000 resamples take milliseconds. The seed is fixed, so that a figure can be had again, and persons are put in
the order of their sums, so that the order they came in changes nothing.

A figure is worth stating where its rows are worth `LEAST_PERSONS` independent ones (`intervals.effective_size`): with
fewer, or where one person has most of the rows, resamples say too little of how far it may be off.
"""

from math import sqrt
from statistics import NormalDist

import numpy as np

from tunewarden.steps.measure.groups import LEAST_PERSONS
from tunewarden.steps.measure.intervals import Floats, Integers, Interval, effective_size, student

RESAMPLES = 4_000
_AT_ONCE = 100
_FEW = 8  # persons for each different one, from which on drawing counts is cheaper than drawing persons


def enough(persons: Integers) -> bool:
    """Whether rows of these `persons`, int64[rows], may be none, are worth so many independent ones."""
    return len(persons) > 0 and effective_size(persons) >= LEAST_PERSONS


def sums_of(values: Floats, persons: Integers) -> Floats:
    """What each person's rows add up to: float64[persons, parts] from float64[rows, parts] and int64[rows]."""
    person = np.unique(persons, return_inverse=True)[1]
    sums = np.zeros((int(person.max(initial=-1)) + 1, values.shape[1]))
    np.add.at(sums, person, values)
    return sums


def resamples(sums: Floats, count: int = RESAMPLES) -> Floats:
    """What as many persons, drawn with replacement, add up to: float64[count, parts] from float64[persons, parts]."""
    different, times = np.unique(sums, axis=0, return_counts=True)
    people, dice = len(sums), np.random.default_rng(0)
    if len(different) * _FEW <= people:
        return np.asarray(dice.multinomial(people, times / people, size=count) @ different, dtype=np.float64)
    kind = np.repeat(np.arange(len(different)), times)
    found = np.empty((count, sums.shape[1]))
    for begin in range(0, count, _AT_ONCE):
        some = min(_AT_ONCE, count - begin)
        drawn = kind[dice.integers(people, size=(some, people))] + len(different) * np.arange(some)[:, None]
        drawn_times = np.bincount(drawn.ravel(), minlength=some * len(different)).reshape(some, -1)
        found[begin : begin + some] = drawn_times @ different
    return found


def percentiles(drawn: Floats, value: float, people: int) -> Interval | None:
    """The 95 % percentile interval around `value` of what was drawn of `people`, 2 or more: float64[resamples].

    The percentiles are moved out as in `intervals.bootstrap`. None where a resample has no such figure, as the recall
    of a class that nobody in it has.
    """
    if not (np.isfinite(drawn).all() and np.isfinite(value)):
        return None
    outside = NormalDist().cdf(-sqrt(people / (people - 1)) * student(people - 1))
    low, high = np.quantile(drawn, [outside, 1 - outside])
    return Interval(low=min(float(low), value), value=value, high=max(float(high), value))
