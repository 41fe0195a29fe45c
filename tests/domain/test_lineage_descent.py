"""What became of a dataset version: nothing that was trained is left out, and nothing is claimed that is not known."""

from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from tests.domain.test_events import example
from tests.domain.test_lineage import DATASET, MODEL, REQUEST, VERSION, log

from tunewarden.domain.descent import Descendant, Use, descend
from tunewarden.domain.events import (
    ActionRefused,
    AliasMoved,
    BudgetCharged,
    DatasetVersionAdded,
    Event,
    GateJudged,
    ModelRegistered,
    RequestApproved,
    RequestEnded,
    RequestEndorsed,
    RequestSubmitted,
    StepFailed,
    StepFinished,
    StepStarted,
)
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import Action, Alias, DatasetId, Digest, ModelId, PrincipalId, RequestId, Role
from tunewarden.domain.training import State, StepName
from tunewarden.domain.vote_events import VoteLapsed

ADDED: Any = replace(example(DatasetVersionAdded), dataset=DATASET, version=VERSION)  # type: ignore[type-var]
ASKED: Any = replace(example(RequestSubmitted), request=REQUEST, dataset=DATASET, dataset_version=VERSION)  # type: ignore[type-var]
APPROVED = RequestApproved(request=REQUEST, plan=ASKED.plan)
OF_TWO = replace(APPROVED, persons=2, roles=2)
ENDORSED = RequestEndorsed(
    request=REQUEST, plan=ASKED.plan, role=Role.PRIVACY_OFFICER, quorum=VERSION, persons=2, roles=2
)
LAPSED = VoteLapsed(request=REQUEST, plan=ASKED.plan, principal=PrincipalId("prn-0"))
VOTES = (RequestApproved, RequestEndorsed)
CHARGED = BudgetCharged(dataset=DATASET, request=REQUEST, attempt=2, updates=4, charged=4)
MADE = ModelRegistered(model=MODEL, request=REQUEST, plan=VERSION, adapter=VERSION)


def started(step: StepName) -> StepStarted:
    return StepStarted(request=REQUEST, attempt=1, step=step, given=VERSION)


def finished(step: StepName) -> StepFinished:
    return StepFinished(
        request=REQUEST, attempt=1, step=step, output=VERSION, evidence=VERSION, details=None, counts={}
    )


def ended(state: State) -> RequestEnded:
    return RequestEnded(request=REQUEST, state=state, because="")


def judged(outcome: Outcome) -> GateJudged:
    verdict = example(GateJudged)
    assert isinstance(verdict, GateJudged)
    return replace(verdict, request=REQUEST, outcome=outcome)


def only(*events: Event) -> Descendant:
    """Of one request, told by its requester; whoever agrees to it is somebody else, one after the other."""
    told = log([ADDED, ASKED, *events])
    others = (PrincipalId(f"prn-{number}") for number in count())
    told = [replace(one, actor=next(others)) if isinstance(one.event, VOTES) else one for one in told]
    (found,) = descend(told, DATASET, {VERSION}).descendants
    return found


