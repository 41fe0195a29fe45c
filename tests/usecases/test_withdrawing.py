"""Taking a signature back: what is not trained waits, what is under way stops, what was trained goes no further."""

from datetime import timedelta

import pytest
from tests.conftest import ANN, BOB, DANA, OTTO, PIA, REA, Stage
from tests.usecases.reviewing import SIGNED, Reviewing, gate, reviewing
from tests.usecases.test_signing import sign

from tunewarden.domain.attestations import Knowledge, Withdrawal
from tunewarden.domain.break_glass import EmergencyReason
from tunewarden.domain.deidentification import Method
from tunewarden.domain.errors import Conflict, IllegalTransition, Malformed, NotFound, Refused
from tunewarden.domain.events import (
    ActionRefused,
    AdapterTaken,
    GateJudged,
    RequestEnded,
    SignatureWithdrawn,
    StepFailed,
)
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import Alias, Digest, ModelId, PrincipalId, Role
from tunewarden.domain.training import State, StepName, TrainingRequest
from tunewarden.usecases import datasets, emergencies, models, rollbacks, signing
from tunewarden.usecases.ports import Principal


@pytest.fixture
def house(stage: Stage) -> Reviewing:
    return reviewing(stage, SIGNED, review=None)


def about(request: TrainingRequest) -> Digest:
    return request.outputs[StepName.DEIDENTIFY]


def withdraw(house: Reviewing, request: TrainingRequest, who: Principal = PIA) -> None:
    signing.withdraw(house.stage.platform, who, about(request), Withdrawal.KNOWLEDGE)


def signed(house: Reviewing) -> TrainingRequest:
    """A request whose training could begin."""
    request = house.waiting()
    sign(house, request)
    assert house.now(request.id).state is State.DEIDENTIFIED
    return request


def trained(house: Reviewing, request: TrainingRequest) -> ModelId:
    """The model version that a signed request becomes."""
    while house.now(request.id).state is not State.MEASURED:
        house.advance(request.id)
    model = house.now(request.id).model
    assert model is not None
    return model


def promoted(house: Reviewing, model: ModelId) -> None:
    promotion, _, _ = models.propose(house.stage.platform, ANN, model, Alias.PRODUCTION)
    models.approve(house.stage.platform, BOB, promotion.id, promotion.verdict)


def last_refusal(stage: Stage) -> str:
    last = stage.entries()[-1].event
    assert isinstance(last, ActionRefused)
    return last.code


def test_a_training_that_has_not_begun_waits_for_a_signature_again(house: Reviewing) -> None:
    request = signed(house)
    withdraw(house, request)
    assert house.now(request.id).state is State.IN_REVIEW
    with pytest.raises(Refused, match="no next step"):
        house.advance(request.id)
    sign(house, request)
    assert house.advance(request.id).state is State.TRAINED


def test_the_withdrawal_and_what_the_gate_says_of_it_are_one_commit(house: Reviewing) -> None:
    request = signed(house)
    before = len(house.stage.entries())
    withdrawn, receipt = signing.withdraw(house.stage.platform, PIA, about(request), Withdrawal.MISTAKE)
    entries = house.stage.entries()[before:]
    assert [type(entry.event) for entry in entries] == [SignatureWithdrawn, GateJudged]
    assert entries[0].event == SignatureWithdrawn(about=about(request), because=Withdrawal.MISTAKE, signatures=1)
    assert entries[0].actor == PIA.id
    assert isinstance(entries[1].event, GateJudged)
    assert entries[1].event.outcome is Outcome.UNKNOWN
    assert receipt.index == entries[-1].index
    assert [one.withdrawn for one in withdrawn] == [house.stage.clock.now]


def test_a_training_that_is_under_way_stops_before_its_next_update_and_can_go_on_once_it_is_signed_again(
    house: Reviewing,
) -> None:
    request = signed(house)
    step = house.stage.steps[StepName.TRAIN]
    step.during = lambda _: withdraw(house, request)
    with pytest.raises(IllegalTransition):
        house.advance(request.id)
    assert house.now(request.id).state is State.IN_REVIEW, "nothing ended"
    assert isinstance(house.stage.entries()[-1].event, StepFailed)
    step.during = lambda _: None
    sign(house, request)
    assert house.advance(request.id).state is State.TRAINED


def test_a_training_that_needs_no_more_updates_does_not_finish_either(house: Reviewing) -> None:
    request = signed(house)
    step = house.stage.steps[StepName.TRAIN]
    step.updates, step.during = 0, lambda _: withdraw(house, request)
    with pytest.raises(IllegalTransition):
        house.advance(request.id)
    assert StepName.TRAIN not in house.now(request.id).outputs


def test_under_a_gate_that_asks_for_no_signature_training_stops_all_the_same(house: Reviewing) -> None:
    request = signed(house)
    withdraw(house, request)
    house.stage.policies.gates["training"] = gate(review=None)
    other = house.waiting()
    assert other.state is State.DEIDENTIFIED, "the gate does not ask"
    assert about(other) == about(request)
    with pytest.raises(Refused) as refused:
        house.advance(other.id)
    assert refused.value.code == "signature_withdrawn"
    ended, refusal = (entry.event for entry in house.stage.entries()[-2:])
    assert isinstance(refusal, ActionRefused)
    assert isinstance(ended, RequestEnded)
    assert ended.because == "signature_withdrawn"
    assert datasets.budget(house.stage.platform, DANA, other.plan.dataset).left == 10


def test_a_model_that_was_trained_under_it_is_not_proposed_until_somebody_signs_anew(house: Reviewing) -> None:
    request = signed(house)
    model = trained(house, request)
    withdraw(house, request)
    with pytest.raises(Refused) as refused:
        models.propose(house.stage.platform, ANN, model, Alias.PRODUCTION)
    assert (refused.value.code, last_refusal(house.stage)) == ("signature_withdrawn", "signature_withdrawn")
    sign(house, request)
    promoted(house, model)


