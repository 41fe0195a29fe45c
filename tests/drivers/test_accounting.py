"""The numbers that budgets are decided on."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies as st

from tunewarden.domain.errors import Malformed
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.drivers import accounting
from tunewarden.drivers.accounting import calibrate, epsilon, epsilon_pld

DELTA = Decimal("0.00001")


def mechanism(noise: str = "0.8", rate: str = "0.01", updates: int = 1000) -> Mechanism:
    return Mechanism(
        unit=PrivacyUnit.PERSON,
        relation=Relation.ADD_OR_REMOVE_ONE,
        sampling_rate=Decimal(rate),
        noise_multiplier=Decimal(noise),
        updates=updates,
    )


rates = st.decimals(min_value="0.001", max_value="1", places=3)
noises = st.decimals(min_value="0.5", max_value="20", places=2)
counts = st.integers(min_value=1, max_value=2000)


def test_known_figures_of_both_accountants_are_reproduced() -> None:
    assert abs(epsilon([mechanism()], DELTA) - Decimal("3.695")) < Decimal("0.001")
    assert abs(epsilon_pld([mechanism()], DELTA) - Decimal("3.141")) < Decimal("0.001")


def test_what_an_update_costs_is_worked_out_once_and_stays_what_it_is() -> None:
    """A ledger is asked again whenever somebody looks at it."""
    several = [mechanism(noise=noise, updates=updates) for noise, updates in (("0.93", 40), ("1.07", 7), ("0.93", 2))]
    first = epsilon(several, DELTA)
    asked = accounting._renyi_of_one_update.cache_info().misses
    assert epsilon([*several, mechanism(noise="0.93", updates=3)], DELTA) > first
    assert epsilon(several, DELTA) == first
    assert accounting._renyi_of_one_update.cache_info().misses == asked


def test_three_trainings_cost_less_than_the_sum_of_each_alone() -> None:
    third = mechanism(updates=300)
    together = epsilon([third] * 3, DELTA)
    assert together == epsilon([mechanism(updates=900)], DELTA)
    assert together < 3 * epsilon([third], DELTA)


def test_nothing_costs_nothing() -> None:
    assert epsilon([], DELTA) == epsilon([mechanism(updates=0)], DELTA) == epsilon_pld([], DELTA) == 0


def test_epsilon_is_rounded_up_to_four_decimals() -> None:
    value = epsilon([mechanism()], DELTA)
    assert value == value.quantize(Decimal("0.0001"))
    assert value >= Decimal("3.6949")


def test_noise_that_protects_nobody_is_never_affordable() -> None:
    assert epsilon([mechanism(noise="0.001", rate="1")], DELTA) > 1_000_000


@pytest.mark.parametrize("delta", ["0", "1", "-0.1", "NaN", "Infinity"])
def test_a_delta_outside_its_range_is_malformed(delta: str) -> None:
    for ask in (epsilon, epsilon_pld):
        with pytest.raises(Malformed, match="Delta"):
            ask([mechanism()], Decimal(delta))
    with pytest.raises(Malformed, match="Delta"):
        calibrate(mechanism(), Decimal(3), Decimal(delta))


@pytest.mark.parametrize("target", ["0", "-1", "NaN", "Infinity", "0.0001"])
def test_an_epsilon_that_cannot_be_kept_is_malformed(target: str) -> None:
    with pytest.raises(Malformed) as refused:
        calibrate(mechanism(), Decimal(target), DELTA)
    assert refused.value.code == "epsilon_out_of_range"


def test_a_training_without_updates_cannot_be_calibrated() -> None:
    with pytest.raises(Malformed, match="at least one update"):
        calibrate(mechanism(updates=0), Decimal(3), DELTA)


@pytest.mark.parametrize("target", ["0.5", "3", "8"])
def test_calibration_finds_the_least_noise_that_keeps_the_promise(target: str) -> None:
    found = calibrate(mechanism(rate="0.1", updates=80), Decimal(target), DELTA)
    less = mechanism(noise=str(found.noise_multiplier - Decimal("0.001")), rate="0.1", updates=80)
    assert epsilon([found], DELTA) <= Decimal(target) < epsilon([less], DELTA)


def test_calibration_changes_nothing_but_the_noise() -> None:
    found = calibrate(mechanism(), Decimal(3), DELTA)
    assert found == mechanism(noise=str(found.noise_multiplier))


@settings(max_examples=10, deadline=None)
@given(rate=rates, noise=noises, updates=counts)
def test_more_updates_or_less_noise_never_cost_less(rate: Decimal, noise: Decimal, updates: int) -> None:
    asked = mechanism(str(noise), str(rate), updates)
    assert epsilon([asked], DELTA) <= epsilon([asked.times(updates + 1)], DELTA)
    assert epsilon([mechanism(str(noise + 1), str(rate), updates)], DELTA) <= epsilon([asked], DELTA)


@settings(max_examples=10, deadline=None)
@given(rate=rates, noise=noises, updates=counts)
def test_a_smaller_delta_or_a_higher_sampling_rate_never_costs_less(
    rate: Decimal, noise: Decimal, updates: int
) -> None:
    asked = mechanism(str(noise), str(rate), updates)
    assert epsilon([asked], DELTA) <= epsilon([asked], DELTA / 10)
    assert epsilon([asked], DELTA) <= epsilon([mechanism(str(noise), "1", updates)], DELTA)


@settings(max_examples=10, deadline=None)
@given(noise=noises, updates=counts, others=counts)
def test_a_further_training_never_costs_less_than_none(noise: Decimal, updates: int, others: int) -> None:
    first, second = mechanism(str(noise), "0.05", updates), mechanism("1.1", "0.02", others)
    assert epsilon([first], DELTA) <= epsilon([first, second], DELTA) == epsilon([second, first], DELTA)


@pytest.mark.parametrize(
    "change",
    [
        {"sampling_rate": Decimal("0.02")},
        {"noise_multiplier": Decimal("0.9")},
        {"updates": 1001},
        {"unit": PrivacyUnit.RECORD, "contributions": 2},
    ],
)
def test_whatever_changes_what_is_run_changes_what_is_accounted(change: dict[str, object]) -> None:
    changed = replace(mechanism(noise="2"), **change)  # type: ignore[arg-type]
    assert epsilon([changed], DELTA) != epsilon([mechanism(noise="2")], DELTA)


def test_an_order_that_does_not_converge_is_left_out_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    assert epsilon([mechanism(noise="100", rate="0.5", updates=12)], DELTA) > 0
    assert not caplog.records