@pytest.mark.parametrize(
    ("told", "state", "use"),
    [
        ([], State.AWAITING_APPROVAL, Use.NOT_READ),
        ([ended(State.REJECTED)], State.REJECTED, Use.NOT_READ),
        ([APPROVED], State.APPROVED, Use.NOT_READ),
        ([OF_TWO], State.AWAITING_APPROVAL, Use.NOT_READ),
        ([ENDORSED], State.AWAITING_APPROVAL, Use.NOT_READ),
        ([ENDORSED, ENDORSED], State.AWAITING_APPROVAL, Use.NOT_READ),
        ([ENDORSED, OF_TWO], State.APPROVED, Use.NOT_READ),
        ([OF_TWO, ENDORSED], State.APPROVED, Use.NOT_READ),
        ([ENDORSED, LAPSED, OF_TWO], State.AWAITING_APPROVAL, Use.NOT_READ),
        ([ENDORSED, LAPSED, OF_TWO, ENDORSED], State.APPROVED, Use.NOT_READ),
        ([OF_TWO, OF_TWO], State.AWAITING_APPROVAL, Use.NOT_READ),
        ([replace(OF_TWO, plan=VERSION), ENDORSED], State.AWAITING_APPROVAL, Use.NOT_READ),
        ([APPROVED, started(StepName.DEIDENTIFY)], State.APPROVED, Use.READ),
        ([APPROVED, finished(StepName.DEIDENTIFY), ended(State.BLOCKED)], State.BLOCKED, Use.READ),
        ([finished(StepName.DEIDENTIFY), started(StepName.TRAIN)], State.DEIDENTIFIED, Use.READ),
        ([APPROVED, finished(StepName.DEIDENTIFY), judged(Outcome.UNKNOWN)], State.IN_REVIEW, Use.READ),
        (
            [finished(StepName.DEIDENTIFY), judged(Outcome.UNKNOWN), judged(Outcome.UNKNOWN), judged(Outcome.PASS)],
            State.DEIDENTIFIED,
            Use.READ,
        ),
        (
            [finished(StepName.DEIDENTIFY), judged(Outcome.UNKNOWN), judged(Outcome.FAIL), ended(State.BLOCKED)],
            State.BLOCKED,
            Use.READ,
        ),
        ([finished(StepName.TRAIN), judged(Outcome.UNKNOWN)], State.TRAINED, Use.TRAINED_OR_MEASURED),
        ([started(StepName.DEIDENTIFY), CHARGED], State.AWAITING_APPROVAL, Use.TRAINED_OR_MEASURED),
        ([CHARGED, ended(State.CANCELLED)], State.CANCELLED, Use.TRAINED_OR_MEASURED),
        ([finished(StepName.TRAIN), ended(State.FAILED)], State.FAILED, Use.TRAINED_OR_MEASURED),
        ([finished(StepName.TRAIN), finished(StepName.MEASURE), MADE], State.MEASURED, Use.TRAINED_OR_MEASURED),
    ],
)
def test_state_and_use_are_what_the_log_says(told: list[Event], state: State, use: Use) -> None:
    found = only(*told)
    assert (found.state, found.use) == (state, use)


def test_updates_that_were_charged_count_as_trained_on_even_if_no_adapter_is_left() -> None:
    failed = StepFailed(request=REQUEST, attempt=2, step=StepName.TRAIN, code="unexpected")
    found = only(APPROVED, started(StepName.TRAIN), CHARGED, failed, ended(State.FAILED))
    assert (found.use, found.adapter, found.model) == (Use.TRAINED_OR_MEASURED, None, None)


def test_aliases_are_those_that_name_the_model_now() -> None:
    moves = [
        AliasMoved(alias=Alias.STAGING, model=MODEL, previous=None),
        AliasMoved(alias=Alias.PRODUCTION, model=MODEL, previous=None),
        AliasMoved(alias=Alias.STAGING, model=ModelId("model-9"), previous=MODEL),
    ]
    found = only(MADE, *moves)
    assert found.aliases == (Alias.PRODUCTION,)
    assert found.log == (1, 2, 4)


def test_other_datasets_other_versions_and_other_requests_are_not_in_it() -> None:
    other = Digest("sha256:" + "2" * 64)
    strangers: list[Event] = [
        replace(ADDED, dataset=DatasetId("ds-2")),
        replace(ADDED, version=other),
        replace(ASKED, request=RequestId("ftjob-2"), dataset_version=other),
        replace(ASKED, request=RequestId("ftjob-3"), dataset=DatasetId("ds-2")),
        replace(MADE, request=RequestId("ftjob-2"), model=ModelId("model-2")),
        ActionRefused(action=Action.READ_DATASET, resource=DATASET, code="access_denied", rule=""),
        ActionRefused(action=Action.SUBMIT_REQUEST, resource="ds-2", code="purpose_not_allowed", rule=""),
    ]
    found = descend(log([ADDED, *strangers, ASKED]), DATASET, {VERSION})
    assert [one.request for one in found.descendants] == [REQUEST]
    assert (len(found.added), found.refusals, found.size) == (1, (), 9)


def test_a_request_refused_at_the_door_is_told_too() -> None:
    refused = ActionRefused(action=Action.SUBMIT_REQUEST, resource=DATASET, code="purpose_not_allowed", rule="")
    assert [entry.event for entry in descend(log([ADDED, refused]), DATASET, {VERSION}).refusals] == [refused]


def test_no_version_gives_no_descendant() -> None:
    found = descend(log([ADDED, ASKED, MADE]), DATASET, frozenset())
    assert (found.added, found.descendants) == ((), ())
