"""Groups: filled with others, given roles by others, and separate duties over all that somebody holds."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from io import BytesIO

import pytest
from tests.conftest import ADA, ANN, BOB, DANA, EVE, OTTO, PIA, REA, Stage
from tests.usecases.governed import govern, put_in_force, said
from tests.usecases.test_grants import AMY, EVERYWHERE, NEW, approve, known, may_register

from tunewarden.domain.access import Rule
from tunewarden.domain.entries import entry_bytes
from tunewarden.domain.errors import Conflict, IllegalTransition, Malformed, NotFound, Refused
from tunewarden.domain.events import ActionRefused
from tunewarden.domain.group_events import (
    GroupCreated,
    GroupDeleted,
    GroupRenamed,
    GroupRoleGranted,
    GroupRoleRevoked,
    MemberAdded,
    MemberRemoved,
)
from tunewarden.domain.names import Action, GroupId, PrincipalId, Role
from tunewarden.domain.policies import with_grants
from tunewarden.usecases import files, grants, groups, keys, policies, projects, who_may
from tunewarden.usecases.ports import Platform, Principal, Resource

NAME = '=cmd|"/c calc"\n<script>night shift</script>, x, admin'


@pytest.fixture
def platform(stage: Stage) -> Platform:
    made = govern(stage)
    for one in (AMY, NEW):
        known(made, one)
    stage.clock.advance(timedelta(days=2))
    return made


def made(platform: Platform, *roles: Role, members: tuple[Principal, ...] = ()) -> GroupId:
    group, _ = groups.create(platform, ADA, NAME)
    for role in roles:
        groups.grant(platform, ADA, group.id, role, EVERYWHERE)
    for one in members:
        groups.add(platform, ADA, group.id, one.id)
    return group.id


def test_who_is_in_a_group_holds_what_it_holds_for_as_long_as_both_last(platform: Platform) -> None:
    group = made(platform, Role.STEWARD, members=(REA,))
    assert may_register(platform, REA)
    groups.remove(platform, ADA, group, REA.id)
    assert not may_register(platform, REA)
    groups.add(platform, ADA, group, REA.id)
    groups.revoke(platform, ADA, group, Role.STEWARD, EVERYWHERE)
    assert not may_register(platform, REA)
    groups.grant(platform, ADA, group, Role.STEWARD, EVERYWHERE)
    assert may_register(platform, REA)
    groups.delete(platform, ADA, group)
    assert not may_register(platform, REA)
    with pytest.raises(NotFound):
        groups.get(platform, ADA, group)
    assert groups.listed(platform, ADA) == []


def test_the_log_tells_each_change_with_what_is_decided_by_and_no_name(stage: Stage, platform: Platform) -> None:
    before = len(stage.entries())
    group = made(platform, Role.STEWARD, members=(REA,))
    groups.rename(platform, ADA, group, "plain")
    with platform.view() as view:
        whole = with_grants(said(platform), view.policies.given()).digest()
    groups.remove(platform, ADA, group, REA.id)
    groups.revoke(platform, ADA, group, Role.STEWARD, EVERYWHERE)
    groups.delete(platform, ADA, group)
    entries = stage.entries()[before:]
    kinds = (
        GroupCreated,
        GroupRoleGranted,
        MemberAdded,
        GroupRenamed,
        MemberRemoved,
        GroupRoleRevoked,
        GroupDeleted,
    )
    assert tuple(type(entry.event) for entry in entries) == kinds
    assert entries[2].event == MemberAdded(group=group, principal=REA.id, decides=whole)
    assert entries[-1].event == GroupDeleted(group=group, members=0, roles=0, decides=said(platform).digest())
    for entry in entries:
        line = entry_bytes(entry.event, actor=entry.actor, at=entry.at)
        assert b"script" not in line
        assert b"plain" not in line


def test_a_name_is_kept_and_shown_as_it_is(platform: Platform) -> None:
    group = made(platform)
    assert groups.get(platform, OTTO, group)[0].name == NAME
    with pytest.raises(Malformed):
        groups.rename(platform, ADA, group, "")


def test_a_group_that_is_deleted_takes_its_members_and_roles_with_it(stage: Stage, platform: Platform) -> None:
    group = made(platform, Role.STEWARD, Role.REVIEWER, members=(NEW,))
    groups.delete(platform, ADA, group)
    event = stage.entries()[-1].event
    assert isinstance(event, GroupDeleted)
    assert (event.members, event.roles) == (1, 2)
    assert event.decides == said(platform).digest(), "nothing of it stands any more"
    changes: list[Callable[[], object]] = [
        lambda: groups.add(platform, ADA, group, REA.id),
        lambda: groups.remove(platform, ADA, group, NEW.id),
        lambda: groups.grant(platform, ADA, group, Role.STEWARD, EVERYWHERE),
        lambda: groups.revoke(platform, ADA, group, Role.STEWARD, EVERYWHERE),
        lambda: groups.revoke_all(platform, ADA, group, EVERYWHERE),
        lambda: groups.rename(platform, ADA, group, "x"),
        lambda: groups.delete(platform, ADA, group),
    ]
    for change in changes:
        with pytest.raises(NotFound):
            change()


@pytest.mark.parametrize("who", [ANN, BOB, DANA, PIA, OTTO, EVE])
def test_only_an_administrator_has_to_do_with_groups_and_each_refusal_is_kept(
    stage: Stage, platform: Platform, who: Principal
) -> None:
    group = made(platform, Role.STEWARD, members=(NEW,))
    changes: list[tuple[Action, Callable[[], object]]] = [
        (Action.GRANT_ROLE, lambda: groups.create(platform, who, "x")),
        (Action.GRANT_ROLE, lambda: groups.rename(platform, who, group, "x")),
        (Action.GRANT_ROLE, lambda: groups.add(platform, who, group, REA.id)),
        (Action.REVOKE_ROLE, lambda: groups.remove(platform, who, group, NEW.id)),
        (Action.GRANT_ROLE, lambda: groups.grant(platform, who, group, Role.REVIEWER, EVERYWHERE)),
        (Action.REVOKE_ROLE, lambda: groups.revoke(platform, who, group, Role.STEWARD, EVERYWHERE)),
        (Action.REVOKE_ROLE, lambda: groups.revoke_all(platform, who, group, EVERYWHERE)),
        (Action.REVOKE_ROLE, lambda: groups.delete(platform, who, group)),
    ]
    for action, change in changes:
        before = len(stage.entries())
        with pytest.raises(Refused):
            change()
        (event,) = (entry.event for entry in stage.entries()[before:])
        assert isinstance(event, ActionRefused)
        assert event.action is action


def test_nobody_puts_themselves_into_a_group_and_nobody_gives_a_role_to_their_own(platform: Platform) -> None:
    group = made(platform, members=(AMY,))
    with pytest.raises(Refused, match="own"):
        groups.add(platform, AMY, made(platform), AMY.id)
    with pytest.raises(Refused, match="own"):
        groups.grant(platform, AMY, group, Role.STEWARD, EVERYWHERE)
    groups.grant(platform, ADA, group, Role.STEWARD, EVERYWHERE)


def test_duties_are_separate_over_keys_grants_and_groups(platform: Platform) -> None:
    approvers = made(platform, Role.APPROVER)
    with pytest.raises(Refused) as caught:
        groups.add(platform, ADA, approvers, ANN.id)  # requester by her key
    assert caught.value.code == "roles_conflict"
    grants.grant(platform, ADA, NEW.id, Role.REQUESTER, EVERYWHERE)
    with pytest.raises(Refused, match="approver and requester"):
        groups.add(platform, ADA, approvers, NEW.id)
    mixed = made(platform, members=(ANN, NEW))
    with pytest.raises(Refused, match="approver and requester"):
        groups.grant(platform, ADA, mixed, Role.APPROVER, EVERYWHERE)
    groups.add(platform, ADA, approvers, REA.id)
    with pytest.raises(Refused, match="approver and requester"):
        grants.grant(platform, ADA, REA.id, Role.REQUESTER, EVERYWHERE)
    with pytest.raises(Refused, match="approver and requester"):
        groups.add(platform, ADA, made(platform, Role.REQUESTER), REA.id)


def test_what_cannot_be_says_why_and_changes_nothing(platform: Platform) -> None:
    group = made(platform, Role.STEWARD, members=(REA,))
    nobody = PrincipalId("prn-nobody")
    with platform.view() as view:
        before = view.policies.head()
    with pytest.raises(Conflict):
        groups.add(platform, ADA, group, REA.id)
    with pytest.raises(Conflict):
        groups.grant(platform, ADA, group, Role.STEWARD, EVERYWHERE)
    with pytest.raises(NotFound):
        groups.add(platform, ADA, group, nobody)
    with pytest.raises(NotFound):
        groups.remove(platform, ADA, group, NEW.id)
    with pytest.raises(NotFound):
        groups.revoke(platform, ADA, group, Role.REVIEWER, EVERYWHERE)
    for role in (Role.ADMINISTRATOR, Role.WORKER):
        with pytest.raises(Refused, match="by a grant"):
            groups.grant(platform, ADA, group, role, EVERYWHERE)
    keys.revoke(platform, ADA, NEW.id)
    with pytest.raises(IllegalTransition):
        groups.add(platform, ADA, group, NEW.id)
    with platform.view() as view:
        assert view.policies.head() == before


def test_a_role_through_a_group_that_the_author_gave_or_filled_does_not_count_for_a_day(
    stage: Stage, platform: Platform
) -> None:
    by_ada = made(platform, Role.APPROVER)
    stage.clock.advance(timedelta(days=2))
    groups.add(platform, AMY, by_ada, NEW.id)
    with pytest.raises(Refused) as caught:
        approve(platform, NEW)
    assert caught.value.code == "role_too_fresh"
    stage.clock.advance(timedelta(hours=24))
    approve(platform, NEW)
    groups.revoke(platform, ADA, by_ada, Role.APPROVER, EVERYWHERE)
    groups.grant(platform, AMY, by_ada, Role.APPROVER, EVERYWHERE)
    with pytest.raises(Refused, match="24 hours"):
        approve(platform, NEW)
    other = made(platform, Role.APPROVER, members=(NEW,))
    approve(platform, NEW)
    groups.delete(platform, ADA, other)
    with pytest.raises(Refused, match="24 hours"):
        approve(platform, NEW)


def test_the_role_of_a_group_is_not_taken_back_as_if_it_were_somebodys(stage: Stage, platform: Platform) -> None:
    group = PrincipalId(made(platform, Role.STEWARD, members=(REA,)))
    before = len(stage.entries())
    with pytest.raises(NotFound):
        grants.revoke(platform, ADA, group, Role.STEWARD, EVERYWHERE)
    with pytest.raises(NotFound):
        grants.revoke_all(platform, ADA, group, EVERYWHERE)
    with pytest.raises(NotFound):
        grants.replace_all(platform, ADA, group, Role.REVIEWER, EVERYWHERE)
    with pytest.raises(NotFound):
        grants.grant(platform, ADA, group, Role.REVIEWER, EVERYWHERE)
    assert len(stage.entries()) == before
    assert may_register(platform, REA)


def test_to_be_in_a_group_is_no_role_in_a_project_in_which_it_has_none(platform: Platform) -> None:
    one, other = (projects.create(platform, ADA, name)[0].id for name in ("one", "other"))
    stranger = Principal(id=PrincipalId("prn-stranger"), roles=frozenset())
    known(platform, stranger)
    group = made(platform, members=(stranger,))
    groups.grant(platform, ADA, group, Role.STEWARD, one)
    for where, is_outside in ((one, False), (other, True), (EVERYWHERE, True)):
        about = Resource(kind="dataset", id="ds-1", author=ANN.id, project=where)
        assert platform.access(stranger, Action.APPROVE_REQUEST, replace(about, kind="request")).outside is is_outside
        assert platform.access(stranger, Action.READ_DATASET, about).allowed is not is_outside


def test_groups_stay_when_another_version_comes_into_force(platform: Platform) -> None:
    made(platform, Role.STEWARD, members=(REA,))
    before = said(platform)
    more = replace(before, rules=(*before.rules, Rule("reviewer", "read-model", "model", "always", "allow")))
    version, _, _ = policies.propose(platform, ADA, more)
    put_in_force(platform, version)
    assert may_register(platform, REA)


def test_an_auditor_is_told_who_could_have_by_a_group_that_day(stage: Stage, platform: Platform) -> None:
    group = made(platform, Role.STEWARD, members=(REA,))
    then = platform.clock()
    stage.clock.advance(timedelta(hours=1))
    groups.delete(platform, ADA, group)
    able = who_may.could_have(platform, OTTO, Action.REGISTER_DATASET, "dataset", "", then)
    assert REA.id in (able.principals or ())
    able = who_may.could_have(platform, OTTO, Action.REGISTER_DATASET, "dataset", "", platform.clock())
    assert REA.id not in (able.principals or ())


def test_what_somebody_did_in_a_role_of_a_group_is_asked_again_in_that_role(stage: Stage, platform: Platform) -> None:
    group = made(platform, Role.REQUESTER, members=(NEW,))
    files.upload(platform, NEW, filename="notes.csv", purpose="fine-tune", content=BytesIO(b"bytes"))
    stage.clock.advance(timedelta(hours=1))
    groups.delete(platform, ADA, group)
    before = said(platform)
    fewer = [rule for rule in before.rules if (rule.role, rule.action) != ("requester", "upload-file")]
    replay = policies.simulate(platform, OTTO, replace(before, rules=tuple(fewer))).replay
    assert replay.refused == 1


def test_one_role_in_place_of_all_others_in_one_step(stage: Stage, platform: Platform) -> None:
    for role in (Role.STEWARD, Role.REQUESTER):
        grants.grant(platform, ADA, NEW.id, role, EVERYWHERE)
    before = len(stage.entries())
    grants.replace_all(platform, ADA, NEW.id, Role.APPROVER, EVERYWHERE)
    kinds = [type(entry.event).__name__ for entry in stage.entries()[before:]]
    assert kinds == ["RoleRevoked", "RoleRevoked", "RoleGranted"]
    assert not may_register(platform, NEW)
    with pytest.raises(Refused):
        grants.replace_all(platform, ADA, ANN.id, Role.APPROVER, EVERYWHERE)
    grants.revoke_all(platform, ADA, NEW.id, EVERYWHERE)
    with pytest.raises(NotFound):
        grants.revoke_all(platform, ADA, NEW.id, EVERYWHERE)
