"""Do explanations give away who was trained on, beyond what the answers give away already?

Whoever sees the attributions of a text sees more than its loss: how far they spread may tell a text that was learnt by
heart (Shokri et al. 2021, arXiv 1907.00164). So two attackers are compared who tell persons trained on from others: one
sees the loss of a person's first text, the other that and four figures of its attributions. The second learns, by
logistic regression, from four fifths of the persons, and is asked about the last fifth, five times over, so that what
it learns by heart does not help. *Gain* is how much larger the area under its curve is. Its spread is that of 200
resamples of persons, in each of which everything is learnt anew (Efron 1979); the same person is never on both sides of
what is learnt from and asked. Tried before and too narrow, because what is learnt varies too: the interval of two areas
over the same persons (DeLong et al. 1988, Biometrics 44:837) covered in 85 % where it says 95 %.

No attribution of a real person's text is shown to anybody but whose it is. Real persons are attacked where records are
public, else canaries, who are nobody; of fewer than 30 a side nothing is stated. What it does not show: attackers who
see attributions of many texts of a person, or who train models of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.attributing import Explained, batches, integrate, read
from tunewarden.steps.measure.intervals import Booleans, Figure, Floats, Integers, Interval, critical, exactly
from tunewarden.steps.measure.privacy import LEAST_PERSONS, auc
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.train.canaries import Canary

FIGURES = 4
_STEPS = 5
_PARTS, _RESAMPLES = 5, 200
_RIDGE, _ROUNDS = 1.0, 6
_LEAST = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedMembership:
    """What attributions add to the attack on `trained` and `others` persons, 30 at least of each.

    Attributes:
        by_loss, by_both: the areas under the curves of the two attackers.
        gain: of the second over the first.
        canaries: whether these are made-up persons.
    """

    trained: int
    others: int
    by_loss: Figure
    by_both: Figure
    gain: Figure
    canaries: bool

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts persons of both sides. What is shown is one end of an interval: exact."""
        persons = self.trained + self.others
        return (
            self.gain.measured("privacy.attribution_gain", persons),
            exactly("privacy.attribution_gain_shown", self.gain.low, persons),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Attacked:
    """One text of each person of a side, with its class."""

    texts: Sequence[str]
    labels: Integers

    @classmethod
    def persons(cls, rows: Rows, most: int) -> "Attacked":
        """The first text of each of so many persons, at most; in the order of pseudonyms: these are any persons."""
        first: dict[str, tuple[str, int]] = {}
        for person, text, label in zip(rows.persons, rows.texts, rows.labels, strict=True):
            if text.strip():
                first.setdefault(person, (text, label))
        return cls._of([first[person] for person in sorted(first)[:most]])

    @classmethod
    def canaries(cls, canaries: Sequence[Canary], most: int, *, present: bool) -> "Attacked":
        """The same of canaries who took part in the training, or who did not."""
        return cls._of([(one.texts[0], one.label) for one in canaries if one.present is present][:most])

    @classmethod
    def _of(cls, some: Sequence[tuple[str, int]]) -> "Attacked":
        return cls(texts=[text for text, _ in some], labels=np.array([label for _, label in some], dtype=np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an attacker sees of each person: the loss of a text, float64[persons], and of its attributions, [.., 4]."""

    losses: Floats
    figures: Floats


def explained_membership(trained: Seen, others: Seen, *, canaries: bool) -> ExplainedMembership | None:
    """Compare the two attackers; None where one side has fewer than 30 persons."""
    if min(len(trained.losses), len(others.losses)) < LEAST_PERSONS:
        return None
    member = np.repeat([True, False], [len(trained.losses), len(others.losses)])
    losses = np.concatenate((trained.losses, others.losses))
    both = np.column_stack((losses, np.concatenate((trained.figures, others.figures))))
    part = _parts(member)
    told = _told(both, member, part)
    return ExplainedMembership(
        trained=len(trained.losses),
        others=len(others.losses),
        by_loss=auc(-losses[member], -losses[~member]).figure(),
        by_both=auc(told[member], told[~member]).figure(),
        gain=_gain(both, member, part).figure(),
        canaries=canaries,
    )


def attribution_figures(explained: Explained, texts: Sequence[str]) -> Floats:
    """Of the attributions of each text, in their order, float64[texts, 4].

    Their norm and variance (as logarithms), the share of the heaviest token, and the entropy of the shares.
    """
    found = dict[str, Floats]()
    for some in batches(sorted(set(texts)), explained.length):
        given = read(explained, some)
        weights = integrate(given, explained.embeddings, steps=_STEPS)
        for row, text in enumerate(some):
            own = weights[row][given.removable[row]].double().cpu().numpy()
            found[text] = _figures(np.asarray(own, dtype=np.float64))
    return np.array([found[text] for text in texts]).reshape(len(texts), FIGURES)


def _gain(seen: Floats, member: Booleans, part: Integers) -> Interval:
    """How much larger the area is by all of `seen`, [persons, 5], than by the losses, which are its first column."""

    def gained(some: Integers) -> float:
        told = _told(seen[some], member[some], part[some])
        return _area(told, member[some]) - _area(-seen[some, 0], member[some])

    everybody, dice = np.arange(len(member)), np.random.default_rng(0)  # repeatable; nothing private hangs on it
    sides = everybody[member], everybody[~member]
    resampled = [gained(np.concatenate([dice.choice(side, len(side)) for side in sides])) for _ in range(_RESAMPLES)]
    value, half = gained(everybody), critical() * float(np.std(resampled, ddof=1))
    return Interval(low=value - half, value=value, high=value + half)


def _area(scores: Floats, member: Booleans) -> float:
    """How often a member's score is above another person's, ties counting half."""
    ranks = rankdata(scores)
    mine, others = int(member.sum()), int((~member).sum())
    return float((ranks[member].sum() - mine * (mine + 1) / 2) / (mine * others))


def _figures(weights: Floats) -> Floats:
    magnitudes = np.abs(weights)
    whole = float(magnitudes.sum())
    shares = magnitudes / whole if whole > 0 else np.full(max(1, len(weights)), 1 / max(1, len(weights)))
    entropy = -float((shares * np.log(np.maximum(shares, _LEAST))).sum())
    spread = float(weights.var()) if len(weights) else 0.0
    norm = float(weights @ weights)
    return np.array([np.log(max(norm, _LEAST)), np.log(max(spread, _LEAST)), float(shares.max()), entropy])


def _told(seen: Floats, member: Booleans, part: Integers) -> Floats:
    """How surely each person is said to be a member by who learnt from the persons of other parts: float64[persons]."""
    scores = np.zeros(len(member))
    for each in range(_PARTS):
        learnt, asked = part != each, part == each
        middle, scale = seen[learnt].mean(axis=0), np.maximum(seen[learnt].std(axis=0), _LEAST)
        weights = _regression((seen[learnt] - middle) / scale, member[learnt])
        scores[asked] = np.column_stack((np.ones(asked.sum()), (seen[asked] - middle) / scale)) @ weights
    return scores


def _parts(member: Booleans) -> Integers:
    """Five parts with as many members each as possible, and as many others."""
    part = np.zeros(len(member), dtype=np.int64)
    for side in (member, ~member):
        part[side] = np.arange(side.sum()) % _PARTS
    return part


def _regression(seen: Floats, member: Booleans) -> NDArray[np.float64]:
    """Logistic regression with a constant, slightly held back (ridge), by Newton's method."""
    given = np.column_stack((np.ones(len(seen)), seen))
    held_back = np.diag([0.0, *[_RIDGE] * seen.shape[1]])
    weights = np.zeros(given.shape[1])
    for _ in range(_ROUNDS):
        chances = 1 / (1 + np.exp(-np.clip(given @ weights, -30, 30)))
        slope = given.T @ (chances - member) + held_back @ weights
        curve = (given * (chances * (1 - chances) + _LEAST)[:, None]).T @ given + held_back
        weights = weights - np.linalg.solve(curve, slope)
    return np.asarray(weights, dtype=np.float64)
