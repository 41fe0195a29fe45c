"""Figures from sums, bootstrapped over persons."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tunewarden.steps.measure.intervals import bootstrap
from tunewarden.steps.measure.resampling import enough, percentiles, resamples, sums_of


def test_rows_are_added_up_by_person() -> None:
    found = sums_of(np.array([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]]), np.array([7, 3, 7]))
    assert found.tolist() == [[2.0, 20.0], [5.0, 50.0]]
    assert sums_of(np.zeros((0, 2)), np.zeros(0, dtype=np.int64)).shape == (0, 2)


@pytest.mark.parametrize("kinds", [2, 400], ids=["drawn as counts", "drawn one by one"])
def test_resamples_scatter_as_draws_with_replacement_do(kinds: int) -> None:
    """Of 400 values: the mean over 4,000 resamples within 5 of its standard errors (false alarms below 1e-6), the
    standard deviation within 7 % (its relative standard error is 1.1 %)."""
    values = (np.arange(400) % kinds).astype(np.float64)
    means = resamples(values[:, None])[:, 0] / 400
    scatter = values.std() / 20
    assert abs(means.mean() - values.mean()) < 5 * scatter / np.sqrt(4000)
    assert means.std() == pytest.approx(scatter, rel=0.07)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), min_size=2, max_size=40), st.randoms())
def test_the_order_of_persons_changes_nothing(people: list[tuple[int, int]], chance: object) -> None:
    sums = np.array(people, dtype=np.float64)
    order = list(range(len(people)))
    chance.shuffle(order)  # type: ignore[attr-defined]
    assert (resamples(sums, 50) == resamples(sums[order], 50)).all()


def test_the_interval_is_that_of_the_bootstrap_of_a_mean() -> None:
    values = np.random.default_rng(1).normal(size=200)
    drawn = resamples(np.stack([values, np.ones(200)], axis=1))
    found, other = percentiles(drawn[:, 0] / drawn[:, 1], float(values.mean()), 200), bootstrap(values)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((other.low, other.high), abs=0.01)


def test_a_figure_that_some_resample_does_not_have_is_not_stated() -> None:
    assert percentiles(np.array([0.1, np.nan, 0.2]), 0.1, 3) is None
    assert percentiles(np.array([0.1, 0.2]), float("nan"), 3) is None


def test_one_person_with_most_of_the_rows_is_not_thirty() -> None:
    assert enough(np.arange(30))
    assert not enough(np.arange(29))
    assert not enough(np.concatenate([np.zeros(60, dtype=np.int64), np.arange(1, 60)]))
    assert not enough(np.zeros(0, dtype=np.int64))
