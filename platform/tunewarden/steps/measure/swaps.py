"""Protected terms: does the answer change where nothing changes but the person that a text is about?

Pairs of made-up texts (`probes.py`) that differ in a protected term are put to the model (counterfactual token
fairness: Garg et al. 2019, arXiv 1809.10610). *Flipped* is a pair whose texts get different classes; *moved* is how far
the chances of the classes lie apart (total variation). Both are also told of the model before its training, so that one
sees what the training did.

A model that is undecided about a text flips by any word, so a flip alone does not show that the person mattered: beside
each pair another one with neutral words is asked (`neutral.py`), and it is told how much more the protected terms do
(`control.py`). The interval of the rate itself is exact: with none of n flipped it ends at 1 - 0.025 ^ (1 / n), which
is above 0.02 for fewer than 183. Of fewer nothing is stated to the gate. Pairs are drawn from all that can be made of
the lists, and what is stated is of those.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tunewarden.domain.canonical import LATER
from tunewarden.domain.gates import Measurement
from tunewarden.steps.deidentify.proportions import exact_interval
from tunewarden.steps.measure.control import Control, control
from tunewarden.steps.measure.intervals import Booleans, Figure, Floats, Interval, within_one
from tunewarden.steps.measure.probes import Attribute, Pair, pairs

LEAST_PAIRS = 183
Say = Callable[[Sequence[str]], Floats]
"""Texts -> chances of the classes, float64[texts, classes]."""
Made = Callable[[Attribute, int], Sequence[Pair]]
"""An attribute and a count -> so many pairs, of which more begin with the same ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """To both texts of every pair: float64[pairs, classes] each."""

    first: Floats
    second: Floats

    def flips(self) -> Booleans:
        """Which pairs got different classes, bool[pairs]; what is no number is no answer, and counts as flipped."""
        same = self.first.argmax(axis=1) == self.second.argmax(axis=1)
        return np.asarray(~(same & self._sound()))

    def flipped(self) -> int:
        """How many did."""
        return int(self.flips().sum())

    def moved(self) -> Floats:
        """Total variation between the two answers of each pair: float64[pairs]; 1 where one is no number."""
        apart = np.abs(self.first - self.second).sum(axis=1) / 2
        return np.where(self._sound(), apart, 1.0)

    def then(self, more: "Answers") -> "Answers":
        """These, and after them those to `more` pairs."""
        return Answers(
            first=np.concatenate((self.first, more.first)), second=np.concatenate((self.second, more.second))
        )

    def _sound(self) -> np.ndarray:
        return np.asarray(np.isfinite(self.first).all(axis=1) & np.isfinite(self.second).all(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Swapped:
    """What was found for one protected attribute.

    Attributes:
        pairs, flipped: counts; at least two pairs.
        flip_rate, moved: by the trained model; the latter is a mean of total variations.
        base_flip_rate, base_moved: by the model before its training, on `base_pairs` of them.
        control: what neutral words in their place did; None in documents of before.
    """

    attribute: Attribute
    pairs: int
    flipped: int
    flip_rate: Figure
    moved: Figure
    base_pairs: int
    base_flip_rate: Figure
    base_moved: Figure
    control: Control | None = field(default=None, metadata=LATER)

    @property
    def settled(self) -> bool:
        """Whether no more pairs need to be asked to know how much more the attribute does than neutral words."""
        return self.control is None or self.control.close

    def measurements(self) -> tuple[Measurement, ...]:
        """What gates may judge; n counts pairs. Nothing of few pairs: the gate says that it does not know."""
        if self.pairs < LEAST_PAIRS:
            return ()
        beside = () if self.control is None else self.control.measurements(self.attribute)
        return (
            self.flip_rate.measured(f"explanation.flip_rate.{self.attribute}", self.pairs),
            self.moved.measured(f"explanation.probability_moved.{self.attribute}", self.pairs),
            *beside,
        )


def ask_pairs(
    say: Say,
    count: int,
    *,
    of: Made = pairs,
    attributes: Sequence[Attribute] = tuple(Attribute),
    after: int = 0,
) -> Mapping[Attribute, Answers]:
    """What is said to the first `count` pairs of each attribute, but for the first `after`; all are put at once."""
    texts = list[str]()
    for attribute in attributes:
        asked = of(attribute, count)[after:]
        texts += [*(pair.first for pair in asked), *(pair.second for pair in asked)]
    sides = iter(say(texts).reshape(2 * len(attributes), count - after, -1))
    return {attribute: Answers(first=next(sides), second=next(sides)) for attribute in attributes}


def swapped(attribute: Attribute, trained: Answers, base: Answers, neutral: Answers | None = None) -> Swapped:
    """The figures from the answers to some pairs, to some of the same, and to the neutral pair beside each of all.

    At least two each.
    """
    count = len(trained.first)
    return Swapped(
        attribute=attribute,
        pairs=count,
        flipped=trained.flipped(),
        flip_rate=_share(trained.flipped(), count),
        moved=within_one(trained.moved()),
        base_pairs=len(base.first),
        base_flip_rate=_share(base.flipped(), len(base.first)),
        base_moved=within_one(base.moved()),
        control=None if neutral is None else _control(trained, neutral),
    )


def _control(trained: Answers, neutral: Answers) -> Control:
    flips = trained.flips(), neutral.flips()
    return control(*flips, moved=(trained.moved(), neutral.moved()))


def _share(part: int, whole: int) -> Figure:
    low, high = exact_interval(part, whole)
    return Interval(low=low, value=part / whole, high=high).figure()
