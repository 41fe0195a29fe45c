"""Intervals against published examples, and against what they promise: to hold in 95 of 100 cases."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import t as student_distribution

from tunewarden.steps.measure.intervals import (
    Interval,
    correlation,
    critical,
    difference,
    effective_size,
    mean,
    mean_of,
    paired_gain,
    ratio,
    share,
    student,
)

SIMULATIONS = 400
Z = critical()


def some(hits: int, of: int) -> np.ndarray:
    return np.arange(of) < hits


def apart(rows: int) -> np.ndarray:
    return np.arange(rows)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_is_wilsons(hits: int, of: int, low: float, high: float) -> None:
    """Newcombe 1998, Stat. Med. 17:857, table I, method 3."""
    found = share(some(hits, of), apart(of), Z)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [((56, 70), (48, 80), 0.0524, 0.3339), ((9, 10), (3, 10), 0.1705, 0.8090), ((10, 10), (0, 20), 0.6791, 1.0)],
)
def test_the_interval_of_a_difference_is_newcombes(
    one: tuple[int, int], other: tuple[int, int], low: float, high: float
) -> None:
    """Newcombe 1998, Stat. Med. 17:873, table II, method 10."""
    parts = [share(some(*counts), apart(counts[1]), Z) for counts in (one, other)]
    found = difference(*parts)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_a_person_who_says_the_same_ten_times_counts_once() -> None:
    persons = np.repeat(np.arange(40), 10)
    said = np.repeat(some(30, 40), 10)
    assert effective_size(persons) == 40
    assert share(said, persons, Z) == share(some(30, 40), apart(40), Z)


def test_rows_of_different_persons_all_count() -> None:
    assert effective_size(apart(40)) == 40


def test_one_person_with_many_rows_weighs_less_than_the_rows_say() -> None:
    persons = np.concatenate([np.zeros(50, dtype=int), np.arange(1, 51)])
    assert effective_size(persons) == pytest.approx(100**2 / (50**2 + 50))


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
def test_the_interval_of_a_share_holds_however_alike_the_rows_of_a_person_are(alike: float) -> None:
    rng, held = np.random.default_rng(1), 0
    for _ in range(SIMULATIONS):
        persons = np.repeat(np.arange(80), rng.integers(1, 5, 80))
        own = rng.random(80)[persons]
        hits = np.where(rng.random(len(persons)) < alike, own, rng.random(len(persons))) < 0.8
        found = share(hits, persons, Z)
        held += found.low <= 0.8 <= found.high
    assert held / SIMULATIONS >= 0.93


def test_the_interval_of_a_paired_gain_holds() -> None:
    rng, held = np.random.default_rng(2), 0
    for _ in range(SIMULATIONS):
        hard = rng.random(200)
        found = paired_gain(hard < 0.9, hard + rng.normal(0, 0.05, 200) < 0.6, apart(200))
        held += found.low <= 0.3 <= found.high
    assert held / SIMULATIONS >= 0.93


def test_pairing_makes_the_interval_of_a_gain_narrower() -> None:
    better, worse = some(90, 100), some(70, 100)
    paired = paired_gain(better, worse, apart(100))
    unpaired = difference(share(better, apart(100), Z), share(worse, apart(100), Z))
    assert unpaired.low < paired.low < paired.value < paired.high < unpaired.high


def test_the_correlation_of_rows_of_different_persons_is_the_phi_coefficient() -> None:
    one, other = some(60, 100), some(30, 100)
    assert correlation(one, other, apart(100)) == pytest.approx(np.corrcoef(one, other)[0, 1])


def test_a_constant_answer_correlates_with_nothing() -> None:
    assert correlation(some(100, 100), some(30, 100), apart(100)) == 0.0


@pytest.mark.parametrize("freedom", [5, 10, 23, 31, 100, 1000])
def test_students_quantile_is_the_one_of_the_tables(freedom: int) -> None:
    assert student(freedom) == pytest.approx(student_distribution.ppf(0.975, freedom), abs=0.01)


def test_the_interval_of_a_mean_holds_for_small_samples() -> None:
    rng = np.random.default_rng(3)
    found = [mean(rng.normal(0.1, 0.3, 24)) for _ in range(SIMULATIONS)]
    assert sum(each.low <= 0.1 <= each.high for each in found) / SIMULATIONS >= 0.93


def test_the_interval_of_a_ratio_holds() -> None:
    rng, held = np.random.default_rng(4), 0
    for _ in range(SIMULATIONS):
        wholes = rng.uniform(0.5, 2.0, 40)
        found = ratio(wholes * rng.uniform(0.0, 0.2, 40), wholes)
        held += found.low <= 0.1 <= found.high
    assert held / SIMULATIONS >= 0.92


def test_a_part_of_nothing_counts_as_everything_missing() -> None:
    assert ratio(np.ones(5), np.zeros(5)) == Interval(low=1.0, value=1.0, high=1.0)


def test_the_mean_of_two_shares_is_surer_than_each_of_them() -> None:
    one = share(some(80, 100), apart(100), Z)
    both = mean_of([one, one])
    assert both.value == one.value
    assert one.low < both.low < both.value < both.high < one.high


def test_nothing_but_right_answers_do_not_make_a_small_sample_sure() -> None:
    assert share(some(10, 10), apart(10), Z).low == pytest.approx(0.7225, abs=5e-5)


def test_more_comparisons_need_wider_intervals() -> None:
    assert critical(1) == pytest.approx(1.95996, abs=1e-5)
    assert critical(6) == pytest.approx(2.63826, abs=1e-5)


@given(st.tuples(*[st.floats(-1, 1)] * 3).map(sorted))
def test_rounding_only_ever_widens(numbers: list[float]) -> None:
    low, value, high = numbers
    figure = Interval(low=low, value=value, high=high).figure()
    assert figure.low <= Decimal(low)
    assert figure.low <= figure.value <= figure.high
    assert Decimal(high) <= figure.high
    assert figure.value == pytest.approx(Decimal(value), abs=Decimal("0.00005"))
