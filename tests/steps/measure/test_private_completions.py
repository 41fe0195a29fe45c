"""Completions of private records: what leaves is noisy, paid for before, and has no loss in it."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest
from tests.conftest import linear_accountant
from tests.steps.measure.injuries import budget_of
from tests.steps.measure.tales import CANARY, Tales, attempt, details, measuring, plan_for, tale, told

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.datasets import Groups, HeldOut
from tunewarden.domain.errors import BudgetExceeded
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import Plan
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.measure.documents import CompletionDetails
from tunewarden.steps.records import held_out
from tunewarden.steps.train.model import TextCompleter, adapter_bytes
from tunewarden.usecases.ports import Attempt, Receipt, StepResult

SEX = (Groups(column="sex", values=("f", "m")),)
RELEASES = 3


class Private:
    """One attempt at measuring private records, and what it asked of the house."""

    def __init__(
        self,
        base: Path,
        taught: TextCompleter,
        tales: Tales,
        *,
        noise: str = "1.2",
        left_out: frozenset[bytes] = frozenset(),
        refuse: Exception | None = None,
    ) -> None:
        self.blobs, self.base = MemoryBlobs(), base
        self.charged, self.admitted = list[int](), list[bytes]()
        self.left_out, self.refuse = left_out, refuse
        plan = noisy_plan(base, noise)
        given = attempt(self.blobs, tales.manifest(self.blobs), adapter_bytes(taught, plan), plan)
        self.given: Attempt = replace(
            given,
            held_out=HeldOut.PRIVATE,
            groups=SEX,
            protected=("sex",),
            admit=self.admit,
            charge=self.charge,
        )

    def admit(self, members: Iterable[bytes]) -> frozenset[bytes]:
        self.admitted.extend(members)
        return self.left_out

    def charge(self, updates: int) -> Receipt:
        if self.refuse is not None:
            raise self.refuse
        self.charged.append(updates)
        return Receipt(index=1, leaf_hash="0" * 64)

    def measure(self) -> StepResult:
        return measuring(self.blobs, self.base, linear_accountant)(self.given)

    def details(self) -> CompletionDetails:
        return details(self.blobs, self.measure())


def noisy_plan(base: Path, noise: str) -> Plan:
    return plan_for(
        base,
        metrics=Mechanism(
            unit=PrivacyUnit.PERSON,
            relation=Relation.ADD_OR_REMOVE_ONE,
            sampling_rate=Decimal(1),
            noise_multiplier=Decimal(noise),
            updates=RELEASES,
        ),
    )


@pytest.fixture(scope="module")
def private(base: Path, taught: TextCompleter) -> tuple[Private, StepResult, str]:
    """Of 1,000 persons, about 200 of them held out."""
    found = Private(base, taught, Tales.of(1000))
    result = found.measure()
    return found, result, found.blobs.read(result.details).decode()


def test_noisy_figures_are_stated_with_what_they_cost(private: tuple[Private, StepResult, str]) -> None:
    found, result, _ = private
    figures = {each.metric: each for each in result.measurements}
    assert figures["utility.token_accuracy"].low > Decimal("0.8")
    assert figures["utility.token_gain_over_base"].low > Decimal("0.5")
    assert figures["utility.exact_match"].low > Decimal("0.7")
    assert figures["fairness.token_accuracy_gap"].high < Decimal("0.3")
    assert figures["fairness.assessed_share"].low > Decimal("0.8")
    assert figures["privacy.metrics_epsilon"].value == Decimal("2.5")
    assert found.charged == [RELEASES]


def test_no_loss_no_count_and_no_exact_figure_leaves(private: tuple[Private, StepResult, str]) -> None:
    found, result, document = private
    stated = from_plain(CompletionDetails, decode(document.encode()))
    assert (stated.completions.loss, stated.completions.base_loss) == (None, None)
    assert (stated.completions.perplexity, stated.completions.base_perplexity) == (None, None)
    assert (stated.completions.rows, stated.left_out, stated.membership) == (None, None, None)
    assert not {"records", "left_out"} & result.counts.keys()
    metrics = {each.metric for each in result.measurements}
    assert not metrics & {"utility.completion_loss", "utility.perplexity", "privacy.membership_auc"}
    assert not [person for person in Tales.of(1000).persons if person in document]
    assert CANARY not in document
    assert found.admitted


def test_exactly_the_held_out_persons_are_admitted(private: tuple[Private, StepResult, str]) -> None:
    held = [person for person in Tales.of(1000).persons if held_out(person)]
    assert sorted(private[0].admitted) == sorted(budget_of(person) for person in held)


def test_with_much_noise_nothing_is_left_of_the_records(base: Path, taught: TextCompleter) -> None:
    one, other = (Private(base, taught, Tales.of(persons), noise="1000").details() for persons in (60, 300))
    for found in (one, other):
        assert found.completions.token_accuracy is None
        assert found.fairness.accuracy_gap is None
    assert one.self_check == other.self_check


def test_persons_without_budget_and_records_of_several_are_not_in_private_figures(
    base: Path, taught: TextCompleter
) -> None:
    tales = Tales.of(400)
    held = [person for person in tales.persons if held_out(person)]
    kept = held[:5]
    out = frozenset(budget_of(person) for person in held[5:])
    others = [name for name in (sha256(b"x%d" % n).hexdigest() for n in range(200)) if held_out(name)]
    shared = [told(one, *tale(1), others=[kept[0]]) for one in others]
    assert len(others) > 20
    found = Private(base, taught, tales.with_records(*shared), noise="0.01", left_out=out).details()
    assert found.completions.persons == len(kept)


def test_without_budget_nothing_is_stored(base: Path, taught: TextCompleter) -> None:
    found = Private(base, taught, Tales.of(60), refuse=BudgetExceeded("privacy_budget_exhausted", "Nothing is left."))
    before = dict(found.blobs.stored)
    with pytest.raises(BudgetExceeded):
        found.measure()
    assert found.blobs.stored == before


def test_nobody_at_all_is_a_figure_like_any_other(base: Path, taught: TextCompleter) -> None:
    nobody = Tales.of(60, keep=lambda person: not held_out(person))
    assert Private(base, taught, nobody).details().completions.token_accuracy is None
