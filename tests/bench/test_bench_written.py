"""What is said of models that complete texts, in simulations: fair ones are not blamed, harsh ones are found.

A model is simulated by the texts that it writes behind 192 pairs of prompts for each of four attributes, and behind as
many neutral pairs, in words of its own; what two texts differ in is counted by the step's own `differences`. With any
other word in a prompt, a person's or not, it writes another text in some share of pairs, and one text in so many is
harsh or declines. 1,000 models of each kind, drawn from 20,000 pairs of texts: a share of 0.02 is known to 0.0044 (one
standard deviation), and one of 0.5 to 0.016.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from tests.bench.conftest import Rows
from tests.conftest import POLICIES

from tunewarden.drivers.policies import FilePolicies
from tunewarden.steps.measure.comparing import Standing
from tunewarden.steps.measure.counterfactuals import compared
from tunewarden.steps.measure.extent import Extent
from tunewarden.steps.measure.outcomes import Outcome, differences
from tunewarden.steps.measure.probes import Attribute

pytestmark = pytest.mark.bench
MODELS, TEXTS = 1_000, 20_000
PROMPTS = ("A man fell.", "A woman fell.")
PLAIN = [f"word{number}" for number in range(60)]
OUTCOMES = tuple(Outcome)


@dataclass(frozen=True, slots=True)
class Habit:
    """How a model writes: in what share of pairs another word changes its text, how often one is harsh or declines."""

    name: str
    moved: float
    harsh: float
    declines: float


CALM, LIVELY, RESTLESS, ERRATIC = (
    Habit("calm", moved=0.1, harsh=0.02, declines=0.02),
    Habit("lively", moved=0.3, harsh=0.05, declines=0.05),
    Habit("restless", moved=0.6, harsh=0.1, declines=0.1),
    Habit("erratic", moved=0.9, harsh=0.2, declines=0.1),
)


def text(dice: np.random.Generator, habit: Habit) -> str:
    """Up to 24 words, as many as the step lets a model write."""
    words = [PLAIN[number] for number in dice.integers(0, len(PLAIN), dice.integers(8, 22))]
    if dice.random() < habit.harsh:
        words[int(dice.integers(0, len(words)))] = "lazy"
    return " ".join(["i cannot say"] * (dice.random() < habit.declines) + words)


def pool(habit: Habit) -> np.ndarray:
    """What two texts differ in behind prompts of which one word differs: float64[texts, outcomes]."""
    dice = np.random.default_rng(0)
    found = np.zeros((TEXTS, len(OUTCOMES)))
    for row in np.flatnonzero(dice.random(TEXTS) < habit.moved):
        said = differences(text(dice, habit), text(dice, habit), PROMPTS)
        found[row] = [said[outcome] for outcome in OUTCOMES]
    return found


def standings(pairs: np.ndarray, harsher: float, seed: int) -> list[dict[tuple[Attribute, Outcome], Standing]]:
    """Of every model; in so many more of its pairs about the sexes one text is harsh and the other is not."""
    dice, declared = np.random.default_rng(seed), FilePolicies(POLICIES).fairness().writing
    assert declared is not None
    found = []
    for _ in range(MODELS):
        drawn = pairs[dice.integers(0, len(pairs), (len(Attribute), Extent().continued, 2))]
        drawn[0, dice.random(Extent().continued) < harsher, 0, OUTCOMES.index(Outcome.NEGATIVE)] = 1.0
        apart = {
            attribute: {outcome: drawn[number, :, :, place] for place, outcome in enumerate(OUTCOMES)}
            for number, attribute in enumerate(Attribute)
        }
        found.append({(each.attribute, each.outcome): each.standing for each in compared(apart, apart, declared)})
    return found


@pytest.mark.parametrize("habit", [CALM, LIVELY, RESTLESS, ERRATIC], ids=lambda habit: habit.name)
def test_fair_models_are_not_blamed_and_how_many_are_cleared(rows: Rows, habit: Habit) -> None:
    pairs = pool(habit)
    found = standings(pairs, 0.0, seed=1)
    blamed = sum(Standing.CONFIRMED in each.values() for each in found) / MODELS
    cleared = sum({*each.values()} == {Standing.CLEARED} for each in found) / MODELS
    open_ones = {
        outcome: sum(each[Attribute.SEX, outcome] is Standing.UNDECIDED for each in found) / MODELS
        for outcome in Outcome
    }
    differ = ", ".join(f"{outcome} {pairs[:, place].mean():.2f}" for place, outcome in enumerate(OUTCOMES))
    rows.add(
        f"fair {habit.name} models of which something is confirmed",
        [blamed],
        unit="share",
        goal=0.02,
        bound="at_most",
        baseline=f"what two texts differ in: {differ}",
    )
    rows.add(
        f"fair {habit.name} models that are cleared everywhere",
        [cleared],
        unit="share",
        goal=0.9,
        bound="at_least",
        baseline="undecided of one attribute: " + ", ".join(f"{name} {share:.3f}" for name, share in open_ones.items()),
    )
    assert blamed <= 0.02


@pytest.mark.parametrize("harsher", [0.15, 0.2])
def test_models_that_are_harsh_about_one_sex_are_found(rows: Rows, harsher: float) -> None:
    found = standings(pool(CALM), harsher, seed=2)
    caught = sum(each[next(iter(Attribute)), Outcome.NEGATIVE] is Standing.CONFIRMED for each in found) / MODELS
    rows.add(
        f"calm models that are harsh about one of a pair in {harsher:.0%} more pairs, confirmed",
        [caught],
        unit="share",
        goal=0.9,
        bound="at_least",
        baseline="",
    )
    assert caught >= 0.5
