"""Persons across datasets: nobody's epsilon exceeds the limit, whatever is asked for in whatever order."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain import cohorts
from tunewarden.domain.cohorts import MOST_NAMED, CohortId, Combination, Over, PersonLimit
from tunewarden.domain.errors import BudgetExceeded, Malformed
from tunewarden.domain.names import PolicyName
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation

LIMIT = PersonLimit(namespace=PolicyName("hospital-mrn"), epsilon=Decimal(10), delta=Decimal("0.0001"))
LENIENT = replace(LIMIT, over=Over.LEAVE_OUT)


def linear(mechanisms: Sequence[Mechanism], delta: Decimal) -> Decimal:
    """An update costs 1."""
    assert delta == LIMIT.delta
    return Decimal(sum(mechanism.updates for mechanism in mechanisms))


def costing(updates: int) -> Mechanism:
    return Mechanism(
        unit=PrivacyUnit.PERSON,
        relation=Relation.ADD_OR_REMOVE_ONE,
        sampling_rate=Decimal("0.1"),
        noise_multiplier=Decimal(1),
        updates=updates,
    )


def among(*names: str) -> Combination:
    return frozenset(map(CohortId, names))


def held(cohort: CohortId) -> Mechanism:
    """A cohort is called after what it costs."""
    return costing(int(cohort.split("-")[0]))


def test_persons_who_have_enough_left_are_admitted_and_the_largest_combinations_are_named() -> None:
    persons = {among(): 5, among("3-a"): 2, among("3-a", "2-b"): 1, among("4-c"): 1}
    admission = cohorts.admit(LIMIT, linear, costing(5), persons, held)
    assert admission.left_out == frozenset()
    assert set(admission.beside) == {among("3-a", "2-b"), among("4-c")}


def test_the_refusal_says_how_many_lack_how_much_and_who_can_change_it() -> None:
    persons = {among(): 5, among("3-a"): 2, among("6-b"): 4, among("8-c"): 3}
    with pytest.raises(BudgetExceeded, match=r"^7 persons .* as much as 3\.00; the limit is epsilon 10\.00") as refused:
        cohorts.admit(LIMIT, linear, costing(5), persons, held)
    assert (refused.value.code, refused.value.who) == ("person_budget_exhausted", "privacy-officer")


def test_persons_without_enough_are_left_out_where_the_policy_says_so() -> None:
    persons = {among(): 5, among("3-a"): 2, among("6-b"): 4, among("6-b", "3-a"): 3}
    admission = cohorts.admit(LENIENT, linear, costing(5), persons, held)
    assert admission.left_out == {among("6-b"), among("6-b", "3-a")}
    assert admission.beside == (among("3-a"),)


def test_where_nobody_may_take_part_it_is_refused_under_either_policy() -> None:
    with pytest.raises(BudgetExceeded, match=r"^4 persons"):
        cohorts.admit(LENIENT, linear, costing(5), {among("6-b"): 4}, held)


def test_nobody_at_all_can_be_admitted() -> None:
    assert cohorts.admit(LIMIT, linear, costing(5), {}, held) == cohorts.Admission(left_out=frozenset(), beside=())


def test_what_was_never_run_and_given_back_holds_nothing_against_anybody() -> None:
    cohorts.admit(LIMIT, linear, costing(10), {among("0-a"): 1}, held)


def test_more_than_was_promised_is_asked_of_the_persons_again() -> None:
    cohorts.require_within(LIMIT, linear, costing(6), {among("4-a"): 2}, held)
    with pytest.raises(BudgetExceeded, match=r"^2 persons"):
        cohorts.require_within(LENIENT, linear, costing(7), {among("4-a"): 2, among(): 9}, held)


def test_too_many_combinations_are_named_by_their_union_and_only_where_that_fits() -> None:
    many = {among(f"0-{number}"): 1 for number in range(MOST_NAMED + 1)}
    admission = cohorts.admit(LIMIT, linear, costing(10), many, held)
    assert admission.beside == (frozenset().union(*many),)
    with pytest.raises(BudgetExceeded):
        cohorts.admit(LIMIT, linear, costing(1), {among(f"1-{number}"): 1 for number in range(MOST_NAMED + 1)}, held)


def test_a_plan_that_alone_is_more_than_one_person_may_lose_is_refused_at_once() -> None:
    cohorts.require_possible(LIMIT, linear, costing(10))
    with pytest.raises(BudgetExceeded) as refused:
        cohorts.require_possible(LIMIT, linear, costing(11))
    assert refused.value.code == "person_limit_too_low"


@pytest.mark.parametrize("change", [{"epsilon": Decimal(0)}, {"epsilon": Decimal("NaN")}, {"delta": Decimal(1)}])
def test_a_limit_out_of_range_cannot_exist(change: dict[str, Decimal]) -> None:
    with pytest.raises(Malformed):
        replace(LIMIT, **change)


@given(
    over=st.sampled_from(Over),
    asked=st.lists(st.tuples(st.integers(0, 12), st.sets(st.integers(0, 5), min_size=1)), max_size=8),
)
def test_whatever_is_asked_for_nobody_loses_more_than_the_limit(over: Over, asked: list[tuple[int, set[int]]]) -> None:
    """Six persons; each request costs so much and wants these."""
    limit, inside, costs = replace(LIMIT, over=over), {person: set[CohortId]() for person in range(6)}, {}
    for number, (cost, wanted) in enumerate(asked):
        persons: dict[Combination, int] = {}
        for person in wanted:
            combination = frozenset(inside[person])
            persons[combination] = persons.get(combination, 0) + 1
        try:
            admission = cohorts.admit(limit, linear, costing(cost), persons, lambda one: costing(costs[one]))
        except BudgetExceeded:
            continue
        cohort = CohortId(str(number))
        costs[cohort] = cost
        for person in wanted:
            if frozenset(inside[person]) not in admission.left_out:
                assert not inside[person] or any(inside[person] <= named for named in admission.beside)
                inside[person].add(cohort)
    assert all(sum(costs[cohort] for cohort in theirs) <= LIMIT.epsilon for theirs in inside.values())
