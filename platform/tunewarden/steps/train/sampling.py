"""Who takes part in an update: Poisson sampling of persons, from the operating system's randomness only.

The accountant assumes that every person takes part independently with the same probability (Abadi et al., arXiv
1607.00133; Mironov, Talwar and Zhang, arXiv 1908.10530). Shuffled batches accounted as Poisson leak up to four times
more than stated (arXiv 2411.10614), so there are none here. A draw may be empty.

One process draws for all workers: were each to draw for itself, equal seeds would give equal draws, and one that drew
nobody would leave the others waiting.
"""

import os
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from secrets import SystemRandom

import numpy as np
from numpy.typing import NDArray

from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Plan
from tunewarden.steps.train.rows import Rows

_WORDS = 2**64


def draw_update(plan: Plan, rows: Rows) -> Sequence[NDArray[np.int64]]:
    """Who takes part in one update of `plan`: the rows of each drawn person, int64[1 to rows per person].

    Where the privacy unit is the record, every row is drawn for itself and stands alone.
    """
    if plan.mechanism.unit is PrivacyUnit.RECORD:
        return list(draw_persons(plan.mechanism.sampling_rate, len(rows.labels)).reshape(-1, 1))
    drawn = draw_persons(plan.mechanism.sampling_rate, rows.persons)
    return [draw_rows(rows.of(person), plan.recipe.rows_per_person) for person in drawn]


def draw_persons(sampling_rate: Decimal, persons: int) -> NDArray[np.int64]:
    """Indices below `persons`, ascending, each present independently with `sampling_rate`: int64[drawn].

    The probability is the rate rounded down to a multiple of 2**-64: never above what is accounted.
    """
    below = int(Fraction(sampling_rate) * _WORDS)
    if below >= _WORDS:
        return np.arange(persons, dtype=np.int64)
    words = np.frombuffer(os.urandom(8 * persons), dtype=np.uint64)
    return np.flatnonzero(words < np.uint64(below)).astype(np.int64)


def draw_rows(rows: NDArray[np.int64], at_most: int) -> NDArray[np.int64]:
    """At most `at_most` of one person's rows, drawn afresh without replacement."""
    if len(rows) <= at_most:
        return rows
    return rows[np.sort(np.array(SystemRandom().sample(range(len(rows)), at_most), dtype=np.int64))]
