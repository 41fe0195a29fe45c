"""Privacy as it can be attacked: does the loss give away who was trained on?

The attack of Yeom et al. (arXiv 1709.01604): a person whose texts have a small loss is said to be of the training side.
A stronger one (Watson et al., arXiv 2111.08440; Carlini et al., arXiv 2012.07805) asks how much smaller the loss is
than under the model as training began: texts that are easy for everybody do not deceive it. Persons are attacked, not
rows, because the person is the privacy unit. The AUC says how well this tells training persons from held-out ones (0.5:
not at all); its interval is DeLong's (Biometrics 44:837, 1988).

An attacker who would rather be sure than complete is worse for those who are caught (Carlini et al., arXiv 2112.03570):
so it is also said what share of those trained on is told at a threshold that 1 % of the others exceed. Where that
threshold lies is itself uncertain: by the order statistics of the others, free of any distribution (David and Nagaraja
2003, Order Statistics, 7.1), it lies between two of their scores; the interval reaches from what is beyond the higher
one to what is beyond the lower one, each with its exact end (Clopper and Pearson 1934): four chances of error, 1.25 %
each. It is rather too wide, and of fewer than 100 others nothing is stated.

One weak attack that fails proves nothing; one that succeeds proves a leak. Losses of single persons stay here: only
the AUC leaves, and not even that of real persons unless their records are public. An AUC over 300 persons a side moves
by up to 1/300 with one of them, so noise would leave little of what it costs those who were trained on; canaries, who
are nobody, are attacked instead.
"""

from dataclasses import dataclass, field
from math import floor, sqrt

import numpy as np
from scipy.special import betaincinv
from scipy.stats import binom

from tunewarden.domain.canonical import LATER
from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.intervals import ALPHA, Figure, Floats, Integers, Interval, by_person, critical

LEAST_PERSONS = 30
FALSE_ALARMS = 0.01
LEAST_OTHERS = 100
"""Not trained on: of fewer, none is one in a hundred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodRatio:
    """How well the attack of `likelihood_ratio.py` does: the strongest one, where there are models to make it with.

    Attributes:
        out_models: models that were trained alike on others.
        trained: persons attacked who are in none of those; `held_out` are in none either.
        auc, caught: as those of `Membership`.
    """

    out_models: int
    trained: int
    held_out: int
    auc: Figure | None
    caught: Figure | None

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons of both sides."""
        found = {"privacy.membership_lira_auc": self.auc, "privacy.membership_lira_caught": self.caught}
        persons = self.trained + self.held_out
        return tuple(figure.measured(metric, persons) for metric, figure in found.items() if figure is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """How well the attack does. `auc` is None where a side has fewer than 30 persons.

    Attributes:
        trained, held_out: persons attacked on each side.
        canaries: whether they are made-up persons who took part in the training, and such who did not.
        ratio_auc: of the attack by how much smaller the loss is than as training began; None as `auc`, and where that
            was not tried.
        caught: share of those trained on who are told at 1 % false alarms, by that attack, or by the only one that was
            tried. None where fewer than 100 were not trained on, or fewer than 30 were.
        likelihood_ratio: of the attack by models that were trained alike on others; None where there are none.
    """

    trained: int
    held_out: int
    auc: Figure | None
    canaries: bool = field(default=False, metadata=LATER)
    ratio_auc: Figure | None = field(default=None, metadata=LATER)
    caught: Figure | None = field(default=None, metadata=LATER)
    likelihood_ratio: LikelihoodRatio | None = field(default=None, metadata=LATER)

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons of both sides."""
        found = {
            "privacy.membership_auc": self.auc,
            "privacy.membership_ratio_auc": self.ratio_auc,
            "privacy.membership_caught": self.caught,
        }
        persons = self.trained + self.held_out
        stated = tuple(figure.measured(metric, persons) for metric, figure in found.items() if figure is not None)
        return stated if self.likelihood_ratio is None else (*stated, *self.likelihood_ratio.measurements())


def measure_membership(trained: Floats, held_out: Floats, *, before: tuple[Floats, Floats] | None = None) -> Membership:
    """Attack with the mean loss of each person, float64[persons] of each side.

    `before` are those of the same persons as training began.
    """
    enough = min(len(trained), len(held_out)) >= LEAST_PERSONS
    scores = -trained, -held_out
    gained = None if before is None else (before[0] - trained, before[1] - held_out)
    found = caught(*(gained or scores)) if len(trained) >= LEAST_PERSONS else None
    return Membership(
        trained=len(trained),
        held_out=len(held_out),
        auc=auc(*scores).figure() if enough else None,
        ratio_auc=auc(*gained).figure() if enough and gained is not None else None,
        caught=None if found is None else found.figure(),
    )


def measure_likelihood_ratio(out_models: int, trained: Floats, held_out: Floats) -> LikelihoodRatio:
    """From the scores of each person, float64[persons] of each side."""
    enough = min(len(trained), len(held_out)) >= LEAST_PERSONS
    found = caught(trained, held_out) if enough else None
    return LikelihoodRatio(
        out_models=out_models,
        trained=len(trained),
        held_out=len(held_out),
        auc=auc(trained, held_out).figure() if enough else None,
        caught=None if found is None else found.figure(),
    )


def caught(positives: Floats, negatives: Floats) -> Interval | None:
    """The share of positives, at least one, above what 1 % of the negatives exceed; float64[persons] each.

    None where there are fewer than 100 negatives.
    """
    others = len(negatives)
    if others < LEAST_OTHERS:
        return None
    order, error = np.sort(negatives), ALPHA / 4
    below = binom.cdf(np.arange(others), others, 1 - FALSE_ALARMS)  # chance that the next score is above the threshold
    surely, hardly = np.flatnonzero(below <= error), np.flatnonzero(below >= 1 - error)
    many = int((positives > order[surely[-1]]).sum())
    few = int((positives > order[hardly[0]]).sum()) if len(hardly) else 0
    value = float((positives > order[others - 1 - floor(FALSE_ALARMS * others)]).mean())
    low, high = _lower(few, len(positives), error), _upper(many, len(positives), error)
    return Interval(low=min(low, value), value=value, high=max(high, value))


def row_losses(logits: Floats, labels: Integers) -> Floats:
    """The cross-entropy of each row's class, float64[rows], from [rows, classes] and [rows]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    return np.asarray(losses, dtype=np.float64)


def person_losses(logits: Floats, labels: Integers, persons: Integers) -> Floats:
    """The mean cross-entropy of each person, float64[persons], from [rows, classes], [rows] and [rows]."""
    return by_person(row_losses(logits, labels), persons)


def auc(positives: Floats, negatives: Floats) -> Interval:
    """The probability that a positive ranks above a negative, ties counting half; at least two of each."""
    above = (positives[:, None] > negatives[None, :]) + 0.5 * (positives[:, None] == negatives[None, :])
    value = float(above.mean())
    variance = above.mean(axis=1).var(ddof=1) / len(positives) + above.mean(axis=0).var(ddof=1) / len(negatives)
    half = critical() * sqrt(float(variance))
    return Interval(low=max(0.0, value - half), value=value, high=min(1.0, value + half))


def _lower(part: int, whole: int, error: float) -> float:
    return float(betaincinv(part, whole - part + 1, error)) if part else 0.0


def _upper(part: int, whole: int, error: float) -> float:
    return float(betaincinv(part + 1, whole - part, 1 - error)) if part < whole else 1.0
