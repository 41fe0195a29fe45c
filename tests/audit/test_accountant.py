"""Epsilon computed twice: by the auditor's own formula, and by the library that the platform decides budgets with."""

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies as st
from scipy.integrate import quad
from tests.audit.house_log import EPSILON, MECHANISM, SPENT

from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.drivers import accounting
from tunewarden_audit.accountant import ORDERS, NotAccountable, Spending, epsilon, renyi

RATES = st.sampled_from([0.001, 0.01, 0.05, 0.1667, 0.5, 1.0])
NOISES = st.sampled_from([0.6, 0.85, 1.1, 2.0, 5.0, 30.0])


def of_library(rate: float, noise: float, updates: int, delta: float, units: int = 1) -> float:
    mechanism = Mechanism(
        unit=PrivacyUnit.PERSON if units == 1 else PrivacyUnit.RECORD,
        relation=Relation.ADD_OR_REMOVE_ONE,
        sampling_rate=Decimal(str(rate)),
        noise_multiplier=Decimal(str(noise)),
        updates=updates,
        contributions=units,
    )
    return float(accounting.epsilon([mechanism], Decimal(str(delta))))


@settings(deadline=None, max_examples=60)
@given(RATES, NOISES, st.integers(1, 2000), st.sampled_from([1e-4, 1e-5, 1e-7]))
def test_the_two_accountants_agree_to_one_in_a_hundred(rate: float, noise: float, updates: int, delta: float) -> None:
    """The library leaves the signs out of its series for orders that are not whole, so it is a little above."""
    mine, theirs = epsilon([(rate, noise, updates)], delta), of_library(rate, noise, updates, delta)
    assert mine <= theirs + 1e-9
    if theirs < 15:  # beyond it the best order is below those that both use
        assert (
            mine >= theirs * (0.96 if rate == 0.5 else 0.99) - 0.0001
        )  # its series is poorest at one half: 2.7 % seen


@settings(max_examples=12)
@given(RATES, st.sampled_from([1.0, 4.0, 30.0]), st.integers(1, 500), st.sampled_from([2, 3, 8]))
def test_they_agree_about_persons_with_several_units_too(rate: float, noise: float, updates: int, units: int) -> None:
    theirs = of_library(rate, noise, updates, 1e-5, units)
    assert epsilon([(rate, noise, updates, units)], 1e-5) == pytest.approx(theirs, rel=1e-6, abs=0.0002)


def test_a_person_with_several_units_loses_more_than_one_unit_does() -> None:
    assert epsilon([(0.05, 4.0, 100, 8)], 1e-5) > 4 * epsilon([(0.05, 4.0, 100)], 1e-5)


@pytest.mark.parametrize("units", [-1, 0, 65])
def test_no_formula_is_for_so_many_units(units: int) -> None:
    with pytest.raises(NotAccountable):
        epsilon([(0.1, 1.0, 1, units)], 1e-5)


def test_noise_too_small_for_so_many_units_is_refused_and_not_guessed() -> None:
    with pytest.raises(NotAccountable):
        epsilon([(0.1, 0.2, 1, 64)], 1e-5)


@pytest.mark.parametrize("order", [2.1, 3.7, 10.9, 5, 64])
@pytest.mark.parametrize(("rate", "noise"), [(0.1669, 0.851), (0.01, 1.1), (0.5, 4.0)])
def test_the_divergence_is_the_integral_that_defines_it(order: float, rate: float, noise: float) -> None:
    def density(x: float) -> float:
        ratio = math.log1p(-rate) + math.log1p(rate / (1 - rate) * math.exp((2 * x - 1) / (2 * noise**2)))
        return math.exp(order * ratio - x**2 / (2 * noise**2) - peak) / (noise * math.sqrt(2 * math.pi))

    peak = max(0.0, renyi(rate, noise)[ORDERS.index(order)] * (order - 1) - 20)  # so that nothing overflows
    whole, _ = quad(density, -15 * noise, order + 15 * noise, points=[0, order], limit=500)
    expected = (math.log(whole) + peak) / (order - 1)
    assert renyi(rate, noise)[ORDERS.index(order)] == pytest.approx(expected, rel=1e-6)


def test_without_sampling_it_is_the_gaussian_mechanism() -> None:
    assert renyi(1.0, 5.0)[ORDERS.index(8)] == pytest.approx(8 / 50)


def test_what_was_spent_adds_up_in_any_order_and_nothing_costs_nothing() -> None:
    assert Spending().epsilon(1e-5) == 0.0
    assert epsilon([(0.1, 1.0, 0)], 1e-5) == 0.0
    one, other = Spending(), Spending()
    one.add(0.1, 1.0, 30)
    one.add(0.05, 2.0, 7)
    other.add(0.05, 2.0, 7)
    for _ in range(30):
        other.add(0.1, 1.0, 1)
    assert one.epsilon(1e-5) == pytest.approx(other.epsilon(1e-5))
    both = Spending()
    both.add_all(one)
    both.add_all(other)
    assert both.epsilon(1e-5) > one.epsilon(1e-5)


@pytest.mark.parametrize(
    ("rate", "noise"), [(0.0, 1.0), (1.1, 1.0), (0.1, 0.0), (0.1, 0.05), (0.1, math.inf), (0.1, math.nan)]
)
def test_what_has_no_formula_is_refused(rate: float, noise: float) -> None:
    with pytest.raises(NotAccountable):
        epsilon([(rate, noise, 1)], 1e-5)


def test_the_figures_of_the_hand_written_log_are_right() -> None:
    mechanism = float(MECHANISM["sampling_rate"]), float(MECHANISM["noise_multiplier"])
    assert epsilon([(*mechanism, 36)], 1e-4) < float(SPENT) < epsilon([(*mechanism, 40)], 1e-4) * 1.1 < float(EPSILON)
