"""The ledger: what is promised and spent never exceeds the limit, and nothing that ran is ever given back."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tunewarden.domain.canonical import from_plain, to_plain
from tunewarden.domain.errors import BudgetExceeded, Malformed, NotFound
from tunewarden.domain.names import DatasetId, RequestId
from tunewarden.domain.privacy import Ledger, Mechanism, PrivacyUnit, Relation, Spend

DELTA = Decimal("0.0001")


def linear(mechanisms: Sequence[Mechanism], delta: Decimal) -> Decimal:
    """An accountant that a reader can check in the head: one update costs its sampling rate."""
    assert delta == DELTA
    return sum((m.sampling_rate * m.updates for m in mechanisms), Decimal(0))


def mechanism(updates: int, rate: str = "0.1") -> Mechanism:
    return Mechanism(
        unit=PrivacyUnit.PERSON,
        relation=Relation.ADD_OR_REMOVE_ONE,
        sampling_rate=Decimal(rate),
        noise_multiplier=Decimal(1),
        updates=updates,
    )


def ledger(limit: str = "10") -> Ledger:
    return Ledger(dataset=DatasetId("ds"), limit=Decimal(limit), delta=DELTA)


A, B = RequestId("a"), RequestId("b")


def test_a_reservation_holds_budget_that_another_cannot_take() -> None:
    held = ledger().reserve(A, mechanism(60), linear)
    assert held.left(linear) == 4
    assert held.spent(linear) == 0
    with pytest.raises(BudgetExceeded, match=r"limit is 10.00 .*4\.00 is left"):
        held.reserve(B, mechanism(50), linear)


def test_charging_spends_the_reservation() -> None:
    charged = ledger().reserve(A, mechanism(60), linear).charge(A, 20, linear)
    assert (charged.spent(linear), charged.committed(linear)) == (2, 6)


def test_settling_gives_back_only_what_never_ran() -> None:
    settled = ledger().reserve(A, mechanism(60), linear).charge(A, 20, linear).settle(A)
    assert (settled.spent(linear), settled.committed(linear)) == (2, 2)
    assert settled.settle(A) == settled


def test_replayed_updates_cost_again_as_far_as_the_limit_goes() -> None:
    used = ledger("7").reserve(A, mechanism(60), linear).charge(A, 60, linear)
    again = used.charge(A, 10, linear)
    assert again.spent(linear) == 7
    with pytest.raises(BudgetExceeded):
        again.charge(A, 1, linear)


def test_a_request_without_a_reservation_cannot_spend() -> None:
    with pytest.raises(NotFound):
        ledger().charge(A, 1, linear)


@pytest.mark.parametrize("updates", [0, -1])
def test_a_charge_of_nothing_or_less_is_refused(updates: int) -> None:
    with pytest.raises(Malformed):
        ledger().reserve(A, mechanism(5), linear).charge(A, updates, linear)


@pytest.mark.parametrize(
    "change",
    [
        {"sampling_rate": Decimal(0)},
        {"sampling_rate": Decimal("1.1")},
        {"sampling_rate": Decimal("NaN")},
        {"noise_multiplier": Decimal(0)},
        {"noise_multiplier": Decimal("Infinity")},
        {"updates": -1},
    ],
)
def test_a_mechanism_out_of_range_cannot_exist(change: dict[str, object]) -> None:
    whole = mechanism(5)
    members = {name: getattr(whole, name) for name in Mechanism.__dataclass_fields__}
    with pytest.raises(Malformed):
        Mechanism(**{**members, **change})


class AnyHistory(RuleBasedStateMachine):
    """Whatever is tried in whatever order, what was charged stays charged and the limit holds."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = ledger()
        self.charged: dict[RequestId, int] = {}

    @rule(updates=st.integers(0, 80))
    def reserve(self, updates: int) -> None:
        request = RequestId(f"r{len(self.ledger.accounts)}")
        try:
            self.ledger = self.ledger.reserve(request, mechanism(updates), linear)
            self.charged[request] = 0
        except BudgetExceeded:
            pass

    @rule(which=st.integers(0, 5), updates=st.integers(1, 40))
    def charge(self, which: int, updates: int) -> None:
        request = RequestId(f"r{which}")
        try:
            self.ledger = self.ledger.charge(request, updates, linear)
            self.charged[request] += updates
        except (BudgetExceeded, NotFound):
            pass

    @rule(which=st.integers(0, 5))
    def settle(self, which: int) -> None:
        if RequestId(f"r{which}") in self.charged:
            self.ledger = self.ledger.settle(RequestId(f"r{which}"))

    @invariant()
    def the_limit_holds_and_nothing_that_ran_is_forgotten(self) -> None:
        assert self.ledger.committed(linear) <= self.ledger.limit
        assert {a.request: a.charged for a in self.ledger.accounts} == self.charged


TestAnyHistory = AnyHistory.TestCase


@given(st.lists(st.integers(1, 30), max_size=6))
def test_how_charges_are_cut_into_blocks_does_not_matter(blocks: list[int]) -> None:
    at_once, in_blocks = (
        ledger("100").reserve(A, mechanism(60), linear),
        ledger("100").reserve(A, mechanism(60), linear),
    )
    for block in blocks:
        in_blocks = in_blocks.charge(A, block, linear)
    if blocks:
        at_once = at_once.charge(A, sum(blocks), linear)
    assert in_blocks == at_once


def figures(updates: int) -> Mechanism:
    return mechanism(updates, rate="0.2")


def test_a_training_and_its_figures_are_promised_together_or_not_at_all() -> None:
    with pytest.raises(BudgetExceeded):
        ledger("9").reserve(A, mechanism(60), linear, figures(20))
    held = ledger().reserve(A, mechanism(60), linear, figures(20))
    assert held.committed(linear) == 10
    assert {account.what for account in held.of(A)} == set(Spend)


def test_where_nobody_is_on_both_sides_the_larger_one_counts() -> None:
    apart = replace(ledger("6"), apart=True).reserve(A, mechanism(60), linear, figures(20))
    assert apart.committed(linear) == 6
    with pytest.raises(BudgetExceeded):
        apart.reserve(B, mechanism(1), linear)
    assert apart.charge(A, 20, linear, Spend.METRICS).spent(linear) == 4


def test_figures_are_charged_and_settled_apart_from_the_training() -> None:
    held = ledger().reserve(A, mechanism(60), linear, figures(20)).charge(A, 5, linear, Spend.METRICS)
    assert (held.account(A).charged, held.account(A, Spend.METRICS).charged) == (0, 5)
    settled = held.settle(A)
    assert (settled.spent(linear), settled.committed(linear)) == (1, 1)
    with pytest.raises(NotFound):
        ledger().reserve(A, mechanism(60), linear).charge(A, 1, linear, Spend.METRICS)


def test_a_ledger_of_before_keeps_its_digest_and_comes_back() -> None:
    whole = ledger().reserve(A, mechanism(60), linear)
    plain = to_plain(whole)
    assert "apart" not in str(plain)
    assert "what" not in str(plain)
    assert from_plain(Ledger, plain) == whole
