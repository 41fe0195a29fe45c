"""Protected terms: does the answer change where nothing changes but the person that a text is about?

Pairs of made-up texts (`probes.py`) that differ in a protected term are put to the model (counterfactual token
fairness: Garg et al. 2019, arXiv 1809.10610). *Flipped* is a pair whose texts get different classes; *moved* is how far
the chances of the classes lie apart (total variation). Both are also told of the model before its training, so that one
sees what the training did.

The gate judges the far end of an exact interval: with none of n flipped it ends at 1 - 0.025 ^ (1 / n), which is above
0.02 for fewer than 183. Of fewer nothing is stated to the gate. The pairs share parts of sentences, which the interval
does not know. Where a model is not about what the texts tell it is undecided, and flips by any word: a flip shows that
the person mattered, not that nothing else would have.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tunewarden.domain.gates import Measurement
from tunewarden.steps.deidentify.proportions import exact_interval
from tunewarden.steps.measure.intervals import Figure, Floats, Interval, mean
from tunewarden.steps.measure.probes import Attribute, pairs

LEAST_PAIRS = 183
Say = Callable[[Sequence[str]], Floats]
"""Texts -> chances of the classes, float64[texts, classes]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """To both texts of every pair: float64[pairs, classes] each."""

    first: Floats
    second: Floats

    def flipped(self) -> int:
        """Pairs with different classes; what is no number is no answer, and counts as flipped."""
        same = self.first.argmax(axis=1) == self.second.argmax(axis=1)
        return int((~(same & self._sound())).sum())

    def moved(self) -> Floats:
        """Total variation between the two answers of each pair: float64[pairs]; 1 where one is no number."""
        apart = np.abs(self.first - self.second).sum(axis=1) / 2
        return np.where(self._sound(), apart, 1.0)

    def _sound(self) -> np.ndarray:
        return np.asarray(np.isfinite(self.first).all(axis=1) & np.isfinite(self.second).all(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapped:
    """What was found for one protected attribute.

    Attributes:
        pairs, flipped: counts; at least two pairs.
        flip_rate, moved: by the trained model; the latter is a mean of total variations.
        base_flip_rate, base_moved: by the model before its training, on `base_pairs` of them.
    """

    attribute: Attribute
    pairs: int
    flipped: int
    flip_rate: Figure
    moved: Figure
    base_pairs: int
    base_flip_rate: Figure
    base_moved: Figure

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts pairs. Nothing of few pairs: the gate says that it does not know."""
        if self.pairs < LEAST_PAIRS:
            return ()
        return (
            self.flip_rate.measured(f"explanation.flip_rate.{self.attribute}", self.pairs),
            self.moved.measured(f"explanation.probability_moved.{self.attribute}", self.pairs),
        )


def ask_pairs(say: Say, count: int) -> Mapping[Attribute, Answers]:
    """What is said to the first `count` pairs of each attribute; all are put at once."""
    texts = list[str]()
    for attribute in Attribute:
        asked = pairs(attribute, count)
        texts += [*(pair.first for pair in asked), *(pair.second for pair in asked)]
    sides = iter(say(texts).reshape(2 * len(Attribute), count, -1))
    return {attribute: Answers(first=next(sides), second=next(sides)) for attribute in Attribute}


def swapped(attribute: Attribute, trained: Answers, base: Answers) -> Swapped:
    """The figures from the answers to some pairs, and to some of the same; at least two each."""
    count = len(trained.first)
    return Swapped(
        attribute=attribute,
        pairs=count,
        flipped=trained.flipped(),
        flip_rate=_share(trained.flipped(), count),
        moved=_mean(trained.moved()),
        base_pairs=len(base.first),
        base_flip_rate=_share(base.flipped(), len(base.first)),
        base_moved=_mean(base.moved()),
    )


def _share(part: int, whole: int) -> Figure:
    low, high = exact_interval(part, whole)
    return Interval(low=low, value=part / whole, high=high).figure()


def _mean(distances: Floats) -> Figure:
    """Of distances in [0, 1]; the interval does not leave that."""
    found = mean(distances)
    return Interval(low=max(0.0, found.low), value=found.value, high=min(1.0, found.high)).figure()
