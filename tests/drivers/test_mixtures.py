"""What a person loses who has several records, each drawn and clipped for itself."""

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy.special import logsumexp

from tunewarden.domain.errors import Malformed
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.drivers.accounting import calibrate, epsilon, epsilon_pld
from tunewarden.drivers.mixtures import renyi

ORDERS = (2.0, 2.5, 3.0, 7.3, 16.0)


def records(rate: str, noise: str, updates: int, contributions: int) -> Mechanism:
    return Mechanism(
        unit=PrivacyUnit.RECORD,
        relation=Relation.ADD_OR_REMOVE_ONE,
        sampling_rate=Decimal(rate),
        noise_multiplier=Decimal(noise),
        updates=updates,
        contributions=contributions,
    )


def crude(asked: Mechanism) -> Mechanism:
    """Whoever takes part at all is counted with all their records."""
    k = asked.contributions
    return replace(
        asked,
        sampling_rate=1 - (1 - asked.sampling_rate) ** k,
        noise_multiplier=asked.noise_multiplier / k,
        contributions=1,
    )


def test_a_small_epsilon_for_a_record_is_a_large_one_for_a_person_with_eight() -> None:
    """Figures of a measurement made before with the same library: 3.2 and 36.8."""
    asked = records("0.02", "1", 500, 8)
    delta = Decimal("0.000001")
    assert abs(epsilon_pld([asked.for_one_unit()], delta) - Decimal("3.21")) < Decimal("0.01")
    assert abs(epsilon_pld([asked], delta) - Decimal("36.82")) < Decimal("0.01")


def test_the_unit_alone_changes_no_number() -> None:
    one = records("0.02", "1", 500, 1)
    delta = Decimal("0.00001")
    assert epsilon([one], delta) == epsilon([replace(one, unit=PrivacyUnit.PERSON)], delta)


def test_one_contribution_is_the_sampled_gaussian() -> None:
    """The library's own figure, and the integral's; it leaves signs out for orders that are not whole."""
    by_library = epsilon([records("0.05", "1.2", 200, 1)], Decimal("0.00001"))
    alone = renyi(0.05, 1.2, 1, tuple(range(2, 65)))
    best = min(
        200 * spent + math.log1p(-1 / order) - math.log(1e-5 * order) / (order - 1)
        for order, spent in enumerate(alone, start=2)
    )
    assert float(by_library) == pytest.approx(best, rel=0.01)


@pytest.mark.parametrize(("rate", "noise", "k"), [(0.02, 1.0, 8), (0.3, 2.5, 3), (0.9, 6.0, 5), (0.05, 0.8, 2)])
def test_the_divergence_is_the_integral_that_defines_it(rate: float, noise: float, k: int) -> None:
    """Another sum over the densities themselves, twenty times finer, in both directions."""
    x = np.arange(-ORDERS[-1] * k - 14 * noise, ORDERS[-1] * k + 14 * noise, min(noise, noise**2) / 160)
    shares = [math.comb(k, j) * rate**j * (1 - rate) ** (k - j) for j in range(k + 1)]
    log_q = -(x**2) / (2 * noise**2)
    log_p = logsumexp([math.log(share) - (x - j) ** 2 / (2 * noise**2) for j, share in enumerate(shares)], axis=0)
    width = math.log((x[1] - x[0]) / (noise * math.sqrt(2 * math.pi)))
    for order, found in zip(ORDERS, renyi(rate, noise, k, ORDERS), strict=True):
        there = logsumexp(order * log_p + (1 - order) * log_q) + width
        back = logsumexp(order * log_q + (1 - order) * log_p) + width
        assert found == pytest.approx(max(there, back) / (order - 1), rel=1e-6, abs=1e-12)


def test_where_everybody_takes_part_with_all_it_is_the_gaussian_mechanism_of_that_size() -> None:
    for order, found in zip(ORDERS, renyi(1.0, 6.0, 3, ORDERS), strict=True):
        assert found == pytest.approx(order * 9 / (2 * 36), rel=1e-9)


@pytest.mark.parametrize(
    ("rate", "noise", "updates", "k"),
    [("0.02", "3", 500, 8), ("0.1", "20", 80, 4), ("0.3", "4", 20, 2)],
)
def test_renyi_lies_between_the_tight_figure_and_the_crude_bound(rate: str, noise: str, updates: int, k: int) -> None:
    asked, delta = records(rate, noise, updates, k), Decimal("0.00001")
    mine = epsilon([asked], delta)
    assert epsilon_pld([asked], delta) <= mine <= epsilon([crude(asked)], delta)


@settings(max_examples=8, deadline=None)
@given(st.decimals("0.01", "0.5", places=2), st.decimals("1", "30", places=1), st.integers(1, 7))
def test_more_records_of_a_person_never_cost_less(rate: Decimal, noise: Decimal, k: int) -> None:
    delta = Decimal("0.00001")
    fewer, more = (records(str(rate), str(noise), 50, count) for count in (k, k + 1))
    assert epsilon([fewer], delta) <= epsilon([more], delta) * Decimal("1.0005") + Decimal("0.0001")


def test_calibration_keeps_the_promise_to_the_person_and_not_to_the_record() -> None:
    found = calibrate(records("0.05", "1", 100, 4), Decimal(3), Decimal("0.00001"))
    alone = calibrate(records("0.05", "1", 100, 1), Decimal(3), Decimal("0.00001"))
    assert epsilon([found], Decimal("0.00001")) <= 3
    assert epsilon([found.for_one_unit()], Decimal("0.00001")) < 1
    assert found.noise_multiplier > 2 * alone.noise_multiplier


def test_trainings_with_different_units_add_up() -> None:
    person = replace(records("0.05", "1.5", 100, 1), unit=PrivacyUnit.PERSON)
    several, delta = records("0.02", "6", 100, 4), Decimal("0.00001")
    both = epsilon([person, several], delta)
    assert max(epsilon([person], delta), epsilon([several], delta)) < both
    assert both < epsilon([person], delta) + epsilon([several], delta)
    assert epsilon_pld([person, several], delta) < both


def test_noise_that_protects_nobody_is_never_affordable() -> None:
    assert epsilon([records("0.5", "0.05", 1, 8)], Decimal("0.00001")) == Decimal("Infinity")


@pytest.mark.parametrize("change", [{"contributions": 0}, {"contributions": -1}, {"contributions": 65}])
def test_so_many_units_of_one_person_cannot_exist(change: dict[str, int]) -> None:
    with pytest.raises(Malformed) as refused:
        replace(records("0.1", "1", 10, 1), **change)
    assert refused.value.code == "contributions_out_of_range"


def test_a_person_who_is_the_unit_has_one() -> None:
    with pytest.raises(Malformed):
        replace(records("0.1", "1", 10, 2), unit=PrivacyUnit.PERSON)
