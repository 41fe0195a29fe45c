"""Rows counted by the class that they have and the one they were given, and what follows from the counts.

Counts add up over persons, so every figure here can be computed of what was drawn in a bootstrap over persons, all
resamples at once; `resampling.py` says how.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tunewarden.steps.measure.intervals import Floats, Integers, Interval
from tunewarden.steps.measure.resampling import RESAMPLES, enough, percentiles, resamples, sums_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Of rows, once or once for each of n resamples; only the classes that occur.

    Attributes:
        has: float64[n, classes], rows that have a class.
        given, right: float64[n, answers, classes], rows that each of those who answer gave it, and gave it rightly.
    """

    has: Floats
    given: Floats
    right: Floats

    @classmethod
    def of(cls, sums: Floats, answers: int) -> "Counts":
        """Of float64[n, (1 + 2 * answers) * classes], in the order of the attributes."""
        parts = sums.reshape(len(sums), 1 + 2 * answers, -1)
        return cls(has=parts[:, 0], given=parts[:, 1 : 1 + answers], right=parts[:, 1 + answers :])

    def precision(self, answer: int) -> Floats:
        """Macro, float64[n]; not a number where a class is given to no row."""
        with np.errstate(invalid="ignore"):
            found: Floats = (self.right[:, answer] / self.given[:, answer]).mean(axis=1)
        return found

    def f1_by_class(self, answer: int) -> Floats:
        """float64[n, classes]; not a number where a class is neither had nor given."""
        with np.errstate(invalid="ignore"):
            found: Floats = 2 * self.right[:, answer] / (self.has + self.given[:, answer])
        return found

    def f1(self, answer: int) -> Floats:
        """Macro, float64[n]."""
        return np.asarray(self.f1_by_class(answer).mean(axis=1), dtype=np.float64)

    def majority_f1(self) -> Floats:
        """Macro, float64[n], of always answering the class that most of these very rows have."""
        most = self.has.max(axis=1)
        return np.asarray(2 * most / (self.has.sum(axis=1) + most) / self.has.shape[1], dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Rows, counted and drawn again.

    Attributes:
        present: the classes that occur, int64[classes].
        total, drawn: of the rows as they are, and of every resample.
        enough_have: whether each class that occurs is had by enough persons; else nothing macro is stated.
        enough_given: whether it is also given to enough persons by the first who answers.
    """

    persons: int
    present: Integers
    total: Counts
    drawn: Counts
    enough_have: tuple[bool, ...]
    enough_given: tuple[bool, ...]

    @classmethod
    def of(cls, labels: Integers, answers: Sequence[Integers], persons: Integers, count: int = RESAMPLES) -> "Counted":
        """The answers of one or several to rows, at least one; all are int64[rows]. `count` resamples are drawn."""
        present = np.unique(labels)
        has = labels[:, None] == present
        given = [answered[:, None] == present for answered in answers]
        rows = np.concatenate([has, *given, *(each & has for each in given)], axis=1)
        sums = sums_of(rows.astype(np.float64), persons)
        return cls(
            persons=len(sums),
            present=present,
            total=Counts.of(sums.sum(axis=0)[None], len(answers)),
            drawn=Counts.of(resamples(sums, count), len(answers)),
            enough_have=tuple(enough(persons[rows_of]) for rows_of in has.T),
            enough_given=tuple(enough(persons[rows_of]) for rows_of in given[0].T),
        )

    def interval(self, compute: Callable[[Counts], Floats]) -> Interval | None:
        """Of a macro figure; None where too few persons have one of the classes."""
        if not all(self.enough_have):
            return None
        return percentiles(compute(self.drawn), float(compute(self.total)[0]), self.persons)

    def f1_of(self, place: int) -> Interval | None:
        """Of the class at this place of `present`, by the first who answers."""
        if not self.enough_have[place]:
            return None
        drawn, value = self.drawn.f1_by_class(0)[:, place], self.total.f1_by_class(0)[0, place]
        return percentiles(drawn, float(value), self.persons)
