"""Signing: the report that the clean version has, by a privacy officer who did not ask for the training, for a time."""

from datetime import date, timedelta
from typing import Any

import pytest
from tests.conftest import ANN, DANA, OTTO, PIA, REA, Stage, measured
from tests.usecases.reviewing import READ, SIGNED, Reviewing, reviewing

from tunewarden.domain.attestations import Knowledge
from tunewarden.domain.canonical import digest_bytes
from tunewarden.domain.deidentification import Method
from tunewarden.domain.errors import Corrupted, Malformed, NotFound, Refused
from tunewarden.domain.events import ActionRefused, GateJudged, ReportAttested
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import Digest, PrincipalId, Role
from tunewarden.domain.reviews import ATTESTED
from tunewarden.domain.training import State, StepName, TrainingRequest
from tunewarden.usecases import datasets, requests, reviews, signing
from tunewarden.usecases.ports import Principal


@pytest.fixture
def house(stage: Stage) -> Reviewing:
    return reviewing(stage, SIGNED, review=None)


def sign(house: Reviewing, request: TrainingRequest, who: Principal = PIA, **changes: Any) -> None:
    about = request.outputs[StepName.DEIDENTIFY]
    report = digest_bytes(house.cleaning.report or b"")
    whole = {"report": report, "method": Method.SAFE_HARBOR, "knowledge": Knowledge.NONE, "expires": None}
    signing.attest(house.stage.platform, who, about, **{**whole, **changes})


def test_unsigned_safe_harbor_trains_nothing_and_signed_it_does(house: Reviewing) -> None:
    request = house.waiting()
    assert request.state is State.IN_REVIEW
    with pytest.raises(Refused, match="no next step"):
        house.advance(request.id)
    sign(house, request)
    assert house.now(request.id).state is State.DEIDENTIFIED
    kinds = [type(entry.event) for entry in house.stage.entries()][-2:]
    assert kinds == [ReportAttested, GateJudged], "one commit"
    assert house.advance(request.id).state is State.TRAINED


def test_the_entry_binds_clean_version_report_method_and_statement(house: Reviewing) -> None:
    request = house.waiting()
    sign(house, request, expires=date(2027, 3, 1))
    entry = next(entry for entry in house.stage.entries() if isinstance(entry.event, ReportAttested))
    assert entry.actor == PIA.id
    assert entry.event == ReportAttested(
        about=request.outputs[StepName.DEIDENTIFY],
        report=digest_bytes(house.cleaning.report or b""),
        method=Method.SAFE_HARBOR,
        knowledge=Knowledge.NONE,
        expires=date(2027, 3, 1),
    )


def test_who_asked_for_the_training_may_not_sign_whatever_roles_they_hold(house: Reviewing) -> None:
    request = house.waiting()
    both = Principal(id=ANN.id, roles=frozenset({Role.REQUESTER, Role.PRIVACY_OFFICER}))
    with pytest.raises(Refused) as refused:
        sign(house, request, both)
    assert refused.value.rule == "anyone/attest-report/own"
    last = house.stage.entries()[-1].event
    assert isinstance(last, ActionRefused)
    assert (last.resource, last.code) == (request.id, "access_denied")
    assert house.now(request.id).state is State.IN_REVIEW


def test_who_asked_for_any_training_on_the_clean_version_may_not_sign(house: Reviewing) -> None:
    dataset = house.stage.dataset()
    mine = Principal(id=PrincipalId("prn-olga"), roles=frozenset({Role.REQUESTER, Role.PRIVACY_OFFICER}))
    house.advance(house.request(dataset, who=mine).id)
    other = house.waiting(dataset)
    with pytest.raises(Refused, match="may not attest"):
        sign(house, other, mine)


@pytest.mark.parametrize("who", [REA, DANA, OTTO], ids=lambda who: str(who.id))
def test_only_a_privacy_officer_signs(house: Reviewing, who: Principal) -> None:
    request = house.waiting()
    with pytest.raises(Refused):
        sign(house, request, who)
    with pytest.raises(NotFound):
        signing.report(house.stage.platform, who, request.outputs[StepName.DEIDENTIFY])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"report": "sha256:" + "0" * 64}, "report_changed"),
        ({"method": Method.EXPERT_DETERMINATION, "expires": date(2027, 1, 1)}, "method_not_claimed"),
        ({"knowledge": None}, "knowledge_missing"),
        ({"expires": date(2026, 11, 20)}, "expiry_past"),
    ],
)
def test_a_signature_that_says_something_else_is_refused_and_the_request_still_waits(
    house: Reviewing, changes: dict[str, Any], code: str
) -> None:
    request = house.waiting()
    with pytest.raises(Refused) as refused:
        sign(house, request, **changes)
    assert refused.value.code == code
    assert house.now(request.id).state is State.IN_REVIEW
    with house.stage.platform.view() as view:
        assert view.attestations.all() == []


