"""Probabilities of classes, scored: log loss, Brier score and calibration, and what follows from sums of scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tunewarden.domain.errors import Refused
from tunewarden.steps.measure.intervals import Floats, Integers, Interval
from tunewarden.steps.measure.resampling import RESAMPLES, percentiles, resamples, sums_of

BINS = 15
"""Of the calibration error: equal width, by the probability of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Sums over rows, once or once for each of n resamples.

    Attributes:
        rows, brier: float64[n].
        losses: float64[n, answers], of each of those who answer.
        over: float64[n, BINS], how much surer the first who answers was than it was right.
        has: float64[n, classes], rows that have a class.
    """

    rows: Floats
    brier: Floats
    losses: Floats
    over: Floats
    has: Floats

    @classmethod
    def of(cls, sums: Floats, answers: int) -> "Scores":
        """Of float64[n, 2 + answers + BINS + classes], in the order of the attributes."""
        rows, brier, losses, over, has = np.split(sums, np.cumsum([1, 1, answers, BINS]), axis=1)
        return cls(rows=rows[:, 0], brier=brier[:, 0], losses=losses, over=over, has=has)

    def log_loss(self, answer: int) -> Floats:
        """float64[n], nats."""
        return np.asarray(self.losses[:, answer] / self.rows, dtype=np.float64)

    def of_frequencies(self) -> Floats:
        """The log loss of giving every row the frequencies of the classes among these very rows: float64[n]."""
        part = self.has / self.rows[:, None]
        return np.asarray(-(part * np.log(np.where(part > 0, part, 1.0))).sum(axis=1), dtype=np.float64)

    def brier_score(self) -> Floats:
        """float64[n], 0 to 2."""
        return np.asarray(self.brier / self.rows, dtype=np.float64)

    def miscalibration(self) -> Floats:
        """Of each bin, weighted by its rows: float64[n, BINS]."""
        return np.asarray(self.over / self.rows[:, None], dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Rows, scored and drawn again: `total` of the rows as they are, `drawn` of every resample."""

    persons: int
    total: Scores
    drawn: Scores

    @classmethod
    def of(cls, labels: Integers, answers: Sequence[Floats], persons: Integers, count: int = RESAMPLES) -> "Scored":
        """The logits of one or several for rows, at least one: float64[rows, classes] each; others are int64[rows].

        `count` resamples are drawn. Raises `Refused` for logits that are not finite.
        """
        logs = [log_probabilities(logits) for logits in answers]
        sums = sums_of(_parts(labels, logs), persons)
        total = Scores.of(sums.sum(axis=0)[None], len(answers))
        return cls(persons=len(sums), total=total, drawn=Scores.of(resamples(sums, count), len(answers)))

    def interval(self, compute: Callable[[Scores], Floats]) -> Interval | None:
        """Of any figure."""
        return percentiles(compute(self.drawn), float(compute(self.total)[0]), self.persons)

    def calibration_error(self) -> Interval:
        """The figure, less and plus the 95 % percentile of the sum of how far the bins are off."""
        bins = self.total.miscalibration()
        value = float(np.abs(bins).sum())
        off = float(np.quantile(np.abs(self.drawn.miscalibration() - bins).sum(axis=1), 0.95))
        return Interval(low=max(0.0, value - off), value=value, high=min(1.0, value + off))


def log_probabilities(logits: Floats) -> Floats:
    """Of each class, float64[rows, classes]. Raises `Refused` where a logit is not finite."""
    if not np.isfinite(logits).all():
        raise Refused(
            "answers_not_finite",
            "The model answers some text with what is not a number, so that nothing it says can be measured.",
            remedy="Train again with a smaller learning rate.",
            who="requester",
        )
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)), dtype=np.float64)


def _parts(labels: Integers, logs: Sequence[Floats]) -> Floats:
    """The attributes of `Scores` for each row, beside each other."""
    every, own = np.arange(len(labels)), np.exp(logs[0])
    truth = labels[:, None] == np.arange(own.shape[1])
    sure, right = own.max(axis=1), own.argmax(axis=1) == labels
    over = np.zeros((len(labels), BINS))
    over[every, np.minimum((sure * BINS).astype(np.int64), BINS - 1)] = sure - right
    brier = ((own - truth) ** 2).sum(axis=1)
    losses = np.stack([-each[every, labels] for each in logs], axis=1)
    return np.concatenate([np.ones((len(labels), 1)), brier[:, None], losses, over, truth], axis=1)
