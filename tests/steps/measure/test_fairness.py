"""Fairness: gaps are found, fair models are not blocked by chance, and nobody passes by being absent."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, true_positive_rate

from tunewarden.domain.gates import Bound, Evidence, Gate, Outcome, Rule, judge
from tunewarden.domain.names import Digest, PolicyName
from tunewarden.steps.measure.fairness import Fairness, measure_fairness
from tunewarden.steps.measure.intervals import critical, wilson

ABOUT = Digest("sha256:" + "a" * 64)
GATE = Gate(
    name=PolicyName("promotion"),
    rules=(
        Rule(metric="fairness.accuracy_gap", bound=Bound.AT_MOST, limit=Decimal("0.3"), because="", remedy=""),
        Rule(metric="fairness.assessed_share", bound=Bound.AT_LEAST, limit=Decimal("0.8"), because="", remedy=""),
    ),
)


def outcome(found: Fairness) -> Outcome:
    return judge(GATE, ABOUT, [Evidence(about=ABOUT, produced_by=ABOUT, measurements=found.measurements())]).outcome


def measured(right: np.ndarray, attributes: Mapping[str, Sequence[str]], labels: np.ndarray | None = None) -> Fairness:
    """Of a model that is right where `right` says so; one row a person."""
    truth = np.arange(len(right)) % 2 if labels is None else labels
    return measure_fairness(
        labels=truth,
        predicted=np.where(right, truth, 1 - truth),
        persons=np.arange(len(right)),
        attributes=attributes,
    )


def groups(**sizes: int) -> np.ndarray:
    return np.repeat(list(sizes), list(sizes.values()))


def answers(rng: np.random.Generator, values: np.ndarray, **accuracy: float) -> np.ndarray:
    return rng.random(len(values)) < np.array([accuracy.get(value, 0.9) for value in values])


def test_a_gap_of_40_points_is_caught() -> None:
    sex = groups(f=120, m=120)
    rng = np.random.default_rng(1)
    found = [measured(answers(rng, sex, f=0.5), {"sex": sex}) for _ in range(20)]
    assert {outcome(each) for each in found} == {Outcome.FAIL}


def test_a_gap_of_40_points_in_a_group_of_40_is_caught() -> None:
    race = groups(a=140, b=60, c=40)
    rng = np.random.default_rng(2)
    found = [measured(answers(rng, race, c=0.5), {"race": race}) for _ in range(20)]
    assert sum(outcome(each) is Outcome.FAIL for each in found) >= 19


def test_a_fair_model_passes_on_a_held_out_side_of_240_persons() -> None:
    rng, passed = np.random.default_rng(3), 0
    for _ in range(20):
        sex, age = rng.choice(["f", "m"], 240), rng.choice(["0-17", "18-39", "40-64", "65+"], 240)
        passed += outcome(measured(answers(rng, sex), {"sex": sex, "age": age})) is Outcome.PASS
    assert passed >= 19


def test_the_gap_that_is_true_lies_in_the_interval() -> None:
    rng, held = np.random.default_rng(4), 0
    for _ in range(40):
        race = groups(a=200, b=100, c=60)
        gap = measured(answers(rng, race, c=0.7), {"race": race}).accuracy_gap
        assert gap is not None
        held += gap.low <= Decimal("0.2") <= gap.high
    assert held >= 37


def test_rates_are_those_of_metric_frame() -> None:
    rng = np.random.default_rng(5)
    labels, predicted = rng.integers(0, 3, 400), rng.integers(0, 3, 400)
    race = rng.choice(["a", "b", "c"], 400)
    found = measure_fairness(labels=labels, predicted=predicted, persons=np.arange(400), attributes={"race": race})
    by_group = MetricFrame(
        metrics=true_positive_rate, y_true=labels == 2, y_pred=predicted == 2, sensitive_features=race
    ).by_group
    for group in found.assessed:
        inside = race == group.group
        assert group.accuracy == pytest.approx(Decimal(np.mean((labels == predicted)[inside])), abs=Decimal("0.00005"))
        rest = Decimal(np.mean((labels == predicted)[~inside]))
        assert group.shortfall.value == pytest.approx(rest - group.accuracy, abs=Decimal("0.0002"))
        (rates,) = [each for each in group.rates if each.label == 2]
        assert rates.true_positive_rate == pytest.approx(Decimal(by_group[group.group]), abs=Decimal("0.00005"))
        assert rates.selection_rate == pytest.approx(Decimal(np.mean(predicted[inside] == 2)), abs=Decimal("0.00005"))


def test_a_group_that_is_always_missed_shows_in_the_recall_gap_even_where_accuracy_hides_it() -> None:
    race = groups(a=150, b=150)
    labels = np.where(np.arange(300) % 150 < 45, 1, 0)
    missed = (race == "b") & (labels == 1)
    found = measured(~missed, {"race": race}, labels)
    assert found.accuracy_gap is not None
    assert found.recall_gap is not None
    assert found.accuracy_gap.value == Decimal("0.3")
    assert found.recall_gap.value == 1


def test_an_attribute_on_which_all_are_alike_is_not_assessable() -> None:
    found = measured(np.ones(200, dtype=bool), {"sex": ["f"] * 200})
    assert found.accuracy_gap is None
    assert outcome(found) is not Outcome.PASS


def test_without_protected_attributes_nothing_is_known() -> None:
    found = measured(np.ones(200, dtype=bool), {})
    assert found.measurements() == ()
    assert outcome(found) is Outcome.UNKNOWN


def test_groups_that_are_too_small_do_not_pass_unseen() -> None:
    race = groups(a=100, b=29, c=28, d=27)
    found = measured(np.ones(184, dtype=bool), {"race": race})
    assert [(each.group, each.persons) for each in found.not_assessable] == [("b", 29), ("c", 28), ("d", 27)]
    assert found.assessed_share is not None
    assert found.assessed_share.value == Decimal("0.54"), "of 100 / 184, in steps of ten persons"
    assert outcome(found) is Outcome.FAIL


def test_the_attribute_that_is_assessed_least_counts() -> None:
    sex, race = groups(f=100, m=100), groups(a=150, b=25, c=25)
    found = measured(np.ones(200, dtype=bool), {"sex": sex, "race": race})
    assert found.assessed_share is not None
    assert found.assessed_share.value == Decimal("0.75")


def test_groups_are_counted_in_persons_not_in_rows() -> None:
    race = np.repeat(["a", "b"], [100, 100])
    persons = np.concatenate([np.arange(100), np.repeat(np.arange(100, 110), 10)])
    labels = np.zeros(200, dtype=int)
    found = measure_fairness(labels=labels, predicted=labels, persons=persons, attributes={"race": race})
    assert found.assessed == ()
    assert [(each.group, each.persons) for each in found.not_assessable] == [("a", 100), ("b", 10)]


def test_groups_below_10_have_neither_a_name_nor_a_number() -> None:
    race = groups(a=100, b=60, tiny=4, tinier=3)
    found = measured(np.ones(167, dtype=bool), {"race": race})
    assert [(each.group, each.persons) for each in found.not_assessable] == [(None, None)]


def test_the_smallest_other_group_is_withheld_where_subtraction_would_tell() -> None:
    race = groups(a=100, b=60, tiny=4)
    found = measured(np.ones(164, dtype=bool), {"race": race})
    assert [(each.group, each.persons) for each in found.assessed] == [("a", 100), ("b", None)]


def test_small_groups_that_are_ten_together_hide_nobody_else() -> None:
    race = groups(a=100, b=60, tiny=9, tinier=8)
    found = measured(np.ones(177, dtype=bool), {"race": race})
    assert [(each.group, each.persons) for each in found.not_assessable] == [(None, 17)]
    assert [each.persons for each in found.assessed] == [100, 60]


def test_a_column_of_free_text_does_not_fill_the_document() -> None:
    values = np.repeat([f"value {number}" for number in range(60)], 12)
    found = measured(np.ones(720, dtype=bool), {"note": values})
    assert len(found.not_assessable) == 51
    assert (found.not_assessable[-1].group, found.not_assessable[-1].persons) == (None, 120)


def test_a_rate_over_nobody_is_not_zero_but_unknown() -> None:
    race = groups(a=100, b=100)
    labels = np.where(race == "a", np.arange(200) % 2, 0)
    found = measured(np.ones(200, dtype=bool), {"race": race}, labels)
    (group_b,) = [each for each in found.assessed if each.group == "b"]
    (rates,) = [each for each in group_b.rates if each.label == 1]
    assert rates.true_positive_rate is None
    assert rates.false_positive_rate == 0


def test_a_class_that_few_of_a_group_have_cannot_be_worked_out_from_the_other_rates() -> None:
    """Of b, 5 have class 2. With a class's three rates and 100 persons, so many have it: (s - f) / (t - f) of them."""
    race = groups(a=150, b=100)
    labels = np.concatenate([np.arange(150) % 3, np.where(np.arange(100) < 5, 2, np.arange(100) % 2)])
    predicted = np.where(np.arange(250) % 7 == 0, (labels + 1) % 3, labels)
    found = measure_fairness(labels=labels, predicted=predicted, persons=np.arange(250), attributes={"race": race})
    rates = [each for group in found.assessed for each in group.rates]
    assert {each.false_positive_rate for each in rates} == {each.false_positive for each in rates} == {None}
    assert sum(each.true_positive_rate is None for each in rates) == 1


def test_an_interval_is_as_wide_as_the_persons_are_few_who_have_the_class() -> None:
    """Of each group, 400 persons have a row each without the class, and 10 others have 10 rows each with it."""
    persons = np.concatenate(
        [start + np.concatenate([np.arange(400), np.repeat(np.arange(400, 410), 10)]) for start in (0, 410)]
    )
    labels = np.tile(np.repeat([0, 1], [400, 100]), 2)
    sex = np.repeat(["f", "m"], 500)
    found = measure_fairness(labels=labels, predicted=labels, persons=persons, attributes={"sex": sex})
    (rates,) = [each for each in found.assessed[0].rates if each.label == 1]
    assert rates.true_positive == wilson(1.0, 10, critical()).figure()
    assert rates.false_positive == wilson(0.0, 400, critical()).figure()
