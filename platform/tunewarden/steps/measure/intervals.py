"""95 % intervals in closed form, for rows of which several may belong to one person.

Rows of one person are not independent, so a share over n rows is not worth n observations. Every interval here is as
wide as if all rows of one person said the same thing: n is replaced by the effective size (Kish 1965), the smallest it
can be, which needs no estimate of the correlation and no random numbers. With one row per person it is n itself.

Shares use Wilson's score interval (1927). Means and differences recover their variance from the intervals of their
parts: Newcombe 1998, Statistics in Medicine 17:873 (unpaired, method 10) and 17:2635 (paired, method 10); Zou and
Donner 2008. Unlike a bootstrap, they do not collapse where every row, or none, is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from math import sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from tunewarden.domain.gates import Measurement

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.str_]

ALPHA = 0.05
_RESAMPLES, _AT_ONCE = 4_000, 100
_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """An interval as it is written down: four decimal places, `low` rounded down and `high` up."""

    low: Decimal
    value: Decimal
    high: Decimal

    def measured(self, metric: str, n: int) -> Measurement:
        """This figure as evidence about `metric`, measured on `n` units."""
        return Measurement(metric=metric, low=self.low, value=self.value, high=self.high, n=n)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """low <= value <= high, before rounding."""

    low: float
    value: float
    high: float

    def figure(self) -> Figure:
        """This interval in decimals."""
        return Figure(
            low=Decimal(self.low).quantize(_PLACES, ROUND_FLOOR),
            value=decimal(self.value),
            high=Decimal(self.high).quantize(_PLACES, ROUND_CEILING),
        )


def decimal(number: float) -> Decimal:
    """`number` with four decimal places."""
    return Decimal(number).quantize(_PLACES, ROUND_HALF_EVEN)


def exactly(metric: str, value: Decimal, n: int) -> Measurement:
    """A figure that is counted or proven, not estimated: its interval is the figure."""
    return Measurement(metric=metric, low=value, value=value, high=value, n=n)


def critical(comparisons: int = 1) -> float:
    """The two-sided normal quantile at which `comparisons` intervals hold together with 95 % (Bonferroni)."""
    return NormalDist().inv_cdf(1 - ALPHA / (2 * comparisons))


def effective_size(persons: Integers) -> float:
    """How many independent observations these rows are worth at least: (sum m)^2 / sum m^2, m rows of each person.

    `persons` is int64[rows], one number for each row that tells persons apart.
    """
    rows_each = np.unique(persons, return_counts=True)[1].astype(np.float64)
    return float(rows_each.sum() ** 2 / (rows_each**2).sum())


def share(hits: Booleans, persons: Integers, z: float) -> Interval:
    """Wilson's interval of the share of true rows; `hits` and `persons` have one item a row, at least one."""
    return wilson(float(hits.mean()), effective_size(persons), z)


def wilson(value: float, size: float, z: float) -> Interval:
    """Wilson's interval of a share `value`, in [0, 1], of `size` independent observations, above 0."""
    centre = (value + z * z / (2 * size)) / (1 + z * z / size)
    half = z * sqrt(value * (1 - value) / size + z * z / (4 * size * size)) / (1 + z * z / size)
    return Interval(low=min(value, max(0.0, centre - half)), value=value, high=max(value, min(1.0, centre + half)))


def difference(first: Interval, second: Interval, correlation: float = 0.0) -> Interval:
    """Newcombe's interval of `first - second`: unpaired, or paired with the `correlation` between the two."""
    value = first.value - second.value
    below = _combined(first.value - first.low, second.high - second.value, correlation)
    above = _combined(first.high - first.value, second.value - second.low, correlation)
    return Interval(low=value - below, value=value, high=value + above)


def mean_of(parts: Sequence[Interval]) -> Interval:
    """The interval of the unweighted mean of independent `parts`, at least one."""
    value = sum(part.value for part in parts) / len(parts)
    below = sqrt(sum((part.value - part.low) ** 2 for part in parts)) / len(parts)
    above = sqrt(sum((part.high - part.value) ** 2 for part in parts)) / len(parts)
    return Interval(low=value - below, value=value, high=value + above)


