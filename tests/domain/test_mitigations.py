"""What a plan may do about unfairness, and what would break the promise made to a person."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st
from tests.steps.measure.injuries import plan

from tunewarden.domain.errors import Malformed
from tunewarden.domain.mitigations import Mitigation, Swap
from tunewarden.domain.privacy import PrivacyUnit
from tunewarden.domain.training import Task

ONE, HALF = Decimal(1), Decimal("0.5")


@pytest.mark.parametrize(
    "weights",
    [
        (ONE,),
        (ONE, Decimal(2)),
        (HALF, HALF),
        (ONE, Decimal(0)),
        (ONE, Decimal(-1)),
        (ONE, Decimal("NaN")),
        (ONE, Decimal("Infinity")),
    ],
)
def test_weights_above_one_or_of_one_class_or_of_nobody_are_refused(weights: tuple[Decimal, ...]) -> None:
    with pytest.raises(Malformed, match="weights for 2 to"):
        Mitigation(weights=weights)


@given(st.lists(st.decimals(Decimal("0.01"), 1, places=2), min_size=1, max_size=5))
def test_whatever_is_accepted_lengthens_nobodys_gradient(others: list[Decimal]) -> None:
    assert max(Mitigation(weights=(ONE, *others)).weights) == 1


def test_a_mitigation_of_nothing_is_none() -> None:
    with pytest.raises(Malformed):
        Mitigation()


@pytest.mark.parametrize("swaps", [(Swap.SEX, Swap.AGE), (Swap.SEX, Swap.SEX)])
def test_swaps_have_one_order_so_that_one_choice_has_one_digest(swaps: tuple[Swap, ...]) -> None:
    with pytest.raises(Malformed):
        Mitigation(swaps=swaps)


def test_copies_of_records_are_refused_where_each_record_is_a_unit() -> None:
    of_records = replace(plan().mechanism, unit=PrivacyUnit.RECORD)
    with pytest.raises(Malformed) as refused:
        replace(plan(), mechanism=of_records, mitigation=Mitigation(swaps=(Swap.SEX,)))
    assert refused.value.code == "copies_of_records"
    replace(plan(), mechanism=of_records, mitigation=Mitigation(weights=(ONE, HALF)))


def test_completions_have_no_classes_to_weigh() -> None:
    recipe = replace(plan().recipe, task=Task.COMPLETION)
    with pytest.raises(Malformed) as refused:
        replace(plan(), recipe=recipe, mitigation=Mitigation(weights=(ONE, HALF)))
    assert refused.value.code == "weights_not_of_dataset"


def test_what_is_asked_for_is_part_of_what_is_approved_and_plans_of_before_keep_their_digest() -> None:
    digests = {
        replace(plan(), **asked).digest()
        for asked in (
            {},
            {"mitigation": Mitigation(swaps=(Swap.SEX,))},
            {"mitigation": Mitigation(weights=(ONE, HALF))},
            {"mitigation": Mitigation(weights=(HALF, ONE))},
            {"twins": True},
        )
    }
    assert len(digests) == 5
    assert replace(plan(), mitigation=None, twins=False).digest() == plan().digest()
