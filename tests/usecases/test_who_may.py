"""What an auditor asks of the access policy, and how much of the answer whoever else asks is told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conftest import ADA, ANN, BOB, DANA, NOW, OTTO, PIA, REA, WORKER, Stage
from tests.usecases.governed import MORE, activated, govern
from tests.usecases.test_requests import ask

from tunewarden.domain.break_glass import CONFIRM_WITHIN, EmergencyReason
from tunewarden.domain.errors import Malformed, NotFound, Refused
from tunewarden.domain.events import KeyCreated, KeyRevoked
from tunewarden.domain.identities import PrincipalKind
from tunewarden.domain.names import Action, PrincipalId, ProjectId, RequestId, Role
from tunewarden.usecases import emergencies, grants, policies, requests, who_may
from tunewarden.usecases.binding import BOUND, PERSONAL
from tunewarden.usecases.ports import Platform, Principal

APPROVE = Action.APPROVE_REQUEST
EVERYWHERE = ProjectId("*")


@pytest.fixture
def platform(stage: Stage) -> Platform:
    return govern(stage)


@pytest.fixture
def job(stage: Stage, platform: Platform) -> str:
    return requests.submit(platform, ANN, ask(stage.dataset()))[0].id


def test_an_emergency_in_force_is_a_fact_of_the_answer_and_one_that_is_over_is_none(
    stage: Stage, platform: Platform, job: str
) -> None:
    gail = replace(REA, roles=frozenset({Role.BREAK_GLASS}))
    with platform.work(PrincipalId("operator")) as work:
        work.principals.put(gail)
        work.record(KeyCreated(principal=gail.id, roles=(Role.BREAK_GLASS,)))
        work.commit()
    before = who_may.explain(platform, OTTO, gail.id, Action.ROLL_BACK_MODEL, "model", "")
    assert before.reason is not None
    assert (before.allowed, before.reason.failed, before.reason.unblocks) == (False, "emergency-open", "break-glass")
    assert not who_may.explain(platform, OTTO, gail.id, Action.SUSPEND_REQUEST, "request", job).allowed
    emergencies.open_(platform, gail, "INC-1", EmergencyReason.DRILL)
    assert who_may.explain(platform, OTTO, gail.id, Action.SUSPEND_REQUEST, "request", job).allowed
    stage.clock.advance(CONFIRM_WITHIN)
    assert not who_may.explain(platform, OTTO, gail.id, Action.SUSPEND_REQUEST, "request", job).allowed


def test_everybody_learns_why_not_about_themselves_and_an_auditor_about_everybody(platform: Platform, job: str) -> None:
    own = who_may.explain(platform, BOB, None, APPROVE, "request", job)
    assert (own.allowed, own.rule, own.facts) == (True, "approver/approve-request/other", None)
    not_mine = who_may.explain(platform, ANN, ANN.id, APPROVE, "request", job)
    assert not_mine.reason is not None
    assert (not_mine.reason.because, not_mine.reason.unblocks) == ("anyone/approve-request/own", "approver")
    told = who_may.explain(platform, OTTO, REA.id, APPROVE, "request", job)
    assert told.reason is not None
    assert (told.reason.rule, told.reason.failed) == ("approver/approve-request/other", "role")
    assert told.facts is not None
    assert (told.facts["asker"], told.facts["author"]) == (REA.id, ANN.id)
    assert who_may.explain(platform, PIA, REA.id, APPROVE, "request", job).facts is None


def test_nobody_learns_that_a_thing_is_there_which_they_may_not_see(platform: Platform, job: str) -> None:
    for identifier in (job, "ftjob-" + "0" * 32):
        with pytest.raises(NotFound):
            who_may.explain(platform, REA, None, APPROVE, "request", identifier)
    assert not who_may.explain(platform, REA, None, APPROVE, "request", "").allowed
    assert not who_may.explain(platform, REA, None, Action.CREATE_KEY, "key", "prn-ann").allowed


@pytest.mark.parametrize("who", [ANN, BOB, REA, DANA])
def test_who_is_no_auditor_officer_or_administrator_asks_about_nobody_else(
    platform: Platform, job: str, who: Principal
) -> None:
    other = ADA.id
    with pytest.raises(Refused):
        who_may.explain(platform, who, other, APPROVE, "request", job)
    with pytest.raises(Refused):
        who_may.may(platform, who, other)
    with pytest.raises(Refused):
        who_may.who(platform, who, APPROVE, "request", job)
    with pytest.raises(Refused):
        who_may.could_have(platform, who, APPROVE, "request", job, platform.clock())


def test_what_somebody_may_is_what_the_engine_allows_them_with_the_rules_for_it(platform: Platform) -> None:
    found = {one.action: one for one in who_may.may(platform, OTTO, BOB.id)}
    assert found[APPROVE].whose == ("other",)
    assert found[APPROVE].allowed_by == ("approver/approve-request/other",)
    assert "anyone/approve-request/own" in found[APPROVE].denied_by
    assert Action.CREATE_KEY not in found
    grants.grant(platform, ADA, REA.id, Role.STEWARD, EVERYWHERE)
    assert Action.RETIRE_DATASET in {one.action for one in who_may.may(platform, REA, REA.id)}


def test_who_may_do_this_to_that_names_them_to_auditors_and_counts_them_for_others(
    platform: Platform, job: str
) -> None:
    able = who_may.who(platform, OTTO, APPROVE, "request", job)
    assert (able.principals, able.counts) == ((BOB.id,), {"approver": 1})
    grants.grant(platform, ADA, REA.id, Role.APPROVER, EVERYWHERE)
    able = who_may.who(platform, PIA, APPROVE, "request", job)
    assert (able.principals, able.counts) == (None, {"approver": 1, "reviewer": 1})
    readers = who_may.who(platform, OTTO, Action.READ_REQUEST, "request", job).principals
    assert readers is not None
    assert ANN.id in readers
    assert REA.id in readers
    with platform.work(PrincipalId("operator")) as work:
        work.principals.put(replace(BOB, revoked=True))
        work.record(KeyRevoked(principal=BOB.id))
        work.commit()
    assert who_may.who(platform, OTTO, APPROVE, "request", job).principals == (REA.id,)


def test_who_could_have_is_asked_of_the_version_the_grants_and_the_people_of_then(
    stage: Stage, platform: Platform, job: str
) -> None:
    def could(days: float) -> tuple[PrincipalId, ...] | None:
        at = NOW + timedelta(days=days)
        return who_may.could_have(platform, OTTO, Action.READ_REQUEST, "request", job, at).principals

    first = policies.in_force(platform)[0].id
    at_first = who_may.could_have(platform, OTTO, Action.READ_REQUEST, "request", job, NOW).principals
    assert at_first is not None
    assert REA.id not in at_first
    stage.clock.advance(timedelta(days=1))
    new = activated(platform, MORE)
    stage.clock.advance(timedelta(days=1))
    grants.grant(platform, ADA, DANA.id, Role.APPROVER, EVERYWHERE)
    stage.clock.advance(timedelta(days=1))
    grants.revoke(platform, ADA, DANA.id, Role.APPROVER, EVERYWHERE)
    with platform.work(PrincipalId("operator")) as work:
        work.principals.put(replace(BOB, revoked=True))
        work.record(KeyRevoked(principal=BOB.id))
        work.commit()
    stage.clock.advance(timedelta(days=1))
    assert could(0.5) == at_first
    assert set(could(1.5) or ()) - set(at_first) == {REA.id}
    approvers = {
        days: who_may.could_have(platform, OTTO, APPROVE, "request", job, NOW + timedelta(days=days)).principals
        for days in (1.5, 2.5, 3.5)
    }
    assert approvers == {1.5: (BOB.id,), 2.5: (BOB.id, DANA.id), 3.5: ()}
    assert who_may.could_have(platform, PIA, APPROVE, "request", job, NOW).policy == first
    later = who_may.could_have(platform, PIA, APPROVE, "request", job, NOW + timedelta(days=2.5))
    assert (later.policy, later.principals, sum(later.counts.values())) == (new.id, None, 2)


def test_who_had_the_role_from_the_author_that_day_could_not_have(stage: Stage, platform: Platform) -> None:
    amy = Principal(id=PrincipalId("prn-amy"), roles=frozenset({Role.REQUESTER, Role.ADMINISTRATOR}))
    puppet = Principal(id=PrincipalId("prn-puppet"), roles=frozenset({Role.APPROVER}))
    for one, by in ((amy, "operator"), (puppet, amy.id)):
        with platform.work(PrincipalId(by)) as work:
            work.principals.put(one)
            work.record(KeyCreated(principal=one.id, roles=tuple(sorted(one.roles))))
            work.commit()
    job, _ = requests.submit(platform, amy, ask(stage.dataset()))
    grants.grant(platform, amy, REA.id, Role.APPROVER, EVERYWHERE)
    stage.clock.advance(timedelta(days=2))
    found = {
        hours: who_may.could_have(platform, OTTO, APPROVE, "request", job.id, NOW + timedelta(hours=hours)).principals
        for hours in (1, 25)
    }
    assert found == {1: (BOB.id,), 25: (BOB.id, puppet.id, REA.id)}


def test_a_time_that_cannot_be_asked_about_is_refused(platform: Platform, job: str) -> None:
    with pytest.raises(Malformed, match="past"):
        who_may.could_have(platform, OTTO, APPROVE, "request", job, NOW + timedelta(seconds=1))
    with pytest.raises(Malformed, match="not there"):
        who_may.could_have(platform, OTTO, APPROVE, "request", job, NOW - timedelta(days=1))
    with pytest.raises(NotFound):
        who_may.could_have(platform, OTTO, APPROVE, "request", "", NOW - timedelta(days=1))
    with pytest.raises(NotFound):
        who_may.who(platform, OTTO, APPROVE, "request", "ftjob-" + "0" * 32)


def why(platform: Platform, asked: Principal, action: Action, kind: str, identifier: str = "") -> tuple[str, str, str]:
    """The rule, what is missing and who can mend it, of oneself."""
    told = who_may.explain(platform, asked, None, action, kind, identifier)
    assert not told.allowed
    assert told.reason is not None
    assert told.reason.because == told.rule
    return told.rule, told.reason.failed, told.reason.unblocks


def test_who_is_bound_to_one_request_learns_that_it_is_the_key(platform: Platform, job: str) -> None:
    worker = replace(WORKER, bound_to=RequestId(job))
    for action, kind in ((Action.ADVANCE_JOB, "request"), (Action.CARRY_OUT_ERASURE, "dataset")):
        assert why(platform, worker, action, kind) == (BOUND, "key", "administrator")
    free = replace(worker, bound_to=None)
    assert who_may.explain(platform, free, None, Action.ADVANCE_JOB, "request", "").allowed


def test_a_service_learns_that_it_takes_a_person_and_in_which_role(platform: Platform, job: str) -> None:
    robot = replace(BOB, id=PrincipalId("prn-robot"), kind=PrincipalKind.SERVICE)
    assert why(platform, robot, APPROVE, "request", job) == (PERSONAL, "person", "approver")
    with platform.work(PrincipalId("operator")) as work:
        work.principals.put(robot)
        work.record(KeyCreated(principal=robot.id, roles=(Role.APPROVER,)))
        work.commit()
    told = who_may.explain(platform, OTTO, robot.id, APPROVE, "request", job)
    assert (told.allowed, told.rule) == (False, PERSONAL)


def test_who_acts_in_a_project_is_answered_for_there(platform: Platform, job: str) -> None:
    there = replace(ANN, within=ProjectId("proj-" + "0" * 32))
    assert who_may.explain(platform, there, None, Action.SUBMIT_REQUEST, "request", "").allowed
    with pytest.raises(NotFound):
        who_may.explain(platform, there, None, Action.READ_REQUEST, "request", job)
    assert not who_may.explain(platform, there, None, Action.READ_POLICY, "policy", "").allowed


def test_a_refusal_says_what_to_come_with(platform: Platform, job: str) -> None:
    robot = replace(BOB, kind=PrincipalKind.SERVICE)
    with pytest.raises(Refused) as refused:
        requests.reject(platform, robot, RequestId(job))
    assert refused.value.remedy == "Missing: person. Can be mended by: approver."


@pytest.mark.parametrize(("action", "kind"), [(Action.GRANT_ROLE, "grant"), (Action.CREATE_KEY, "key")])
def test_nobody_learns_from_an_answer_about_themselves_who_else_is_there(
    platform: Platform, action: Action, kind: str
) -> None:
    with platform.work(PrincipalId("operator")) as work:
        work.principals.put(ANN)
        work.record(KeyCreated(principal=ANN.id, roles=()))
        work.commit()
    there, nowhere = (who_may.explain(platform, ADA, None, action, kind, one) for one in (ANN.id, "prn-nobody"))
    assert there == nowhere
