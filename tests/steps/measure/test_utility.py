"""Utility: what the adapter gained, and over what."""

from decimal import Decimal

import numpy as np
import pytest

from tunewarden.steps.measure.utility import Utility, measure_utility


def measured(predicted: np.ndarray, labels: np.ndarray, majority: int = 0, base: int = 1) -> Utility:
    return measure_utility(
        labels=labels,
        predicted=predicted,
        base_predicted=np.full(len(labels), base),
        majority=majority,
        persons=np.arange(len(labels)),
    )


LABELS = np.repeat([0, 1], [60, 40])


def test_a_perfect_model_gains_what_the_majority_gets_wrong() -> None:
    found = measured(LABELS, LABELS)
    assert found.accuracy.value == 1
    assert (found.majority_accuracy.value, found.base_accuracy.value) == (Decimal("0.6"), Decimal("0.4"))
    assert found.gain_over_majority.value == Decimal("0.4")
    assert found.gain_over_base.value == Decimal("0.6")
    assert found.gain_over_majority.low > Decimal("0.25")


def test_a_model_that_always_gives_the_majority_gains_nothing() -> None:
    found = measured(np.zeros(100, dtype=int), LABELS)
    assert found.gain_over_majority.low < 0
    assert found.gain_over_majority.value == 0
    assert found.balanced_accuracy.value == Decimal("0.5")


def test_the_majority_class_is_the_one_that_is_given() -> None:
    assert measured(LABELS, LABELS, majority=1).majority_accuracy.value == Decimal("0.4")


def test_balanced_accuracy_is_the_mean_recall_of_the_classes_that_occur() -> None:
    predicted = np.where(np.arange(100) % 2 == 0, LABELS, 2)
    found = measured(predicted, LABELS)
    assert [(each.label, each.recall.value) for each in found.recalls] == [(0, Decimal("0.5")), (1, Decimal("0.5"))]
    assert found.balanced_accuracy.value == Decimal("0.5")


def test_every_figure_is_handed_to_the_gates_with_the_number_of_persons() -> None:
    measurements = {each.metric: each for each in measured(LABELS, LABELS).measurements()}
    assert set(measurements) == {
        "utility.accuracy",
        "utility.balanced_accuracy",
        "utility.gain_over_majority",
        "utility.gain_over_base",
    }
    assert {each.n for each in measurements.values()} == {100}


@pytest.mark.parametrize("rows_each", [1, 5])
def test_more_rows_of_the_same_persons_are_not_more_evidence(rows_each: int) -> None:
    once = np.arange(100) < 80
    found = measure_utility(
        labels=np.repeat(once, rows_each).astype(int),
        predicted=np.ones(100 * rows_each, dtype=int),
        base_predicted=np.zeros(100 * rows_each, dtype=int),
        majority=0,
        persons=np.repeat(np.arange(100), rows_each),
    )
    assert (found.rows, found.persons) == (100 * rows_each, 100)
    assert (found.accuracy.low, found.accuracy.high) == (Decimal("0.7111"), Decimal("0.8667"))
