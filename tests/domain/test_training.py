"""Training requests: the state machine is a table, and an approval binds one plan and another person."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest

from tunewarden.domain.canonical import digest_of, to_plain
from tunewarden.domain.curve import LearningCurve
from tunewarden.domain.datasets import Purpose
from tunewarden.domain.errors import Conflict, IllegalTransition, Malformed, Refused
from tunewarden.domain.fairness import FairnessPolicy, GroupMetric, Tolerance
from tunewarden.domain.mitigations import Mitigation, Swap
from tunewarden.domain.names import DatasetId, Digest, PolicyName, PrincipalId, RequestId, Role
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.quorum import Needed, Vote
from tunewarden.domain.training import (
    NEXT,
    STATE_AFTER,
    STEP_FROM,
    UNTRAINED,
    BaseModel,
    NoiseForm,
    Plan,
    Precision,
    Recipe,
    State,
    StepName,
    Task,
    TrainingRequest,
)

ANN, BOB, DAN = PrincipalId("ann"), PrincipalId("bob"), PrincipalId("dan")
SOME, OTHER = Digest("sha256:" + "0" * 64), Digest("sha256:" + "1" * 64)


def plan(epsilon: str = "8") -> Plan:
    return Plan(
        base_model=BaseModel(name=PolicyName("tiny"), digest=SOME),
        dataset=DatasetId("ds-1"),
        dataset_version=SOME,
        profile=SOME,
        training_gate=SOME,
        purpose=Purpose.RESEARCH,
        recipe=Recipe(),
        mechanism=Mechanism(
            unit=PrivacyUnit.PERSON,
            relation=Relation.ADD_OR_REMOVE_ONE,
            sampling_rate=Decimal("0.1"),
            noise_multiplier=Decimal(1),
            updates=10,
        ),
        epsilon=Decimal(epsilon),
        delta=Decimal("0.0001"),
    )


def request(state: State = State.AWAITING_APPROVAL) -> TrainingRequest:
    return TrainingRequest(
        id=RequestId("ftjob-1"),
        plan=plan(),
        requested_by=ANN,
        requested_at=datetime(2026, 1, 1, tzinfo=UTC),
        state=state,
    )


ALONE, TWO = Needed(persons=1, roles=1), Needed(persons=2, roles=2)


def vote(by: PrincipalId, role: Role = Role.APPROVER, on: Digest | None = None, *, endorses: bool = False) -> Vote:
    return Vote(by=by, role=role, plan=on or plan().digest(), at=datetime(2026, 1, 1, tzinfo=UTC), endorses=endorses)


def test_somebody_else_approves_this_plan() -> None:
    approved = request().voted(vote(BOB), ALONE)
    assert (approved.state, approved.approved_by) == (State.APPROVED, BOB)


def test_who_asked_cannot_approve() -> None:
    with pytest.raises(Refused) as refused:
        request().voted(vote(ANN), ALONE)
    assert (refused.value.code, refused.value.who) == ("own_request", "approver")


def test_a_changed_plan_is_an_unapproved_plan() -> None:
    with pytest.raises(Refused) as refused:
        request().voted(vote(BOB, on=plan("3").digest()), ALONE)
    assert refused.value.code == "plan_changed"


@pytest.mark.parametrize("state", sorted(set(State) - {State.AWAITING_APPROVAL}))
def test_a_request_that_does_not_wait_for_approval_cannot_be_approved(state: State) -> None:
    with pytest.raises(IllegalTransition):
        request(state).voted(vote(BOB), ALONE)


def test_a_request_waits_until_as_many_agree_as_have_to_and_who_approved_is_named_whoever_was_last() -> None:
    endorsed = request().voted(vote(DAN, Role.STEWARD, endorses=True), TWO)
    assert (endorsed.state, endorsed.approved_by) == (State.AWAITING_APPROVAL, None)
    approved = endorsed.voted(vote(BOB), TWO)
    assert (approved.state, approved.approved_by) == (State.APPROVED, BOB)
    other_way_round = request().voted(vote(BOB), TWO)
    assert (other_way_round.state, other_way_round.approved_by) == (State.AWAITING_APPROVAL, None)
    assert other_way_round.voted(vote(DAN, Role.STEWARD, endorses=True), TWO).approved_by == BOB


def test_endorsements_never_replace_an_approval() -> None:
    two = request().voted(vote(DAN, Role.STEWARD, endorses=True), TWO)
    two = two.voted(vote(BOB, Role.PRIVACY_OFFICER, endorses=True), TWO)
    assert two.state is State.AWAITING_APPROVAL
    assert two.voted(vote(PrincipalId("cleo")), TWO).state is State.APPROVED


def test_one_person_in_two_roles_counts_once() -> None:
    once = request().voted(vote(BOB), TWO)
    with pytest.raises(Conflict) as again:
        once.voted(vote(BOB, Role.STEWARD, endorses=True), TWO)
    assert again.value.code == "voted_before"


def test_two_persons_in_one_role_are_not_two_roles() -> None:
    assert request().voted(vote(BOB), TWO).voted(vote(DAN), TWO).state is State.AWAITING_APPROVAL


def test_votes_for_a_plan_that_changed_lapse() -> None:
    changed = replace(request().voted(vote(BOB), TWO), plan=plan("3"))
    assert changed.counted == []
    again = changed.voted(vote(DAN, Role.STEWARD, on=plan("3").digest(), endorses=True), TWO)
    assert (again.state, [one.by for one in again.votes]) == (State.AWAITING_APPROVAL, [DAN])
    assert again.voted(vote(BOB, on=plan("3").digest()), TWO).state is State.APPROVED


@pytest.mark.parametrize(("start", "end"), list(product(State, State)))
def test_only_the_arrows_of_the_table_exist(start: State, end: State) -> None:
    if end in NEXT[start]:
        assert request(start).to(end).state is end
    else:
        with pytest.raises(IllegalTransition):
            request(start).to(end)


def test_every_step_leads_where_the_next_begins() -> None:
    for state, step in STEP_FROM.items():
        assert STATE_AFTER[step] in NEXT[state]
    assert not NEXT[State.MEASURED]


def test_nothing_trains_without_passing_approval() -> None:
    """Every path to a trained state in the table passes `APPROVED`."""
    without_approval = {State.AWAITING_APPROVAL}
    for _ in State:
        without_approval |= {s for r in without_approval for s in NEXT[r] if s is not State.APPROVED}
    assert State.TRAINED not in without_approval


def test_nothing_that_was_ever_trained_on_stands_where_no_ledger_is_read() -> None:
    (trained_from,) = (state for state, step in STEP_FROM.items() if step is StepName.TRAIN)
    reached = {trained_from}
    for _ in State:
        reached |= {after for state in reached for after in NEXT[state]}
    assert not reached & UNTRAINED
    assert reached | UNTRAINED == set(State)


def test_any_change_of_the_plan_changes_its_digest() -> None:
    assert plan("8").digest() != plan("8.1").digest()
    assert plan("8").digest() == plan("8.0").digest()


@pytest.mark.parametrize(
    "change",
    [
        {"lora_rank": 0},
        {"max_tokens": 100_000},
        {"rows_per_person": 0},
        {"clip": Decimal(0)},
        {"clip": Decimal("-0.5")},
        {"clip": Decimal("1e-300")},
        {"clip": Decimal("1e300")},
        {"learning_rate": Decimal("NaN")},
        {"learning_rate": Decimal("1e300")},
        {"learning_rate": Decimal("1e-30")},
        {"canaries": -1},
        {"canaries": 1001},
        {"task": Task.COMPLETION, "max_tokens": 1},
    ],
)
def test_a_recipe_out_of_range_cannot_exist(change: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        Recipe(**change)  # type: ignore[arg-type]


OTHERS: dict[str, object] = {
    "base_model": BaseModel(name=PolicyName("other"), digest=SOME),
    "dataset": DatasetId("ds-2"),
    "dataset_version": OTHER,
    "profile": OTHER,
    "training_gate": OTHER,
    "purpose": next(purpose for purpose in Purpose if purpose is not Purpose.RESEARCH),
    "recipe": Recipe(lora_rank=4),
    "mechanism": replace(plan().mechanism, updates=11),
    "epsilon": Decimal(3),
    "delta": Decimal("0.00001"),
    "collator": OTHER,
    "metrics": plan().mechanism,
    "fairness": FairnessPolicy(tolerances=(Tolerance(metric=GroupMetric.ACCURACY, at_most=Decimal("0.1")),)).declared(
        {"sex"}, {GroupMetric.ACCURACY}, {}, depth=1
    ),
    "mitigation": Mitigation(swaps=(Swap.SEX,)),
    "twins": True,
    "curve": LearningCurve(shares=(Decimal("0.5"),), epsilon=Decimal(9)),
}
RECIPES: dict[str, object] = {
    "lora_rank": 4,
    "lora_alpha": 8,
    "lora_targets": ("query",),
    "max_tokens": 32,
    "lower_case": False,
    "learning_rate": Decimal("0.01"),
    "clip": Decimal(1),
    "expected_units": 64,
    "rows_per_person": 2,
    "task": Task.COMPLETION,
    "precision": Precision.BFLOAT16,
    "noise": NoiseForm.DISCRETE_GAUSSIAN,
    "canaries": 10,
}
MECHANISMS: dict[str, object] = {
    "unit": PrivacyUnit.RECORD,
    "sampling_rate": Decimal("0.2"),
    "noise_multiplier": Decimal(2),
    "updates": 20,
    "contributions": 2,
}


@pytest.mark.parametrize("field", Plan.__dataclass_fields__)
def test_no_field_of_a_plan_can_change_without_its_digest(field: str) -> None:
    assert replace(plan(), **{field: OTHERS[field]}).digest() != plan().digest()  # type: ignore[arg-type]


@pytest.mark.parametrize("field", Recipe.__dataclass_fields__)
def test_no_field_of_a_recipe_can_change_without_the_plans_digest(field: str) -> None:
    changed = replace(Recipe(), **{field: RECIPES[field]})  # type: ignore[arg-type]
    assert replace(plan(), recipe=changed).digest() != plan().digest()


@pytest.mark.parametrize("field", MECHANISMS)
def test_no_field_of_a_mechanism_can_change_without_the_digest_of_what_is_approved(field: str) -> None:
    """The relation has one value today, so it cannot change."""
    assert {*MECHANISMS, "relation"} == {*Mechanism.__dataclass_fields__}
    record = replace(plan().mechanism, unit=PrivacyUnit.RECORD)
    start = record if field == "contributions" else plan().mechanism
    changed = replace(start, **{field: MECHANISMS[field]})  # type: ignore[arg-type]
    assert digest_of(changed) != digest_of(start)


def test_what_a_plan_leaves_at_the_values_of_before_keeps_the_digest_of_before() -> None:
    plain = to_plain(plan())
    assert isinstance(plain, dict)
    assert not {"collator", "metrics"} & plain.keys()
    assert "contributions" not in str(plain)


def test_as_many_records_of_a_person_are_accounted_as_take_part() -> None:
    mechanism = replace(plan().mechanism, unit=PrivacyUnit.RECORD, contributions=3)
    replace(plan(), mechanism=mechanism, recipe=Recipe(rows_per_person=3))
    with pytest.raises(Malformed) as refused:
        replace(plan(), mechanism=mechanism, recipe=Recipe(rows_per_person=4))
    assert refused.value.code == "contributions_out_of_range"