def correlation(first: Booleans, second: Booleans, persons: Integers) -> float:
    """The correlation between two shares of the same rows, from the deviations summed over each person; 0 if constant.

    All three are [rows]. With one row per person it is the phi coefficient.
    """
    person = np.unique(persons, return_inverse=True)[1]
    one = np.bincount(person, weights=first - first.mean())
    other = np.bincount(person, weights=second - second.mean())
    scale = sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / scale if scale > 0 else 0.0


def paired_gain(first: Booleans, second: Booleans, persons: Integers) -> Interval:
    """How much larger the share of `first` is than that of `second` on the same rows; all three are [rows]."""
    z = critical()
    return difference(share(first, persons, z), share(second, persons, z), correlation(first, second, persons))


def mean(values: Floats, z: float | None = None) -> Interval:
    """Student's interval of the mean of `values`, float64[n], one for each person; n must be 2 or more.

    It holds as often as a normal one with the quantile `z` would; with 95 % where none is given.
    """
    half = student(len(values) - 1, z) * float(values.std(ddof=1)) / sqrt(len(values))
    value = float(values.mean())
    return Interval(low=value - half, value=value, high=value + half)


def within_one(values: Floats) -> Figure:
    """The mean of `values`, float64[n] in [0, 1], n at least 2; the interval does not leave that."""
    found = mean(values)
    return Interval(low=max(0.0, found.low), value=found.value, high=min(1.0, found.high)).figure()


def ratio(parts: Floats, wholes: Floats) -> Interval:
    """The interval of sum(parts) / sum(wholes), by linearisation; 1, as if all were missing, where all wholes are 0.

    Both are float64[n], not negative, one item for each person; n must be 2 or more.
    """
    if not wholes.any():
        return Interval(low=1.0, value=1.0, high=1.0)
    value = float(parts.sum() / wholes.sum())
    spread = mean((parts - value * wholes) / wholes.mean())
    return Interval(low=max(0.0, value + spread.low), value=value, high=value + spread.high)


def by_person(values: Floats, persons: Integers) -> Floats:
    """The mean of `values`, float64[rows], over the rows of each person: float64[persons]."""
    person = np.unique(persons, return_inverse=True)[1]
    return np.asarray(np.bincount(person, weights=values) / np.bincount(person), dtype=np.float64)


def person_share(values: Floats, persons: Integers, z: float) -> Interval:
    """Wilson's interval of the mean over persons of their mean over rows; `values` are [rows], each in [0, 1].

    Of all values in [0, 1] with one mean, those that are only 0 and 1 vary most: for others it is rather too wide.
    """
    each = by_person(values, persons)
    return wilson(min(1.0, max(0.0, float(each.mean()))), len(each), z)


def bootstrap(values: Floats) -> Interval:
    """The percentile bootstrap of the mean of `values`, float64[n], one for each person (Efron 1979); n is 2 or more.

    4,000 resamples of persons from a fixed seed, so that the figure can be had again. The percentiles are moved out as
    far as Student's quantile is from the normal one (Hesterberg 2015, Am. Stat. 69:371): plain ones are too narrow.
    It is a point where all persons are alike, so whoever calls it sees to it that they are not few.
    """
    people = len(values)
    dice, place = np.random.default_rng(0), np.arange(people)
    means = np.concatenate(
        [values[dice.choice(place, (_AT_ONCE, people))].mean(axis=1) for _ in range(_RESAMPLES // _AT_ONCE)]
    )
    outside = NormalDist().cdf(-sqrt(people / (people - 1)) * student(people - 1))
    low, high = np.quantile(means, [outside, 1 - outside])
    value = float(values.mean())
    return Interval(low=min(float(low), value), value=value, high=max(float(high), value))


def student(freedom: int, z: float | None = None) -> float:
    """The quantile of Student's t beyond which there is as much as beyond the normal `z`; 95 % two-sided for none.

    To 0.01 from 5 degrees of freedom on at 95 %, and from 29 on up to `z` of 4 (Abramowitz, Stegun 26.7.5).
    """
    z = critical() if z is None else z
    first = (z**3 + z) / 4
    second = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    third = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + first / freedom + second / freedom**2 + third / freedom**3


def _combined(one: float, other: float, correlation: float) -> float:
    return sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))
