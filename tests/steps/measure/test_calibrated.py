"""By whom a model is surer than right: groups and intersections, held to the rules of every other comparison."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from scipy.stats import norm, t
from tests.steps.measure.simulated import declaration

from tunewarden.domain.fairness import FairnessDeclaration, GroupMetric
from tunewarden.steps.measure.comparing import Comparison, Standing
from tunewarden.steps.measure.figures import Answered
from tunewarden.steps.measure.group_rows import ClassRows, calibration_gap, decide_classes
from tunewarden.steps.measure.intervals import critical, student
from tunewarden.steps.measure.mitigated import mitigate

CALIBRATION, TIMES = GroupMetric.CALIBRATION, "\N{MULTIPLICATION SIGN}"
SAID = replace(declaration(accuracy="0.9", calibration="0.1"), attributes=("age", "sex"))


def said_of(
    sure: np.ndarray, right: np.ndarray, attributes: dict[str, list[str]], said: FairnessDeclaration = SAID
) -> list[Comparison]:
    """The comparisons by calibration."""
    found = decide_classes(rows_of(sure, right), attributes, said).comparisons
    return [each for each in found if each.metric is CALIBRATION]


def rows_of(sure: np.ndarray, right: np.ndarray) -> ClassRows:
    """One row a person."""
    return ClassRows(
        labels=np.ones(len(right), dtype=np.int64),
        predicted=right.astype(np.int64),
        persons=np.arange(len(right)),
        confidence=sure,
    )


def test_who_is_misjudged_only_at_an_intersection_is_found_there() -> None:
    """The model says 0.9 of everybody; it is right on 0.7 of old women and on 0.9 of all others."""
    sex, age = np.repeat(["f", "m"], 2000), np.tile(np.repeat(["old", "young"], [400, 1600]), 2)
    misjudged = (sex == "f") & (age == "old")
    right = np.random.default_rng(1).random(4000) < np.where(misjudged, 0.7, 0.9)
    found = said_of(np.full(4000, 0.9), right, {"age": list(age), "sex": list(sex)})
    assert [(each.attribute, each.group) for each in found if each.standing is Standing.CONFIRMED] == [
        (f"age {TIMES} sex", f"old {TIMES} f")
    ]
    assert len(found) == 8


def test_who_is_served_worse_and_told_so_is_not_misjudged() -> None:
    """A group that is right less often, of which the model is as much less sure, is cleared by calibration."""
    group = np.repeat(["a", "b"], [2000, 1000])
    sure = np.where(group == "a", 0.9, 0.65)
    right = np.random.default_rng(2).random(3000) < sure
    found = said_of(sure, right, {"group": list(group)}, declaration(accuracy="0.1", calibration="0.1"))
    assert {each.standing for each in found} == {Standing.CLEARED}


def test_rows_without_probabilities_are_not_compared_by_it() -> None:
    rows = ClassRows(labels=np.ones(500, int), predicted=np.ones(500, int), persons=np.arange(500))
    found = decide_classes(rows, {"group": ["a", "b"] * 250}, declaration(calibration="0.1"))
    assert CALIBRATION not in {each.metric for each in found.comparisons}


def test_counts_are_withheld_as_those_of_other_comparisons_are() -> None:
    sex, age = ["f"] * 100 + ["m"] * 100, ["old"] * 5 + ["young"] * 95 + ["old"] * 60 + ["young"] * 40
    found = said_of(np.full(200, 0.9), np.ones(200, dtype=bool), {"age": age, "sex": sex})
    crossed = [each for each in found if TIMES in each.attribute]
    assert [each.persons for each in crossed] == [None] * 3, "of the five old women nothing is said"
    assert {each.persons for each in found if TIMES not in each.attribute} == {100, 65, 135}


def test_few_persons_none_of_whom_is_answered_wrongly_are_not_cleared_by_that() -> None:
    """Of 40, all right at 0.97, up to 6.3 % may be wrong in truth (one-sided): at a tolerance of 0.03 that is open."""
    group = ["a"] * 2000 + ["b"] * 40
    right = np.concatenate([np.arange(2000) % 100 < 97, np.ones(40, dtype=bool)])
    said = declaration(accuracy="0.9", calibration="0.03")
    few = next(each for each in said_of(np.full(2040, 0.97), right, {"group": group}, said) if each.group == "b")
    assert few.behind.value == Decimal("-0.0300")
    assert few.behind.high > Decimal("0.03")
    assert few.standing is Standing.NOT_ASSESSABLE


def test_calibration_that_nobody_could_show_of_a_group_does_not_pass() -> None:
    """The same; the gate asks that `fairness.unshown_rates` is 0."""
    right = np.concatenate([np.arange(2000) % 100 < 97, np.ones(40, dtype=bool)])
    said = declaration(accuracy="0.9", calibration="0.03")
    rows = rows_of(np.full(2040, 0.97), right)
    found = decide_classes(rows, {"group": ["a"] * 2000 + ["b"] * 40}, said).measurements(2040, 0)
    assert {each.metric: each.value for each in found}["fairness.unshown_rates"] == 2  # b, and the rest beside it


@pytest.mark.parametrize("size", [30, 100, 300])
def test_the_interval_holds_what_is_true_in_19_of_20(size: int) -> None:
    """Of 600, fewer than 540 less than once in 10**6 at 0.95. Sureness as a classifier has it; some have two rows."""
    dice, held = np.random.default_rng(size), 0
    persons = np.concatenate([np.arange(size + 1000), np.arange(0, size, 3)])
    members = persons < size
    for _ in range(600):
        sure = np.clip(dice.beta(6, 1.5, size + 1000), 0.5, 1.0)[persons]
        right = dice.random(len(persons)) < sure - np.where(members, 0.1, 0.0)
        found = calibration_gap(sure, right, persons, members)
        held += found.low <= 0.1 <= found.high
    assert held >= 540


def test_the_quantile_is_students_at_every_level_that_is_asked() -> None:
    for freedom in (29, 100, 1000):
        for z in (1.2816, 1.6449, critical(), 3.0, 4.0):
            exact = t.isf(norm.sf(z), freedom)
            assert student(freedom, z) == pytest.approx(exact, abs=0.01)
    assert student(40) == student(40, critical())


def test_nothing_is_tried_against_what_thresholds_cannot_mend() -> None:
    """Only calibration is open: answers by thresholds have no certainty."""
    dice, group = np.random.default_rng(4), np.repeat(["a", "b"], 600)
    labels = np.arange(1200) % 2
    right = dice.random(1200) < np.where(group == "b", 0.8, 0.84)
    predicted = np.where(right, labels, 1 - labels)
    sure = np.where(group == "b", 0.99, 0.84)
    answered = Answered(
        labels=labels,
        predicted=predicted,
        base_predicted=predicted,
        persons=np.arange(1200),
        attributes={"group": list(group)},
        confidence=sure,
    )
    chances = np.stack([1 - np.where(predicted == 1, sure, 1 - sure), np.where(predicted == 1, sure, 1 - sure)], axis=1)
    for tolerances, tried in (({"accuracy": "0.9"}, False), ({"accuracy": "0.01"}, True)):
        said = declaration(**tolerances, calibration="0.05")
        rows = ClassRows(labels=labels, predicted=predicted, persons=np.arange(1200), confidence=sure)
        found = decide_classes(rows, {"group": list(group)}, said)
        assert Standing.CONFIRMED in {each.standing for each in found.comparisons if each.metric is CALIBRATION}
        mended = mitigate(answered, chances, said, found, alone=np.ones(1200, dtype=bool))
        assert (mended is not None) is tried
