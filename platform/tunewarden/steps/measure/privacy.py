"""Privacy as it can be attacked: does the loss give away who was trained on?

The attack of Yeom et al. (arXiv 1709.01604): a person whose texts have a small loss is said to be of the training side.
Persons are attacked, not rows, because the person is the privacy unit. The AUC says how well this tells training
persons from held-out ones (0.5: not at all); its interval is DeLong's (Biometrics 44:837, 1988).

One weak attack that fails proves nothing; one that succeeds proves a leak. Losses of single persons stay here: only
the AUC leaves, and not even that of real persons unless their records are public. An AUC over 300 persons a side moves
by up to 1/300 with one of them, so noise would leave little of what it costs those who were trained on; canaries, who
are nobody, are attacked instead.
"""

from dataclasses import dataclass, field
from math import sqrt

import numpy as np

from tunewarden.domain.canonical import LATER
from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.intervals import Figure, Floats, Integers, Interval, by_person, critical

LEAST_PERSONS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """How well the attack does. `auc` is None where a side has fewer than 30 persons.

    Attributes:
        trained, held_out: persons attacked on each side.
        canaries: whether they are made-up persons who took part in the training, and such who did not.
    """

    trained: int
    held_out: int
    auc: Figure | None
    canaries: bool = field(default=False, metadata=LATER)

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons of both sides."""
        if self.auc is None:
            return ()
        return (self.auc.measured("privacy.membership_auc", self.trained + self.held_out),)


def measure_membership(trained: Floats, held_out: Floats) -> Membership:
    """Attack with the mean loss of each person, float64[persons] of each side."""
    enough = min(len(trained), len(held_out)) >= LEAST_PERSONS
    return Membership(
        trained=len(trained), held_out=len(held_out), auc=auc(-trained, -held_out).figure() if enough else None
    )


def person_losses(logits: Floats, labels: Integers, persons: Integers) -> Floats:
    """The mean cross-entropy of each person, float64[persons], from [rows, classes], [rows] and [rows]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    return by_person(np.asarray(losses, dtype=np.float64), persons)


def auc(positives: Floats, negatives: Floats) -> Interval:
    """The probability that a positive ranks above a negative, ties counting half; at least two of each."""
    above = (positives[:, None] > negatives[None, :]) + 0.5 * (positives[:, None] == negatives[None, :])
    value = float(above.mean())
    variance = above.mean(axis=1).var(ddof=1) / len(positives) + above.mean(axis=0).var(ddof=1) / len(negatives)
    half = critical() * sqrt(float(variance))
    return Interval(low=max(0.0, value - half), value=value, high=min(1.0, value + half))
