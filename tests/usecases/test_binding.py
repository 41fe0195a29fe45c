"""Who is bound to one request touches nothing else, whatever their roles."""

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st
from tests.conftest import ANN, BOB, POLICIES, WORKER, Stage
from tests.usecases.test_requests import ask

from tunewarden.domain.access import KINDS
from tunewarden.domain.errors import Refused
from tunewarden.domain.events import ActionRefused
from tunewarden.domain.identities import PrincipalKind
from tunewarden.domain.names import Action, PrincipalId, ProjectId, RequestId, Role
from tunewarden.domain.training import StepName
from tunewarden.drivers.access import CasbinAccess
from tunewarden.steps import GUARDED
from tunewarden.usecases import jobs, requests
from tunewarden.usecases.binding import BOUND, ELSEWHERE, PERSONAL, bound
from tunewarden.usecases.ports import Principal, Resource

A = Action
ACCESS = CasbinAccess(POLICIES / "access" / "model.conf", POLICIES / "access" / "policy.csv")


@given(
    roles=st.frozensets(st.sampled_from(Role)),
    action=st.sampled_from(Action),
    kind=st.sampled_from(["request", "dataset", "model", "file", "log", "key", "review", "promotion"]),
    identifier=st.sampled_from(["", "req-1", "req-2"]),
)
def test_a_bound_principal_is_allowed_nothing_but_its_own_request_and_there_nothing_more(
    roles: frozenset[Role], action: Action, kind: str, identifier: str
) -> None:
    free = Principal(id=PrincipalId("prn-1"), roles=roles)
    resource = Resource(kind=kind, id=identifier, author=PrincipalId("prn-2"))
    decision = bound(ACCESS)(replace(free, bound_to=RequestId("req-1")), action, resource)
    if (kind, identifier) == ("request", "req-1"):
        assert decision == ACCESS(free, action, resource)
    else:
        assert (decision.allowed, decision.because) == (False, BOUND)
    assert bound(ACCESS)(free, action, resource) == ACCESS(free, action, resource)


JUDGING = {
    A.REVIEW_SAMPLE,
    A.ATTEST_REPORT,
    A.SUSPEND_REQUEST,
    A.RESUME_REQUEST,
    A.ROLL_BACK_MODEL,
    A.OVERRIDE_GATE,
    A.CLEAR_ALIAS,
    A.RETIRE_MODEL,
} | {action for action in Action if action.startswith(("approve-", "endorse-", "activate-"))}
JUDGING |= {action for action in Action if action.endswith("-emergency")} - {A.READ_EMERGENCY}


@given(roles=st.frozensets(st.sampled_from(Role)), action=st.sampled_from(Action), kind=st.sampled_from(sorted(KINDS)))
def test_a_service_judges_nothing_and_may_do_the_rest_like_a_person(
    roles: frozenset[Role], action: Action, kind: str
) -> None:
    person = Principal(id=PrincipalId("prn-1"), roles=roles)
    resource = Resource(kind=kind, id="x", author=PrincipalId("prn-2"))
    decision = bound(ACCESS)(replace(person, kind=PrincipalKind.SERVICE), action, resource)
    if action in JUDGING:
        assert (decision.allowed, decision.because) == (False, PERSONAL)
    else:
        assert decision == ACCESS(person, action, resource)


@given(
    roles=st.frozensets(st.sampled_from(Role)),
    action=st.sampled_from(Action),
    kind=st.sampled_from(sorted(KINDS)),
    project=st.sampled_from(["*", "proj-1", "proj-2"]),
)
def test_who_acts_in_a_project_is_outside_of_all_else_and_inside_may_nothing_more(
    roles: frozenset[Role], action: Action, kind: str, project: str
) -> None:
    free = Principal(id=PrincipalId("prn-1"), roles=roles)
    resource = Resource(kind=kind, id="x", author=PrincipalId("prn-2"), project=project)
    decision = bound(ACCESS)(replace(free, within=ProjectId("proj-1")), action, resource)
    if project == "proj-1":
        assert decision == ACCESS(free, action, resource)
    else:
        assert (decision.allowed, decision.because, decision.outside) == (False, ELSEWHERE, True)


def test_a_request_that_only_a_service_approves_stays_unapproved(stage: Stage) -> None:
    request, _ = requests.submit(stage.platform, ANN, ask(stage.dataset()))
    robot = replace(BOB, kind=PrincipalKind.SERVICE)
    with pytest.raises(Refused) as refused:
        requests.approve(stage.platform, robot, request.id, request.plan.digest())
    assert refused.value.rule == PERSONAL
    requests.approve(stage.platform, BOB, request.id, request.plan.digest())


def waiting(stage: Stage) -> tuple[RequestId, RequestId]:
    """Two requests of ann's, both approved."""
    dataset = stage.dataset(epsilon="20")
    asked = [requests.submit(stage.platform, ANN, ask(dataset))[0] for _ in range(2)]
    first, second = (requests.approve(stage.platform, BOB, one.id, one.plan.digest())[0].id for one in asked)
    return first, second


def test_a_worker_for_one_request_does_not_advance_another_and_the_log_says_it_tried(stage: Stage) -> None:
    mine, other = waiting(stage)
    worker = replace(WORKER, bound_to=mine)
    with pytest.raises(Refused) as refused:
        jobs.advance(stage.platform, worker, stage.steps, GUARDED, other)
    assert (refused.value.code, refused.value.rule) == ("access_denied", BOUND)
    last = stage.entries()[-1].event
    assert isinstance(last, ActionRefused)
    assert (last.resource, last.rule) == (other, BOUND)
    for _ in StepName:
        jobs.advance(stage.platform, worker, stage.steps, GUARDED, mine)


def test_lists_show_a_bound_principal_its_own_request_alone(stage: Stage) -> None:
    mine, other = waiting(stage)
    assert [one.id for one in requests.listed(stage.platform, ANN)] == [mine, other]
    assert [one.id for one in requests.listed(stage.platform, replace(ANN, bound_to=mine))] == [mine]
