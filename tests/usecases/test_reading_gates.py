"""Who sees the rules of the gates, wherever they are shown; and that what a gate said of a request needs no more."""

from dataclasses import replace

import pytest
from tests.conftest import ADA, ANN, REA, Stage
from tests.usecases.apart import registered, within
from tests.usecases.governed import govern
from tests.usecases.test_previewing import codes
from tests.usecases.test_projects import granted, project
from tests.usecases.test_projects_keys import key_of
from tests.usecases.test_reading_back import worked_off
from tests.usecases.test_requests import ask, refusals

from tunewarden.domain.errors import NotFound
from tunewarden.domain.gates import Outcome
from tunewarden.domain.names import Action, Role
from tunewarden.usecases import archiving, judging, previewing, projects
from tunewarden.usecases.ports import Access, Decision, Platform, Principal, Resource


@pytest.fixture
def platform(stage: Stage) -> Platform:
    stage.platform = govern(stage)
    return stage.platform


def test_keys_of_a_project_and_whoever_holds_a_role_in_one_alone_read_the_gates(platform: Platform) -> None:
    """They guard what is in every project, and are the same in all."""
    north, _south = project(platform), project(platform, "south")
    whole = judging.guards(platform, ANN)
    key = key_of(platform, north, ANN.roles)
    grantee = granted(platform, north, Role.REQUESTER)
    for who in (key, within(ANN, north), grantee, projects.acting_in(platform, grantee, north)):
        assert judging.guards(platform, who) == whole
        assert judging.guard(platform, who, whole[0].gate.name) == whole[0]


def test_a_role_that_reads_no_gates_reads_none_in_any_project(stage: Stage, platform: Platform) -> None:
    north, south = project(platform), project(platform, "south")
    grantee = granted(platform, north, Role.REQUESTER)
    for who in (key_of(platform, north, REA.roles), within(REA, north), replace(grantee, within=south)):
        before = len(refusals(stage))
        with pytest.raises(NotFound) as refused:
            judging.guards(platform, who)
        assert refused.value.code == "gate_not_found"
        assert [one.action for one in refusals(stage)[before:]] == ["read-gate"]


def but_gates(access: Access) -> Access:
    """The same, where a house keeps its gates from everybody."""

    def decide(principal: Principal, action: Action, resource: Resource) -> Decision:
        if action is Action.READ_GATE:
            return Decision(allowed=False, because="no-rule-allows")
        return access(principal, action, resource)

    return decide


def test_a_plan_shows_the_gates_to_who_may_read_them_and_to_nobody_else(stage: Stage) -> None:
    asked = ask(stage.dataset())
    shown = previewing.preview(stage.platform, ANN, asked)
    assert shown.training_gate == stage.policies.gates["training"]
    kept = previewing.preview(replace(stage.platform, access=but_gates(stage.platform.access)), ANN, asked)
    assert (kept.training_gate, kept.promotion_gate) == (None, None)
    assert (kept.plan, codes(kept)) == (shown.plan, []), "all else is told"
    assert refusals(stage) == [], "nobody asked for the gates"


def test_a_plan_in_a_project_shows_its_gates_to_who_holds_the_role_there_alone(platform: Platform) -> None:
    north, south = project(platform), project(platform, "south")
    grantee = granted(platform, north, Role.REQUESTER)
    found = previewing.preview(platform, grantee, ask(registered(platform, north, b"north")))
    assert found.training_gate is not None
    assert not judging.may_read_gates(platform, grantee, south)
    archiving.archive(platform, ADA, north)
    assert judging.guards(platform, grantee), "reading goes on in an archived project"


def test_what_a_gate_said_of_a_request_is_shown_with_the_request(stage: Stage) -> None:
    """Whoever is stopped has to see by which rule, and why it is there."""
    request = worked_off(stage)
    hidden = replace(stage.platform, access=but_gates(stage.platform.access))
    with pytest.raises(NotFound):
        judging.guards(hidden, ANN)
    (said,) = judging.judgements(hidden, [request])[request.id]
    ((finding, rule),) = said.findings
    assert (said.outcome, finding.outcome, rule and rule.because) == (Outcome.PASS, Outcome.PASS, "A test says so.")