def test_a_clean_version_that_nobody_made_is_not_found(house: Reviewing) -> None:
    with pytest.raises(NotFound):
        signing.claim(house.stage.platform, PIA, Digest("sha256:" + "0" * 64))


def test_where_the_profile_claims_nothing_there_is_nothing_to_sign(stage: Stage) -> None:
    house = reviewing(stage, SIGNED, review=None, method="none")
    house.cleaning.report = None
    house.cleaning.claims = (measured(ATTESTED, "1", n=1),)
    request = house.waiting()
    assert request.state is State.DEIDENTIFIED, "the step says that no signature is needed"
    with pytest.raises(Refused, match="names another report"):
        sign(house, request, method=Method.NONE)
    with pytest.raises(NotFound):
        signing.report(stage.platform, PIA, request.outputs[StepName.DEIDENTIFY])


def test_an_expert_determination_counts_until_its_last_day_for_every_request_with_the_same_records(
    stage: Stage,
) -> None:
    house = reviewing(stage, SIGNED, review=None, method="hipaa-expert-determination")
    dataset = stage.dataset()
    request = house.waiting(dataset)
    expert = {"method": Method.EXPERT_DETERMINATION, "knowledge": None}
    with pytest.raises(Malformed, match="day on which it ends"):
        sign(house, request, **expert)
    sign(house, request, **expert, expires=date(2026, 11, 30))
    stage.clock.advance(timedelta(days=9))  # its last day
    assert house.waiting(dataset).state is State.DEIDENTIFIED
    stage.clock.advance(timedelta(days=1))
    late = house.waiting(dataset)
    assert late.state is State.IN_REVIEW
    sign(house, late, **expert, expires=date(2027, 11, 30))
    assert house.now(late.id).state is State.DEIDENTIFIED
    about = request.outputs[StepName.DEIDENTIFY]
    assert len(signing.claim(stage.platform, PIA, about).attestations) == 2


def test_whoever_signs_is_shown_the_report_at_the_digest_that_is_signed(house: Reviewing) -> None:
    request = house.waiting()
    about = request.outputs[StepName.DEIDENTIFY]
    found = signing.claim(house.stage.platform, PIA, about)
    assert (found.method, found.attestations, [one.id for one in found.waiting]) == (
        Method.SAFE_HARBOR,
        (),
        [request.id],
    )
    report, document = signing.report(house.stage.platform, PIA, about)
    assert (report, document) == (found.report, house.cleaning.report)
    house.stage.blobs.stored[report] = b"another report"
    with pytest.raises(Corrupted):
        signing.report(house.stage.platform, PIA, about)


@pytest.mark.parametrize("signed_first", [True, False])
def test_a_sample_and_a_signature_are_both_waited_for_in_either_order(stage: Stage, *, signed_first: bool) -> None:
    house = reviewing(stage, *READ, SIGNED)
    request = house.waiting()
    acts = [lambda: sign(house, request), lambda: house.read(house.review().id)]
    first, second = acts if signed_first else reversed(acts)
    first()
    assert house.now(request.id).state is State.IN_REVIEW
    second()
    assert house.now(request.id).state is State.DEIDENTIFIED
    outcomes = [entry.event.outcome for entry in stage.entries() if isinstance(entry.event, GateJudged)]
    assert outcomes == [Outcome.UNKNOWN, Outcome.UNKNOWN, Outcome.PASS]


def test_a_signature_does_not_heal_a_failed_sample(stage: Stage) -> None:
    house = reviewing(stage, *READ, SIGNED)
    request = house.waiting()
    house.read(house.review().id, leaks=3)
    assert house.now(request.id).state is State.BLOCKED
    sign(house, request)
    assert house.now(request.id).state is State.BLOCKED


def test_a_withdrawn_request_gives_its_budget_back_and_is_not_judged_again(house: Reviewing) -> None:
    dataset = house.stage.dataset()
    request = house.waiting(dataset)
    requests.cancel(house.stage.platform, ANN, request.id)
    assert datasets.budget(house.stage.platform, DANA, dataset.id).left == 10
    sign(house, request)
    assert house.now(request.id).state is State.CANCELLED
    assert isinstance(house.stage.entries()[-1].event, ReportAttested)


def test_a_signature_needs_no_sample_to_be_drawn_again(stage: Stage) -> None:
    house = reviewing(stage, *READ, SIGNED)
    request = house.waiting()
    sign(house, request)
    assert house.samples.drawn == 1
    assert [one.id for one in reviews.listed(stage.platform, REA)] == [house.review().id]
