"""What noisy figures cost is in the plan, and nothing is where exact figures may leave."""

from dataclasses import replace
from decimal import Decimal

import pytest
from tests.conftest import Stage, linear_accountant, linear_calibration

from tunewarden.domain.datasets import Dataset, Groups, HeldOut
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.drivers import accounting
from tunewarden.usecases.measuring import metrics_mechanism

DELTA = Decimal("0.0001")


@pytest.fixture
def dataset(stage: Stage) -> Dataset:
    return stage.dataset()


def grouped(dataset: Dataset, *values: str) -> Dataset:
    return replace(dataset, columns=replace(dataset.columns, groups=(Groups(column="sex", values=values),)))


def test_every_released_table_is_an_update_over_every_person(dataset: Dataset) -> None:
    plain = metrics_mechanism(linear_calibration, dataset, Decimal(3), DELTA)
    more = metrics_mechanism(linear_calibration, grouped(dataset, "f", "m"), Decimal(3), DELTA)
    assert plain is not None
    assert more is not None
    assert (plain.unit, plain.sampling_rate, plain.contributions) == (PrivacyUnit.PERSON, 1, 1)
    assert (plain.updates, more.updates) == (2, 3)


@pytest.mark.parametrize("held_out", [HeldOut.CONSENTED, HeldOut.PUBLIC])
def test_exact_figures_that_may_leave_cost_nothing(dataset: Dataset, held_out: HeldOut) -> None:
    declared = replace(dataset, held_out=held_out)
    assert metrics_mechanism(linear_calibration, declared, Decimal(3), DELTA) is None


def test_who_is_never_trained_on_may_lose_as_much_by_figures_as_others_by_training(dataset: Dataset) -> None:
    found = metrics_mechanism(linear_calibration, dataset, Decimal(3), DELTA)
    assert found is not None
    assert linear_accountant([found], DELTA) == 3


def test_where_rows_count_as_persons_figures_get_a_fifth(dataset: Dataset) -> None:
    rows = replace(dataset, columns=replace(dataset.columns, person=None))
    found = metrics_mechanism(linear_calibration, rows, Decimal(3), DELTA)
    assert found is not None
    assert round(linear_accountant([found], DELTA), 9) == Decimal("0.6")


def test_the_real_accountant_keeps_the_promise(dataset: Dataset) -> None:
    found = metrics_mechanism(accounting.calibrate, grouped(dataset, "f", "m"), Decimal(3), DELTA)
    assert found is not None
    assert accounting.epsilon([found], DELTA) <= 3
    assert accounting.epsilon([found.times(found.updates + 1)], DELTA) > 3
