"""Training requests: the state machine is a table, and an approval binds one plan and another person."""

from datetime import UTC, datetime
from decimal import Decimal
from itertools import product

import pytest

from tunewarden.domain.datasets import Purpose
from tunewarden.domain.errors import IllegalTransition, Malformed, Refused
from tunewarden.domain.names import DatasetId, Digest, PolicyName, PrincipalId, RequestId
from tunewarden.domain.privacy import Mechanism, PrivacyUnit, Relation
from tunewarden.domain.training import NEXT, STATE_AFTER, STEP_FROM, BaseModel, Plan, Recipe, State, TrainingRequest

ANN, BOB = PrincipalId("ann"), PrincipalId("bob")
SOME = Digest("sha256:" + "0" * 64)


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


def test_somebody_else_approves_this_plan() -> None:
    approved = request().approve(BOB, plan().digest())
    assert (approved.state, approved.approved_by) == (State.APPROVED, BOB)


def test_who_asked_cannot_approve() -> None:
    with pytest.raises(Refused) as refused:
        request().approve(ANN, plan().digest())
    assert (refused.value.code, refused.value.who) == ("own_request", "approver")


def test_a_changed_plan_is_an_unapproved_plan() -> None:
    with pytest.raises(Refused) as refused:
        request().approve(BOB, plan("3").digest())
    assert refused.value.code == "plan_changed"


def test_an_approved_request_cannot_be_approved_again() -> None:
    with pytest.raises(IllegalTransition):
        request(State.APPROVED).approve(BOB, plan().digest())


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


def test_any_change_of_the_plan_changes_its_digest() -> None:
    assert plan("8").digest() != plan("8.1").digest()
    assert plan("8").digest() == plan("8.0").digest()


@pytest.mark.parametrize(
    "change",
    [{"lora_rank": 0}, {"max_tokens": 100_000}, {"clip": Decimal(0)}, {"learning_rate": Decimal("NaN")}],
)
def test_a_recipe_out_of_range_cannot_exist(change: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        Recipe(**change)  # type: ignore[arg-type]
