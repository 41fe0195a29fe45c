"""Random-sample review: the bounds are the exact ones, and they hold."""

from decimal import Decimal
from math import comb

import pytest
from hypothesis import given, settings, strategies as st
from scipy.special import betaincinv

from tunewarden.domain.errors import Malformed
from tunewarden.domain.gates import Bound, Gate, Measurement, Rule, SamplingPlan
from tunewarden.domain.names import PolicyName
from tunewarden.domain.sampling import (
    ADJUSTED,
    ALPHA,
    LEAK_RATE,
    SENSITIVITY,
    documents_for,
    level,
    lower_bound,
    plan_for,
    require_attainable,
    review_measurements,
    upper_bound,
)

samples = st.integers(1, 20_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
alphas = st.sampled_from([0.05, 0.025, 0.0125, 1e-6, 0.49])


def gate(*rules: tuple[str, Bound, str], review: SamplingPlan | None) -> Gate:
    return Gate(
        name=PolicyName("training"),
        rules=tuple(
            Rule(metric=metric, bound=bound, limit=Decimal(limit), because="why", remedy="how")
            for metric, bound, limit in rules
        ),
        review=review,
    )


def chance(k: int, n: int, p: float) -> float:
    return comb(n, k) * p**k * (1 - p) ** (n - k)


@given(samples, alphas)
def test_the_bounds_are_those_of_clopper_and_pearson(sample: tuple[int, int], alpha: float) -> None:
    hits, n = sample
    upper = float(betaincinv(hits + 1, n - hits, 1 - alpha)) if hits < n else 1.0
    lower = float(betaincinv(hits, n - hits + 1, alpha)) if hits else 0.0
    assert upper_bound(hits, n, alpha) == pytest.approx(upper, abs=1e-9, rel=1e-9)
    assert lower_bound(hits, n, alpha) == pytest.approx(lower, abs=1e-9)


@pytest.mark.parametrize(
    ("leaks", "documents", "below"),
    [
        (0, 59, 0.05),
        (0, 149, 0.02),
        (0, 299, 0.01),
        (0, 598, 0.005),
        (0, 1497, 0.002),
        (1, 473, 0.01),
        (1, 600, 0.0079),
        (1, 1000, 0.0048),
    ],
)
def test_a_sample_shows_what_its_size_allows_and_no_more(leaks: int, documents: int, below: float) -> None:
    assert upper_bound(leaks, documents) < below
    if leaks == 0:
        assert upper_bound(leaks, documents - 1) >= below
        assert documents_for(below) == documents


@given(st.integers(1, 40), st.floats(0.001, 0.999), alphas)
def test_the_true_rate_is_above_the_bound_no_more_often_than_the_level_says(n: int, p: float, alpha: float) -> None:
    wrong = sum(chance(k, n, p) for k in range(n + 1) if upper_bound(k, n, alpha) < p)
    assert wrong <= alpha * (1 + 1e-9)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 25), st.integers(1, 25), st.floats(0.01, 0.99), st.floats(0.01, 1.0))
def test_the_adjusted_bound_holds_though_readers_miss_leaks(n: int, m: int, leaking: float, seen: float) -> None:
    wrong = 0.0
    for leaks in range(n + 1):
        for found in range(m + 1):
            adjusted = review_measurements(leaks=leaks, documents=n, found=found, seeds=m)[2]
            if float(adjusted.high) < leaking:
                wrong += chance(leaks, n, leaking * seen) * chance(found, m, seen)
    assert wrong <= ALPHA


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 60), st.integers(0, 60), st.integers(0, 1200))
def test_any_outcome_of_a_review_can_be_judged(leaks: int, clean: int, found: int, missed: int, failed: int) -> None:
    measured = review_measurements(
        leaks=leaks, documents=leaks + clean, found=found, seeds=found + missed, failed_before=failed
    )
    assert [each.metric for each in measured] == [LEAK_RATE, SENSITIVITY, ADJUSTED]
    assert all(0 <= each.low <= each.value <= each.high <= 1 for each in measured)
    assert [each.n for each in measured] == [leaks + clean, found + missed, leaks + clean]
    assert measured[2].high >= measured[0].high


def test_a_review_without_leaks_is_worth_the_bound_over_the_sensitivity() -> None:
    rate, sensitivity, adjusted = review_measurements(leaks=0, documents=300, found=40, seeds=40)
    assert rate.high == Decimal("0.009937")  # 1 - 0.05 ** (1 / 300)
    assert sensitivity.low == Decimal("0.927842")  # 0.05 ** (1 / 40)
    assert adjusted.high == Decimal("0.013402")  # (1 - 0.025 ** (1 / 300)) / 0.025 ** (1 / 40)
    assert (rate.value, sensitivity.value, adjusted.value) == (0, 1, 0)


def test_a_reader_who_marks_nothing_shows_nothing() -> None:
    _, sensitivity, adjusted = review_measurements(leaks=0, documents=1000, found=0, seeds=50)
    assert sensitivity.low == 0
    assert (adjusted.value, adjusted.high) == (1, 1)


