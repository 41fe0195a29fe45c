"""What privacy costs whom, from what two twins answer: who pays more than their part, who does not, and who knows."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
from tests.steps.measure.injuries import SAID, plan

from tunewarden.domain.gates import Measurement
from tunewarden.steps.measure.intervals import Figure
from tunewarden.steps.measure.rows import Rows
from tunewarden.steps.measure.twins import (
    LIMIT,
    Burden,
    Twins,
    burden,
    compare_twins,
)


def figure(low: str, value: str, high: str) -> Figure:
    return Figure(low=Decimal(low), value=Decimal(value), high=Decimal(high))


def rows_of(groups: Sequence[str]) -> Rows:
    persons = [f"{number:05}" for number in range(len(groups))]
    return Rows(
        texts=["text"] * len(groups),
        labels=[0] * len(groups),
        persons=persons,
        protected=[{"sex": group} for group in groups],
    )


def compared(lost: dict[str, float], size: int) -> Twins:
    """Of groups of so many persons each; the private twin loses such a share of what the other one has right."""
    groups = [group for group in lost for _ in range(size)]
    without = np.ones(len(groups), dtype=np.bool_)
    private = without.copy()
    for place, (_, share) in enumerate(lost.items()):
        private[place * size : place * size + round(share * size)] = False
    return compare_twins(private, without, rows_of(groups), SAID, trained=9, plan=plan())


def test_the_group_that_pays_more_is_named_with_its_excess_over_the_mean() -> None:
    found = compared({"f": 0.30, "m": 0.10}, 1000)
    assert found.price.value == Decimal("0.2")
    costs = {cost.group: cost for cost in found.costs}
    assert costs["f"].price.value == Decimal("0.3")
    assert costs["f"].excess.value == Decimal("0.1")
    assert costs["f"].burden is Burden.MORE
    assert costs["m"].burden is Burden.WITHIN
    assert {m.metric: m.value for m in found.measurements()} == {
        "fairness.privacy_price": Decimal("0.2"),
        "fairness.privacy_excess": Decimal("0.1"),
    }


def test_where_all_pay_alike_and_are_many_everybody_is_within_and_where_they_are_few_nobody_knows() -> None:
    assert {cost.burden for cost in compared({"f": 0.2, "m": 0.2}, 2000).costs} == {Burden.WITHIN}
    assert {cost.burden for cost in compared({"f": 0.2, "m": 0.2}, 40).costs} == {Burden.UNDECIDED}


def test_groups_too_small_to_be_compared_have_no_cost_and_then_there_is_no_excess() -> None:
    found = compared({"f": 0.2, "m": 0.2}, 10)
    assert found.costs == ()
    assert [m.metric for m in found.measurements()] == ["fairness.privacy_price"]


@pytest.mark.parametrize(
    ("excess", "outcome"),
    [
        (figure("0.01", "0.06", "0.11"), Burden.MORE),
        (figure("0", "0.06", "0.11"), Burden.UNDECIDED),
        (figure("0.01", "0.05", "0.09"), Burden.UNDECIDED),
        (figure("0.01", "0.03", "0.05"), Burden.WITHIN),
        (figure("-0.2", "0", "0.2"), Burden.UNDECIDED),
    ],
)
def test_three_outcomes_from_what_is_stated(excess: Figure, outcome: Burden) -> None:
    assert Decimal("0.05") == LIMIT
    assert burden(excess) is outcome


def test_false_alarms_that_any_of_five_groups_pays_more_are_rare() -> None:
    """No group pays more; 20 simulations, of which 5 % may say so by design: 9 would, less than once in a million."""
    dice, alarms = np.random.default_rng(3), 0
    groups = [group for group in "abcde" for _ in range(120)]
    rows = rows_of(groups)
    for _ in range(20):
        without = dice.random(len(groups)) < 0.85
        private = np.where(dice.random(len(groups)) < 0.85, without, dice.random(len(groups)) < 0.5)
        found = compare_twins(private, without, rows, SAID, trained=9, plan=plan())
        alarms += any(cost.excess.low > 0 for cost in found.costs)
    assert alarms < 9


def test_the_largest_excess_is_one_measurement_whose_ends_hold_together() -> None:
    found = compared({"f": 0.30, "m": 0.10}, 1000)
    excess = next(m for m in found.measurements() if m.metric == "fairness.privacy_excess")
    assert isinstance(excess, Measurement)
    assert excess.low == max(cost.excess.low for cost in found.costs)
    assert excess.high == max(cost.excess.high for cost in found.costs)