def test_a_promotion_that_was_proposed_before_is_not_approved_after(house: Reviewing) -> None:
    request = signed(house)
    model = trained(house, request)
    promotion, _, _ = models.propose(house.stage.platform, ANN, model, Alias.PRODUCTION)
    withdraw(house, request)
    with pytest.raises(Refused, match="was withdrawn"):
        models.approve(house.stage.platform, BOB, promotion.id, promotion.verdict)
    assert models.aliases(house.stage.platform, ANN) == []


def test_an_emergency_brings_no_model_back_that_was_trained_under_a_withdrawn_signature(house: Reviewing) -> None:
    request = signed(house)
    first = trained(house, request)
    promoted(house, first)
    promoted(house, trained(house, signed(house)))
    withdraw(house, request)
    gail = Principal(id=PrincipalId("prn-gail"), roles=frozenset({Role.BREAK_GLASS}))
    emergencies.open_(house.stage.platform, gail, "INC-1", EmergencyReason.DRILL)
    with pytest.raises(Refused) as caught:
        rollbacks.roll_back(house.stage.platform, gail, first, Alias.PRODUCTION)
    assert caught.value.code == last_refusal(house.stage) == "signature_withdrawn"


def test_nobody_takes_the_weights_of_a_promoted_model_away_any_more(house: Reviewing) -> None:
    request = signed(house)
    model = trained(house, request)
    promoted(house, model)
    models.take_adapter(house.stage.platform, OTTO, model)[0].close()
    withdraw(house, request)
    taken = sum(isinstance(entry.event, AdapterTaken) for entry in house.stage.entries())
    with pytest.raises(Refused, match="was withdrawn"):
        models.take_adapter(house.stage.platform, OTTO, model)
    assert sum(isinstance(entry.event, AdapterTaken) for entry in house.stage.entries()) == taken


def test_a_signature_that_ended_by_its_date_after_training_holds_up_nobody(stage: Stage) -> None:
    """It was good for that training; only what somebody learned since takes it back."""
    house = reviewing(stage, SIGNED, review=None)
    request = house.waiting()
    sign(house, request, expires=(stage.clock.now + timedelta(days=1)).date())
    model = trained(house, request)
    stage.clock.advance(timedelta(days=9))
    promoted(house, model)


def test_every_signature_is_withdrawn_whoever_gave_it_and_none_twice(house: Reviewing) -> None:
    request = signed(house)
    other = Principal(id=PrincipalId("prn-petra"), roles=frozenset({Role.PRIVACY_OFFICER}))
    sign(house, request, other)
    withdrawn, _ = signing.withdraw(house.stage.platform, PIA, about(request), Withdrawal.KNOWLEDGE)
    assert {one.by for one in withdrawn} == {PIA.id, other.id}
    found = signing.claim(house.stage.platform, PIA, about(request)).attestations
    assert all(one.withdrawn for one in found), "they are still shown"
    with pytest.raises(Conflict, match="left to withdraw"):
        withdraw(house, request)


def test_a_later_request_for_the_same_records_waits_too(house: Reviewing) -> None:
    dataset = house.stage.dataset()
    request = house.waiting(dataset)
    sign(house, request)
    withdraw(house, request)
    assert house.waiting(dataset).state is State.IN_REVIEW


def test_what_was_signed_about_other_records_stands(house: Reviewing) -> None:
    request = signed(house)
    house.cleaning.made = "other"
    other = signed(house)
    withdraw(house, request)
    assert house.now(other.id).state is State.DEIDENTIFIED


@pytest.mark.parametrize("who", [REA, DANA, OTTO, ANN], ids=lambda who: str(who.id))
def test_only_a_privacy_officer_withdraws(house: Reviewing, who: Principal) -> None:
    request = signed(house)
    with pytest.raises(Refused):
        withdraw(house, request, who)
    assert last_refusal(house.stage) == "access_denied"
    assert house.now(request.id).state is State.DEIDENTIFIED


def test_a_privacy_officer_may_take_back_even_for_a_training_of_their_own(house: Reviewing) -> None:
    """Saying no is never in one's own interest here."""
    request = signed(house)
    withdraw(house, request, Principal(id=ANN.id, roles=frozenset({Role.REQUESTER, Role.PRIVACY_OFFICER})))
    assert house.now(request.id).state is State.IN_REVIEW


def test_a_clean_version_that_nobody_made_is_not_found(house: Reviewing) -> None:
    with pytest.raises(NotFound):
        signing.withdraw(house.stage.platform, PIA, Digest("sha256:" + "0" * 64), Withdrawal.KNOWLEDGE)


@pytest.mark.parametrize(
    ("method", "knowledge", "code"),
    [
        (Method.LIMITED_DATASET, None, "knowledge_missing"),
        (Method.LIMITED_DATASET, Knowledge.NONE, "statement_differs"),
        (Method.SAFE_HARBOR, Knowledge.AGREEMENT, "statement_differs"),
        (Method.PSEUDONYMISED, Knowledge.NONE, "statement_differs"),
    ],
)
def test_a_signature_states_exactly_what_its_method_asks_for(
    stage: Stage, method: Method, knowledge: Knowledge | None, code: str
) -> None:
    house = reviewing(stage, SIGNED, review=None, method=method)
    request = house.waiting()
    with pytest.raises(Malformed) as refused:
        sign(house, request, method=method, knowledge=knowledge)
    assert refused.value.code == code
    assert house.now(request.id).state is State.IN_REVIEW