def test_a_review_of_nothing_shows_nothing() -> None:
    rate, sensitivity, adjusted = review_measurements(leaks=0, documents=0, found=0, seeds=0)
    assert (rate.high, sensitivity.low, adjusted.high) == (1, 0, 1)


def test_leaks_that_readers_miss_are_counted_in_as_many_as_seeds_that_they_miss() -> None:
    adjusted = review_measurements(leaks=10, documents=1000, found=25, seeds=50)[2]
    assert adjusted.value == Decimal("0.02")


def test_every_failed_sample_halves_the_level_and_all_together_stay_below_twice_the_first() -> None:
    assert level(0) == ALPHA
    assert all(level(k + 1) == level(k) / 2 for k in range(20))
    assert sum(level(k) for k in range(100)) <= 2 * ALPHA
    bounds = [
        review_measurements(leaks=0, documents=300, found=40, seeds=40, failed_before=k)[2].high for k in range(8)
    ]
    assert bounds == sorted(set(bounds))


@settings(deadline=None)
@given(st.sampled_from([0.005, 0.01, 0.02, 0.05, 0.2]), st.sampled_from([0.5, 0.8, 0.95]), st.integers(0, 3))
def test_a_plan_shows_what_it_was_made_for_and_reading_less_would_not(limit: float, sees: float, spare: int) -> None:
    plan = plan_for(limit, sees, leaks=spare, missed=spare)

    def shown(documents: int, seeds: int) -> tuple[Measurement, ...]:
        return review_measurements(leaks=spare, documents=documents, found=seeds - spare, seeds=seeds)

    _, sensitivity, adjusted = shown(plan.documents, plan.seeds)
    assert float(adjusted.high) <= limit + 1e-6  # measurements are rounded up to a millionth
    assert float(sensitivity.low) >= sees - 1e-6
    _, sensitivity, adjusted = shown(plan.documents - 1, plan.seeds)
    assert float(adjusted.high) > limit
    for seeds in range(plan.seeds, plan.seeds + 20):  # no other split of the same reading does with one text less
        documents = plan.documents + plan.seeds - seeds - 1
        if documents > spare:
            assert float(shown(documents, seeds)[2].high) > limit


@pytest.mark.parametrize(("limit", "sees"), [(1e-7, 0.8), (0.02, 0.999999)])
def test_a_plan_that_nobody_could_read_is_refused(limit: float, sees: float) -> None:
    with pytest.raises(Malformed, match="No plan of at most"):
        plan_for(limit, sees)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_limit_that_is_no_share_is_refused(share: float) -> None:
    with pytest.raises(Malformed, match="between 0 and 1"):
        plan_for(share, 0.8)
    with pytest.raises(Malformed, match="between 0 and 1"):
        plan_for(0.02, share)


@pytest.mark.parametrize(("documents", "seeds"), [(0, 10), (-1, 10), (100_001, 10), (10, -1), (10, 100_001)])
def test_a_plan_without_documents_or_beyond_what_people_read_is_refused(documents: int, seeds: int) -> None:
    with pytest.raises(Malformed, match="A sampling plan has"):
        SamplingPlan(documents=documents, seeds=seeds)


@pytest.mark.parametrize(
    ("rules", "review"),
    [
        ([(ADJUSTED, Bound.AT_MOST, "0.02")], None),
        ([(ADJUSTED, Bound.AT_MOST, "0.02")], SamplingPlan(documents=200, seeds=25)),
        ([(ADJUSTED, Bound.AT_MOST, "0.02")], SamplingPlan(documents=1000, seeds=0)),
        ([(LEAK_RATE, Bound.AT_MOST, "0.01")], SamplingPlan(documents=298, seeds=0)),
        ([(SENSITIVITY, Bound.AT_LEAST, "0.8")], SamplingPlan(documents=300, seeds=13)),
    ],
)
def test_a_rule_that_no_review_could_keep_is_refused(
    rules: list[tuple[str, Bound, str]], review: SamplingPlan | None
) -> None:
    with pytest.raises(Malformed, match="cannot be kept by any review"):
        require_attainable(gate(*rules, review=review))


@pytest.mark.parametrize(
    ("rules", "review"),
    [
        ([("deid.planted_recall", Bound.AT_LEAST, "0.95")], None),
        ([(ADJUSTED, Bound.AT_MOST, "0.02")], SamplingPlan(documents=212, seeds=25)),
        ([(LEAK_RATE, Bound.AT_MOST, "0.01")], SamplingPlan(documents=299, seeds=0)),
        ([(SENSITIVITY, Bound.AT_LEAST, "0.8")], SamplingPlan(documents=1, seeds=14)),
    ],
)
def test_a_rule_that_a_flawless_review_keeps_is_accepted(
    rules: list[tuple[str, Bound, str]], review: SamplingPlan | None
) -> None:
    require_attainable(gate(*rules, review=review))


@pytest.mark.parametrize(("hits", "n", "alpha"), [(-1, 5, 0.05), (6, 5, 0.05), (1, 5, 0.0), (1, 5, 0.5)])
def test_a_bound_of_an_impossible_sample_is_an_error(hits: int, n: int, alpha: float) -> None:
    with pytest.raises(ValueError, match="a bound needs"):
        upper_bound(hits, n, alpha)
