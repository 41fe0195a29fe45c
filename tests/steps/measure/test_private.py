"""Measuring on private records: what leaves is noisy, paid for before, and otherwise about nobody."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from tests.conftest import linear_accountant
from tests.steps.measure.injuries import CANARY, SMALL, Records, attempt, budget_of, locate, plan

from tunewarden.domain.canonical import decode, from_plain
from tunewarden.domain.datasets import Groups, HeldOut
from tunewarden.domain.errors import BudgetExceeded, PlanMismatch, Refused
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import Plan
from tunewarden.drivers.memory_blobs import MemoryBlobs
from tunewarden.steps.measure.documents import Details
from tunewarden.steps.measure.step import MeasureStep
from tunewarden.steps.records import ProtectedRow, held_out
from tunewarden.usecases.ports import Attempt, Receipt, StepResult

SEX = (Groups(column="sex", values=("f", "m")),)
RELEASES = 3
EXPLAINED = 4
AdapterOf = Callable[[Plan], bytes]


def noisy_plan(noise: str = "1.2", **changes: object) -> Plan:
    metrics = Mechanism(
        unit=PrivacyUnit.PERSON,
        relation=Relation.ADD_OR_REMOVE_ONE,
        sampling_rate=Decimal(1),
        noise_multiplier=Decimal(noise),
        updates=RELEASES,
    )
    return replace(plan(), metrics=replace(metrics, **changes))


@dataclass
class Case:
    """One attempt at measuring, and what it asked of the house."""

    blobs: MemoryBlobs
    given: Attempt
    charged: list[int] = field(default_factory=list)
    admitted: list[bytes] = field(default_factory=list)

    def measure(self) -> StepResult:
        return MeasureStep(self.blobs, locate, linear_accountant, extent=SMALL, explained_texts=EXPLAINED)(self.given)

    def details(self) -> Details:
        return from_plain(Details, decode(self.blobs.read(self.measure().details)))


def case(
    adapter_of: AdapterOf,
    records: Records,
    of: Plan,
    *,
    left_out: frozenset[bytes] = frozenset(),
    charge: Callable[[int], Receipt] | None = None,
) -> Case:
    blobs = MemoryBlobs()
    found = Case(blobs=blobs, given=attempt(blobs, records.manifest(blobs), adapter_of(of), of=of))

    def admit(members: Iterable[bytes]) -> frozenset[bytes]:
        found.admitted.extend(members)
        return left_out

    def pay(updates: int) -> Receipt:
        assert found.admitted, "charged only after persons were admitted"
        found.charged.append(updates)
        return Receipt(index=1, leaf_hash="0" * 64)

    found.given = replace(
        found.given,
        held_out=HeldOut.PRIVATE,
        groups=SEX,
        protected=("sex",),
        admit=admit,
        charge=charge or pay,
    )
    return found


@pytest.fixture(scope="module")
def private(adapter_of: AdapterOf) -> tuple[Case, StepResult, str]:
    """Of 1,000 persons, about 200 of them held out; one has a sex that nobody else has, and that no steward named."""
    records = Records.of(1000)
    alone = next(row.person for row in records.clean if held_out(row.person))
    rows = [
        ProtectedRow(person=row.person, protected={"sex": CANARY}) if row.person == alone else row
        for row in records.protected
    ]
    found = case(adapter_of, Records(records.clean, rows), noisy_plan())
    result = found.measure()
    return found, result, found.blobs.read(result.details).decode()


def test_figures_are_stated_with_what_they_cost(private: tuple[Case, StepResult, str]) -> None:
    found, result, document = private
    figures = {each.metric: each for each in result.measurements}
    assert figures["utility.accuracy"].low > Decimal("0.8")
    assert figures["utility.gain_over_majority"].low > Decimal("0.2")
    assert figures["fairness.accuracy_gap"].high < Decimal("0.3")
    assert figures["fairness.assessed_share"].low > Decimal("0.8")
    assert figures["privacy.metrics_epsilon"].value == Decimal("2.5")
    assert found.charged == [RELEASES]
    noisy = from_plain(Details, decode(document.encode())).noisy
    assert noisy is not None
    assert noisy.mechanism == found.given.plan.metrics


def test_of_quality_is_said_what_the_released_tables_tell_and_of_the_model_what_nobody_is_in(
    private: tuple[Case, StepResult, str],
) -> None:
    details = from_plain(Details, decode(private[2].encode()))
    assert details.quality.f1.low > Decimal("0.7")
    assert details.quality.confusion.noisy
    assert (details.quality.log_loss, details.quality.brier, details.quality.over_base.f1) == (None, None, None)
    assert details.quality.calibration_error is None
    beyond = details.generalisation
    assert (beyond.overfitting, beyond.overlap, beyond.previous) == (None, None, None)
    assert beyond.forgetting.lost is not None


def test_what_earlier_attempts_were_charged_counts_too(adapter_of: AdapterOf) -> None:
    found = case(adapter_of, Records.of(60), noisy_plan())
    found.given = replace(found.given, charged=2 * RELEASES)
    noisy = found.details().noisy
    assert noisy is not None
    assert noisy.mechanism.updates == 3 * RELEASES
    assert noisy.epsilon == Decimal("7.5")


def test_nothing_of_a_record_is_in_the_evidence(private: tuple[Case, StepResult, str]) -> None:
    found, result, document = private
    assert CANARY not in document
    assert "finger while" not in document
    assert not [person for person in Records.of(1000).persons if person in document]
    assert not [person for person in found.admitted if person.hex() in document]
    assert "records" not in result.counts


def test_no_exact_count_is_in_the_evidence(private: tuple[Case, StepResult, str]) -> None:
    details = from_plain(Details, decode(private[2].encode()))
    assert details.utility.rows is None
    assert details.membership is None
    assert details.scrutiny is not None
    assert (details.scrutiny.membership, details.scrutiny.exchanged) == (None, ())
    assert all(group.rates == () for group in details.fairness.assessed)
    assert all(group.persons is None for group in details.fairness.not_assessable)


def test_losses_of_persons_trained_on_are_not_looked_at(private: tuple[Case, StepResult, str]) -> None:
    assert "privacy.membership_auc" not in {each.metric for each in private[1].measurements}
    assert private[1].counts["attacked"] == 0


def test_exactly_the_held_out_persons_are_admitted(private: tuple[Case, StepResult, str]) -> None:
    persons = [person for person in Records.of(1000).persons if held_out(person)]
    assert sorted(private[0].admitted) == sorted(budget_of(person) for person in persons)


def test_persons_without_budget_are_not_measured_on(adapter_of: AdapterOf) -> None:
    records = Records.of(400)
    kept = [person for person in records.persons if held_out(person)][:5]
    out = frozenset(budget_of(person) for person in records.persons if held_out(person) and person not in kept)
    figures = case(adapter_of, records, noisy_plan(noise="0.01"), left_out=out).details().utility
    assert figures.persons == len(kept)
    assert figures.accuracy is None


def test_without_budget_nothing_is_stored(adapter_of: AdapterOf) -> None:
    def refuse(_: int) -> Receipt:
        raise BudgetExceeded("privacy_budget_exhausted", "Nothing is left.")

    found = case(adapter_of, Records.of(60), noisy_plan(), charge=refuse)
    before = dict(found.blobs.stored)
    with pytest.raises(BudgetExceeded):
        found.measure()
    assert found.blobs.stored == before


def test_nothing_is_stored_before_it_is_paid(adapter_of: AdapterOf) -> None:
    stored: list[int] = []

    def count(_: int) -> Receipt:
        stored.append(len(found.blobs.stored))
        return Receipt(index=1, leaf_hash="0" * 64)

    found = case(adapter_of, Records.of(60), noisy_plan(), charge=count)
    before = len(found.blobs.stored)
    found.measure()
    assert stored == [before]
    assert len(found.blobs.stored) > before


def test_measuring_again_is_another_release_and_is_charged_again(adapter_of: AdapterOf) -> None:
    found = case(adapter_of, Records.of(400), noisy_plan())
    first, second = found.details(), found.details()
    assert found.charged == [RELEASES, RELEASES]
    assert first.utility != second.utility
    assert first.explanation == second.explanation


def test_what_is_not_noisy_is_the_same_whoever_is_held_out(adapter_of: AdapterOf) -> None:
    """With noise of a thousand persons nothing is left of the records, and everything else does not come from them."""
    one = case(adapter_of, Records.of(60), noisy_plan(noise="1000")).details()
    other = case(adapter_of, Records.of(500), noisy_plan(noise="1000")).details()
    nobody = case(adapter_of, Records.of(60, keep=lambda person: not held_out(person)), noisy_plan(noise="1000"))
    nobody.admitted.append(b"")
    assert one.explanation == other.explanation == nobody.details().explanation
    assert one.explanation is not None
    assert one.explanation.made_up
    assert one.self_check == other.self_check


def test_exact_figures_may_not_leave_where_no_noisy_ones_were_planned(adapter_of: AdapterOf) -> None:
    found = case(adapter_of, Records.of(60), plan())
    with pytest.raises(Refused) as refused:
        found.measure()
    assert refused.value.code == "metrics_not_planned"
    assert found.charged == []


@pytest.mark.parametrize(
    "changes", [{"updates": 2}, {"sampling_rate": Decimal("0.5")}, {"unit": PrivacyUnit.RECORD}], ids=str
)
def test_figures_are_only_made_as_they_are_accounted(adapter_of: AdapterOf, changes: dict[str, object]) -> None:
    found = case(adapter_of, Records.of(60), noisy_plan(**changes))
    with pytest.raises(PlanMismatch) as refused:
        found.measure()
    assert refused.value.code == "metrics_of_another_plan"
    assert found.charged == []


def test_exact_figures_of_persons_who_consented_say_nothing_of_those_trained_on(adapter_of: AdapterOf) -> None:
    found = case(adapter_of, Records.of(400), plan())
    found.given = replace(found.given, held_out=HeldOut.CONSENTED)
    details = found.details()
    assert found.charged == []
    assert details.noisy is None
    assert details.membership is None
    assert details.utility.rows is not None
