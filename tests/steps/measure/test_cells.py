"""Rates from cells: Fairlearn's where there is something to count, unknown where there is not, and their intervals."""

from decimal import Decimal

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, false_positive_rate, selection_rate, true_positive_rate
from hypothesis import given, strategies as st

from tunewarden.steps.measure.cells import confusion, rate_figures, rates, replicates

NAMES = {"selected": selection_rate, "true_positive": true_positive_rate, "false_positive": false_positive_rate}


def of(cells: list[int]) -> dict[str, float]:
    return {name: float(each[0]) for name, each in rates(np.array([cells])).items()}


def test_the_values_of_1000_random_tables_are_those_of_metric_frame() -> None:
    """Each table is one group of one frame: its rows, drawn with another share of the class and of answers."""
    rng, tables = np.random.default_rng(11), 1000
    table = np.repeat(np.arange(tables), rng.integers(4, 40, tables))
    labels = rng.random(len(table)) < rng.random(tables)[table]
    answers = rng.random(len(table)) < rng.random(tables)[table]
    frame = MetricFrame(
        metrics=NAMES, y_true=labels.astype(int), y_pred=answers.astype(int), sensitive_features=table
    ).by_group
    found = rates(confusion(labels, answers, table, tables))
    for name in NAMES:
        known = ~np.isnan(found[name])
        assert known.sum() > 900
        assert np.abs(found[name] - frame[name].to_numpy())[known].max() <= 1e-12
        assert (frame[name].to_numpy()[~known] == 0).all(), "where nobody can be counted, the frame says 0.0"
    errors = np.bincount(table, weights=labels != answers) / np.bincount(table)
    assert np.abs(found["error"] - errors).max() <= 1e-12


def test_a_group_without_positives_has_no_true_positive_rate() -> None:
    found = of([0, 0, 3, 7])
    assert np.isnan(found["true_positive"])
    assert found["false_positive"] == pytest.approx(0.3)
    assert rate_figures(np.array([[0, 0, 3, 7]]), {"true_positive": np.array([0.0])})["true_positive"] == [None]


def test_a_group_of_which_nobody_is_selected_has_a_rate_of_zero_and_an_interval() -> None:
    assert of([0, 4, 0, 6])["selected"] == 0
    (figure,) = rate_figures(np.array([[0, 40, 0, 60]]), {"selected": np.array([100.0])})["selected"]
    assert figure is not None
    assert figure.low == figure.value == 0
    assert Decimal("0.03") < figure.high < Decimal("0.05"), "Wilson's interval, not none at all"


def test_rows_of_no_group_are_nobodys() -> None:
    found = confusion(np.array([True, True]), np.array([True, False]), np.array([-1, 0]), 1)
    assert found.tolist() == [[0, 1, 0, 0]]


@given(st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any), st.integers(1, 200))
def test_every_replicate_has_as_many_rows_as_the_group_is_worth_and_none_in_empty_cells(
    cells: list[int], size: int
) -> None:
    drawn = replicates(np.array([cells]), np.array([float(size)]), 20)
    assert (drawn.sum(axis=2) == size).all()
    assert (drawn[0][:, np.array(cells) == 0] == 0).all()


def test_intervals_are_those_of_resampling_rows_one_by_one() -> None:
    """400 replicates of 400 rows, by rows and by cells: ends differ by less than 0.02 (their deviation is 0.002)."""
    rng = np.random.default_rng(3)
    labels, answers = rng.random(400) < 0.4, rng.random(400) < 0.5
    cells = confusion(labels, answers, np.zeros(400, dtype=np.int64), 1)
    by_rows = [
        rates(confusion(labels[rows], answers[rows], np.zeros(400, dtype=np.int64), 1))
        for rows in rng.integers(0, 400, (400, 400))
    ]
    positives = float(labels.sum())
    below = {"selected": 400.0, "error": 400.0, "true_positive": positives, "false_positive": 400 - positives}
    for name, (figure,) in rate_figures(cells, {name: np.array([size]) for name, size in below.items()}).items():
        ends = np.quantile([float(each[name][0]) for each in by_rows], [0.025, 0.975])
        assert figure is not None
        assert np.abs(np.array([float(figure.low), float(figure.high)]) - ends).max() < 0.02


def test_rows_of_few_persons_make_a_wider_interval() -> None:
    cells = np.array([[300, 100, 100, 500]])
    (alone,), (shared,) = (rate_figures(cells, {"error": np.array([size])})["error"] for size in (1000.0, 100.0))
    assert alone is not None
    assert shared is not None
    assert shared.high - shared.low > 2 * (alone.high - alone.low)
