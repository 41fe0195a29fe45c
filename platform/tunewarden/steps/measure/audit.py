"""The audit of one training by its canaries: the least epsilon that it can have had, with 95 % confidence.

Steinke, Nasr and Jagielski, "Privacy auditing with one (1) training run", arXiv 2305.08846. Made-up persons took part
or not by the toss of a coin each. An attacker who sees the model guesses how some of the coins fell. Under (epsilon,
delta)-differential privacy it is right no oftener than the theorem allows; whoever is right oftener has shown that
epsilon is larger. That the promise is kept cannot be shown so: an audit that finds nothing proves nothing.

The attack: the model's loss on a canary's own label, against its loss on the other labels, and against what is usual
for that label. Where texts are completed: the loss of the secret under the model against that under the base model.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from math import exp

import numpy as np
from scipy.stats import binom

from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.intervals import ALPHA, Booleans, Floats, Integers, exactly
from tunewarden.steps.measure.privacy import Membership, measure_membership

_SHARES_GUESSED = (1, 2, 4)  # all canaries, half of them, a quarter: those of which the attacker is surest
ALPHA_EACH = ALPHA / len(_SHARES_GUESSED)
_HALVINGS = 40
_BEYOND = 64.0  # no number of guesses that is tried here shows such an epsilon
_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """One number of guesses that the attacker made, half "took part" and half "did not", and how many were right."""

    guesses: int
    right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What the canaries showed.

    Attributes:
        canaries, present: how many there were, and how many of them took part.
        attacks: with several numbers of guesses, all fixed beforehand; together they hold with 95 % (Bonferroni).
        lower_bound: epsilon at `delta` is at least this.
        reach: what `lower_bound` would be had every guess been right: the audit cannot contradict a larger claim.
        claimed: what the training says it kept.
        membership: the AUC of the attack.
    """

    canaries: int
    present: int
    attacks: tuple[Attack, ...]
    lower_bound: Decimal
    reach: Decimal
    claimed: Decimal
    delta: Decimal
    membership: Membership

    @property
    def excess(self) -> Decimal:
        """How much more than what is claimed was shown; above 0 the claim is disproved."""
        return self.lower_bound - self.claimed

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts canaries. The bounds are one end of an interval already, so they are exact."""
        return (
            exactly("privacy.epsilon_lower_bound", self.lower_bound, self.canaries),
            exactly("privacy.epsilon_excess", self.excess, self.canaries),
            exactly("privacy.audit_reach", self.reach, self.canaries),
        )


def audit(*, scores: Floats, present: Booleans, claimed: Decimal, delta: Decimal) -> Audit:
    """Guess by `scores`, float64[canaries]: the higher, the likelier it took part; `present` says how the coins fell.

    The scores may depend on anything but the coins. Equal scores are guessed in their order, which knows no coins.
    """
    canaries, made = len(scores), attacks(scores, present)
    found = [_bound(canaries, attack.guesses, attack.right, delta) for attack in made]
    perfect = [_bound(canaries, attack.guesses, attack.guesses, delta) for attack in made]
    return Audit(
        canaries=canaries,
        present=int(present.sum()),
        attacks=made,
        lower_bound=max(found),
        reach=max(perfect),
        claimed=claimed,
        delta=delta,
        membership=replace(measure_membership(-scores[present], -scores[~present]), canaries=True),
    )


def attacks(scores: Floats, present: Booleans) -> tuple[Attack, ...]:
    """What `audit` guesses, and how many of it is right."""
    order = np.argsort(scores, kind="stable")
    return tuple(_attack(order, present, len(scores) // share) for share in _SHARES_GUESSED)


def label_scores(logits: Floats, labels: Integers, owners: Integers) -> Floats:
    """The attack on a classifier: float64[canaries] from [rows, classes], [rows] and the canary of each row, [rows].

    How much likelier the canary's label is than the others, as a mean over its rows, less what is usual for canaries
    of that label: a model prefers some labels for everybody.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    own = logs[np.arange(len(labels)), labels]
    others = (logs.sum(axis=1) - own) / max(1, logs.shape[1] - 1)
    scores = np.bincount(owners, weights=own - others) / np.bincount(owners)
    label = labels[np.unique(owners, return_index=True)[1]]
    usual = np.array([scores[label == each].mean() for each in label])
    return np.asarray(scores - usual, dtype=np.float64)


def p_value(canaries: int, guesses: int, right: int, epsilon: float, delta: float) -> float:
    """How likely at least `right` of `guesses` are right where the training is (epsilon, delta)-private: at most this.

    Theorem 5.2 of the paper. With pure epsilon the number of right guesses is at most binomial, each right with
    e^epsilon / (1 + e^epsilon). Delta adds at most 2 * canaries * delta times the largest mean, over i up to `right`,
    of the i probabilities below it.
    """
    each = 1.0 / (1.0 + exp(-epsilon))
    pure = float(binom.sf(right - 1, guesses, each))
    below = np.cumsum(binom.pmf(np.arange(right - 1, -1, -1), guesses, each))
    steepest = float((below / np.arange(1, right + 1)).max()) if right else 0.0
    return min(1.0, pure + 2.0 * canaries * delta * steepest)


def lower_bound(canaries: int, guesses: int, right: int, delta: float, alpha: float) -> float:
    """The largest epsilon, to 2**-34, that so many right guesses refuse at significance `alpha`; 0 where none.

    The p-value grows with epsilon, so it is found by halving; what is returned was refused itself.
    """
    low, high = 0.0, _BEYOND
    if p_value(canaries, guesses, right, low, delta) >= alpha:
        return 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if p_value(canaries, guesses, right, middle, delta) < alpha:
            low = middle
        else:
            high = middle
    return low


def _attack(order: Integers, present: Booleans, guesses: int) -> Attack:
    ins, outs = guesses - guesses // 2, guesses // 2
    right = int(present[order[len(order) - ins :]].sum()) + int((~present[order[:outs]]).sum())
    return Attack(guesses=guesses, right=right)


def _bound(canaries: int, guesses: int, right: int, delta: Decimal) -> Decimal:
    return Decimal(lower_bound(canaries, guesses, right, float(delta), ALPHA_EACH)).quantize(_PLACES, ROUND_FLOOR)
