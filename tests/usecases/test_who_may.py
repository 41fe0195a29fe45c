"""What an auditor asks of the access policy, and how much of the answer whoever else asks is told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conftest import ADA, ANN, BOB, DANA, NOW, OTTO, PIA, REA, Stage
from tests.usecases.governed import MORE, activated, govern
from tests.usecases.test_requests import ask

from tunewarden.domain.errors import Malformed, NotFound, Refused
from tunewarden.domain.events import KeyCreated, KeyRevoked
from tunewarden.domain.names import Action, PrincipalId, ProjectId, Role
from tunewarden.usecases import grants, policies, requests, who_may
from tunewarden.usecases.ports import Platform, Principal

APPROVE = Action.APPROVE_REQUEST
EVERYWHERE = ProjectId("*")


@pytest.fixture
def platform(stage: Stage) -> Platform:
    return govern(stage)


@pytest.fixture
def job(stage: Stage, platform: Platform) -> str:
    return requests.submit(platform, ANN, ask(stage.dataset()))[0].id


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
