"""Roles of single principals: given to others, taken back, and not counted where their giver would gain by it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests.conftest import ADA, ANN, BOB, DANA, EVE, OTTO, PIA, REA, Stage
from tests.usecases.governed import govern, put_in_force, said

from tunewarden.domain.access import RoleLink, Rule
from tunewarden.domain.errors import Conflict, NotFound, Refused, TunewardenError
from tunewarden.domain.events import ActionRefused, KeyCreated
from tunewarden.domain.names import Action, PrincipalId, ProjectId, Role
from tunewarden.domain.policy_events import RoleGranted, RoleRevoked
from tunewarden.usecases import grants, groups, policies
from tunewarden.usecases.ports import Platform, Principal, Resource

EVERYWHERE = ProjectId("*")
ELSEWHERE = ProjectId("prj-" + "0" * 32)
AMY = Principal(id=PrincipalId("prn-amy"), roles=frozenset({Role.REQUESTER, Role.ADMINISTRATOR}))
"""Who asks and may give out roles."""
NEW = Principal(id=PrincipalId("prn-new"), roles=frozenset({Role.REVIEWER}))
REQUEST = Resource(kind="request", id="ftjob-1", author=AMY.id)


@pytest.fixture
def platform(stage: Stage) -> Platform:
    made = govern(stage)
    for one in (AMY, NEW):
        known(made, one)
    stage.clock.advance(timedelta(days=2))
    return made


def known(platform: Platform, one: Principal, by: str = "operator") -> None:
    with platform.work(PrincipalId(by)) as work:
        work.principals.put(one)
        work.record(KeyCreated(principal=one.id, roles=tuple(sorted(one.roles))))
        work.commit()


def may_register(platform: Platform, who: Principal) -> bool:
    return platform.access(who, Action.REGISTER_DATASET, Resource(kind="dataset")).allowed


def test_a_granted_role_counts_at_once_and_until_it_is_taken_back(stage: Stage, platform: Platform) -> None:
    assert not may_register(platform, REA)
    grants.grant(platform, ADA, REA.id, Role.STEWARD, EVERYWHERE)
    assert may_register(platform, REA)
    grants.revoke(platform, ADA, REA.id, Role.STEWARD, EVERYWHERE)
    assert not may_register(platform, REA)
    events = [entry.event for entry in stage.entries() if isinstance(entry.event, RoleGranted | RoleRevoked)]
    link = RoleLink(REA.id, "steward", "*")
    assert events == [
        RoleGranted(
            principal=REA.id,
            role=Role.STEWARD,
            project=EVERYWHERE,
            decides=replace(said(platform), links=(link,)).digest(),
        ),
        RoleRevoked(principal=REA.id, role=Role.STEWARD, project=EVERYWHERE, decides=said(platform).digest()),
    ]


def test_what_was_granted_stays_when_another_version_comes_into_force(platform: Platform) -> None:
    grants.grant(platform, ADA, REA.id, Role.STEWARD, EVERYWHERE)
    before = said(platform)
    more = replace(before, rules=(*before.rules, Rule("reviewer", "read-model", "model", "always", "allow")))
    version, _, _ = policies.propose(platform, ADA, more)
    put_in_force(platform, version)
    assert may_register(platform, REA)


def test_a_key_for_some_roles_only_brings_no_granted_ones(platform: Platform) -> None:
    grants.grant(platform, ADA, REA.id, Role.STEWARD, EVERYWHERE)
    assert not may_register(platform, replace(REA, scoped=True))


@pytest.mark.parametrize("who", [ANN, BOB, DANA, PIA, OTTO, EVE])
def test_only_an_administrator_grants_and_takes_back(platform: Platform, who: Principal) -> None:
    for change in (grants.grant, grants.revoke):
        with pytest.raises(Refused):
            change(platform, who, REA.id, Role.STEWARD, EVERYWHERE)
    assert grants.listed(platform, OTTO) == []


def test_nobody_grants_themselves_anything(stage: Stage, platform: Platform) -> None:
    with pytest.raises(Refused, match="own"):
        grants.grant(platform, AMY, AMY.id, Role.STEWARD, EVERYWHERE)
    refused = stage.entries()[-1].event
    assert isinstance(refused, ActionRefused)
    assert (refused.resource, refused.rule) == ("grant", "anyone/grant-role/own")


@pytest.mark.parametrize(
    ("member", "role", "code"),
    [
        (ANN.id, Role.APPROVER, "roles_conflict"),
        (OTTO.id, Role.REVIEWER, "roles_conflict"),
        (REA.id, Role.WORKER, "role_not_granted"),
        (REA.id, Role.ADMINISTRATOR, "role_not_granted"),
        (REA.id, Role.REVIEWER, "role_held_already"),
        (PrincipalId("prn-nobody"), Role.STEWARD, "principal_not_found"),
    ],
)
def test_what_is_not_granted_says_why(platform: Platform, member: PrincipalId, role: Role, code: str) -> None:
    with pytest.raises(TunewardenError) as caught:
        grants.grant(platform, ADA, member, role, EVERYWHERE)
    assert caught.value.code == code
    assert grants.listed(platform, OTTO) == []


def test_break_glass_is_granted_everywhere_or_not_at_all(platform: Platform) -> None:
    for grant in (grants.grant, grants.replace_all):
        with pytest.raises(Refused) as caught:
            grant(platform, ADA, NEW.id, Role.BREAK_GLASS, ELSEWHERE)
        assert caught.value.code == "role_in_no_project"
    group = groups.create(platform, ADA, "on call")[0].id
    with pytest.raises(Refused) as caught:
        groups.grant(platform, ADA, group, Role.BREAK_GLASS, ELSEWHERE)
    assert caught.value.code == "role_in_no_project"
    grants.grant(platform, ADA, NEW.id, Role.BREAK_GLASS, EVERYWHERE)


def test_duties_are_separate_over_all_projects(platform: Platform) -> None:
    grants.grant(platform, ADA, NEW.id, Role.REQUESTER, EVERYWHERE)
    with pytest.raises(Refused, match="requester"):
        grants.grant(platform, ADA, NEW.id, Role.APPROVER, EVERYWHERE)


def test_a_role_is_granted_once_and_a_project_is_one_that_is_known(platform: Platform) -> None:
    grants.grant(platform, ADA, REA.id, Role.STEWARD, EVERYWHERE)
    with pytest.raises(Conflict):
        grants.grant(platform, ADA, REA.id, Role.STEWARD, EVERYWHERE)
    for change in (grants.grant, grants.revoke):
        with pytest.raises(NotFound):
            change(platform, ADA, DANA.id, Role.REVIEWER, ELSEWHERE)


def approve(platform: Platform, who: Principal) -> None:
    with platform.work(who.id) as work:
        grants.require_counting(platform, work, who, Action.APPROVE_REQUEST, REQUEST)


def test_a_role_from_the_author_does_not_count_for_their_request_for_a_day(stage: Stage, platform: Platform) -> None:
    grants.grant(platform, AMY, NEW.id, Role.APPROVER, EVERYWHERE)
    stage.clock.advance(timedelta(hours=23))
    with pytest.raises(Refused) as caught:
        approve(platform, NEW)
    assert caught.value.code == "role_too_fresh"
    stage.clock.advance(timedelta(hours=1))
    approve(platform, NEW)


def test_a_role_from_somebody_else_counts_at_once_and_so_does_that_of_the_key(platform: Platform) -> None:
    approve(platform, BOB)
    grants.grant(platform, ADA, NEW.id, Role.APPROVER, EVERYWHERE)
    approve(platform, NEW)


def test_an_approver_whom_the_author_made_today_does_not_count(stage: Stage, platform: Platform) -> None:
    puppet = Principal(id=PrincipalId("prn-puppet"), roles=frozenset({Role.APPROVER}))
    known(platform, puppet, by=AMY.id)
    with pytest.raises(Refused, match="24 hours"):
        approve(platform, puppet)
    stage.clock.advance(timedelta(days=1))
    approve(platform, puppet)


def test_whose_own_it_is_or_who_is_no_approver_is_refused_as_ever(platform: Platform) -> None:
    for who in (AMY, ANN, REA):
        with pytest.raises(Refused) as caught:
            approve(platform, who)
        assert caught.value.code == "access_denied"


def test_who_may_read_the_policy_sees_every_grant_there_was(platform: Platform) -> None:
    grants.grant(platform, ADA, REA.id, Role.STEWARD, EVERYWHERE)
    back, _ = grants.revoke(platform, ADA, REA.id, Role.STEWARD, EVERYWHERE)
    for who in (ADA, PIA, OTTO):
        assert list(grants.listed(platform, who)) == [back]
    with pytest.raises(NotFound):
        grants.listed(platform, REA)
