"""What every store of the access policy promises, in memory, in SQLite and in PostgreSQL alike."""

import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from tests.drivers.conftest import Backend
from tests.drivers.examples import NOW, digest

from tunewarden.domain.access import PolicySet, RoleLink, Rule
from tunewarden.domain.errors import Corrupted, Malformed, NotFound, UnrecordedChange
from tunewarden.domain.events import KeyRevoked
from tunewarden.domain.groups import Group, Membership
from tunewarden.domain.names import GroupId, PolicyId, PrincipalId, ProjectId, Role
from tunewarden.domain.policies import Grant, PolicyState, PolicyVersion, decided, with_hard_denies
from tunewarden.drivers.access_files import read_policy
from tunewarden.drivers.access_live import LiveAccess
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.stored_policies import StoredEngine, StoredPolicies
from tunewarden.usecases.policy_doors import Head
from tunewarden.usecases.ports import UnitOfWork

ANN = PrincipalId("prn-1")
MODEL = Path(__file__).parents[2] / "policies" / "access" / "model.conf"
SAID = PolicySet(
    rules=(
        *read_policy(MODEL.with_name("policy.csv")),
        Rule("reviewer", "read-file", "file/file-1", "other+gate-green", "allow", "prj-1"),
    ),
    links=(RoleLink("night-shift", "reviewer", "prj-1"), RoleLink("prn-9", "night-shift")),
    groups=("night-shift",),
)
VERSION = PolicyVersion(
    id=PolicyId("pol-1"),
    digest=SAID.digest(),
    base=None,
    proposed_by=ANN,
    proposed_at=NOW,
    report=None,
    state=PolicyState.ACTIVE,
    activated_by=PrincipalId("prn-2"),
    activated_at=NOW + timedelta(milliseconds=7),
)
GRANT = Grant(member=PrincipalId("prn-3"), role=Role.STEWARD, project=ProjectId("*"), granted_by=ANN, granted_at=NOW)
FACT = KeyRevoked(principal=PrincipalId("prn-nobody"))


def put(unit: UnitOfWork, *grants: Grant) -> None:
    """The version in force, with these grants."""
    unit.policies.add(VERSION, SAID)
    for grant in grants:
        unit.policies.grant(grant)
    unit.policies.decide_by(VERSION.id, decided(SAID, grants))
    unit.record(FACT)


def test_what_a_version_says_comes_back_as_it_was_in_its_order(backend: Backend) -> None:
    with backend.work(ANN) as unit:
        put(unit)
        assert unit.policies.said(VERSION.id) == SAID, "a unit of work reads what it wrote"
        unit.commit()
    with backend.view() as view:
        assert view.policies.said(VERSION.id) == SAID
        assert view.policies.get(VERSION.id) == VERSION
        assert list(view.policies.versions()) == [VERSION]
        assert view.policies.head() == Head(policy=VERSION.id, changes=1, decides=SAID.digest())


def test_a_version_that_is_put_again_says_what_it_said(backend: Backend) -> None:
    other = replace(VERSION, id=PolicyId("pol-2"), base=VERSION.id, restores=VERSION.id, report=digest("a"))
    with backend.work(ANN) as unit:
        put(unit)
        unit.policies.add(other, replace(SAID, links=(), groups=()))
        unit.policies.put(replace(VERSION, state=PolicyState.SUPERSEDED))
        unit.commit()
    with backend.view() as view:
        assert [one.state for one in view.policies.versions()] == [PolicyState.SUPERSEDED, PolicyState.ACTIVE]
        assert view.policies.get(other.id) == other
        assert view.policies.said(VERSION.id) == SAID


def test_a_grant_that_was_taken_back_stays_and_may_be_given_again(backend: Backend) -> None:
    later = NOW + timedelta(hours=1)
    back = replace(GRANT, revoked_by=PrincipalId("prn-2"), revoked_at=later)
    again, other = replace(GRANT, granted_at=later), replace(GRANT, member=PrincipalId("prn-4"))
    with backend.work(ANN) as unit:
        put(unit, GRANT, other)
        unit.policies.grant(back)
        unit.policies.grant(again)
        unit.commit()
    with backend.view() as view:
        assert list(view.policies.grants()) == [back, other, again]
        assert list(view.policies.grants_of(GRANT.member)) == [back, again]


def test_groups_and_who_is_in_them_come_back_as_they_were(backend: Backend) -> None:
    one = Group(id=GroupId("grp-1"), name="night, shift\n'; DROP TABLE groups; --", created_by=ANN, created_at=NOW)
    gone = replace(one, deleted_by=ANN, deleted_at=NOW + timedelta(hours=1))
    other = Group(id=GroupId("grp-2"), name="", created_by=ANN, created_at=NOW)
    member = Membership(member=PrincipalId("prn-3"), group=one.id, granted_by=ANN, granted_at=NOW)
    back = replace(member, revoked_by=ANN, revoked_at=NOW + timedelta(hours=1))
    with backend.work(ANN) as unit:
        for group in (one, other):
            unit.policies.put_group(group)
        for each in (member, replace(member, member=PrincipalId("prn-4"))):
            unit.policies.admit(each)
        assert unit.policies.group(one.id) == one
        unit.record(FACT)
        unit.commit()
    with backend.work(ANN) as unit:
        unit.policies.put_group(gone)
        unit.policies.admit(back)
        unit.policies.admit(member)
        unit.policies.grant(GRANT)
        unit.record(FACT)
        unit.commit()
    with backend.view() as view:
        assert view.policies.group(one.id) == gone
        assert list(view.policies.groups()) == [gone, other]
        assert list(view.policies.memberships_of(member.member)) == [back, member]
        assert [each.member for each in view.policies.memberships()] == ["prn-3", "prn-4", "prn-3"]
        assert list(view.policies.given()) == [GRANT, *view.policies.memberships()]
        with pytest.raises(NotFound):
            view.policies.group(GroupId("grp-9"))


def test_what_is_done_to_groups_is_undone_with_its_unit_of_work(backend: Backend) -> None:
    with backend.work(ANN) as unit:
        unit.policies.put_group(Group(id=GroupId("grp-1"), name="x", created_by=ANN, created_at=NOW))
        unit.policies.admit(Membership(member=ANN, group=GroupId("grp-1"), granted_by=ANN, granted_at=NOW))
    with backend.view() as view:
        assert (list(view.policies.groups()), list(view.policies.memberships())) == ([], [])


def test_of_two_grants_of_one_instant_the_one_that_stands_is_taken_back(backend: Backend) -> None:
    first, second = (replace(GRANT, revoked_by=who, revoked_at=NOW) for who in (ANN, PrincipalId("prn-2")))
    with backend.work(ANN) as unit:
        put(unit, GRANT)
        for one in (first, GRANT, second):
            unit.policies.grant(one)
        assert list(unit.policies.grants()) == [first, second]


def test_each_change_of_what_is_decided_by_has_another_number(backend: Backend) -> None:
    for number in (1, 2):
        with backend.work(ANN) as unit:
            unit.policies.decide_by(VERSION.id, digest("a"))
            unit.record(FACT)
            unit.commit()
        with backend.view() as view:
            assert view.policies.head() == Head(policy=VERSION.id, changes=number, decides=digest("a"))


def test_what_is_not_committed_or_not_recorded_is_not_there(backend: Backend) -> None:
    with backend.work(ANN) as unit:
        put(unit, GRANT)
    with backend.work(ANN) as unit:
        unit.policies.add(VERSION, SAID)
        with pytest.raises(UnrecordedChange):
            unit.commit()
    with backend.view() as view:
        assert (view.policies.head(), list(view.policies.versions()), list(view.policies.grants())) == (None, [], [])
        with pytest.raises(NotFound):
            view.policies.get(VERSION.id)
        with pytest.raises(NotFound):
            view.policies.said(VERSION.id)


def test_a_view_keeps_what_it_saw_and_no_version_is_stored_twice(backend: Backend) -> None:
    with backend.view() as before:
        assert before.policies.head() is None
        with backend.work(ANN) as unit:
            put(unit)
            unit.commit()
        assert before.policies.head() is None
    with backend.work(ANN) as unit, pytest.raises(Corrupted):
        unit.policies.add(VERSION, SAID)


def test_the_engine_reads_the_stored_version_with_its_grants_and_another_stamp_after_each_change(
    backend: Backend,
) -> None:
    stored = StoredPolicies(view=backend.view, model=MODEL)
    for ask in (stored.stamp, stored.read):
        with pytest.raises(Malformed, match="no version"):
            ask()
    with backend.work(ANN) as unit:
        put(unit, GRANT)
        unit.commit()
    stamp, found = stored.stamp(), stored.read()
    assert (found.stamp, found.compiled.policy.links[-1]) == (stamp, GRANT.link)
    with backend.work(ANN) as unit:
        unit.policies.grant(replace(GRANT, revoked_by=ANN, revoked_at=NOW))
        unit.policies.decide_by(VERSION.id, decided(SAID, ()))
        unit.record(FACT)
        unit.commit()
    assert stored.stamp() != stamp
    assert GRANT.link not in stored.read().compiled.policy.links


def test_a_hard_deny_that_came_later_is_decided_by_although_it_is_not_stored(backend: Backend) -> None:
    without = PolicySet(rules=tuple(rule for rule in SAID.rules if rule.id != "anyone/approve-request/own"))
    older = replace(VERSION, digest=without.digest())
    with backend.work(ANN) as unit:
        unit.policies.add(older, without)
        unit.policies.decide_by(older.id, without.digest())
        unit.record(FACT)
        unit.commit()
    read = StoredPolicies(view=backend.view, model=MODEL).read().compiled.policy
    assert set(read.rules) == {*without.rules, *with_hard_denies(without).rules}
    assert "anyone/approve-request/own" in {rule.id for rule in read.rules}


CHANGES = {
    "a rule": "UPDATE policy_rules SET role = 'requester' WHERE role = 'approver'",
    "a rule too few": "DELETE FROM policy_rules WHERE effect = 'deny'",
    "a link": "UPDATE policy_links SET role = 'approver' WHERE role = 'reviewer'",
    "a grant": "INSERT INTO role_grants (member, role, project, granted_by, granted_at) "
    "VALUES ('prn-7', 'approver', '*', 'prn-1', '2026-11-20T21:03:34.123Z')",
    "a member": "INSERT INTO group_members (member, in_group, granted_by, granted_at) "
    "VALUES ('prn-7', 'grp-1', 'prn-1', '2026-11-20T21:03:34.123Z')",
    "who is in a group": "UPDATE group_members SET member = 'prn-7'",
    "since when somebody is in a group": "UPDATE group_members SET granted_at = 'yesterday'",
    "another version": "UPDATE policy_versions SET digest = 'sha256:00'",
    "a state that is none": "UPDATE policy_versions SET state = 'Active'",
    "a day that is none": "UPDATE policy_versions SET activated_at = 'yesterday'",
    "a role that is none": "UPDATE role_grants SET role = 'root'",
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_past_the_use_cases_is_not_decided_by(engine: Engine, clock: FixedClock, what: str) -> None:
    with SqlWork(engine, clock)(ANN) as unit:
        put(unit, GRANT)
        member = Membership(member=PrincipalId("prn-3"), group=GroupId("grp-1"), granted_by=ANN, granted_at=NOW)
        unit.policies.admit(member)
        unit.policies.decide_by(VERSION.id, decided(SAID, [GRANT, member]))
        unit.commit()
    stored = StoredPolicies(view=SqlViews(engine), model=MODEL)
    stored.read()
    with engine.begin() as connection:
        connection.execute(text(CHANGES[what]))
    with pytest.raises(Corrupted):
        stored.read()


def test_names_with_commas_and_quotes_are_one_field_and_refused_at_load(engine: Engine, clock: FixedClock) -> None:
    """The trap of text adapters (note 1.3, trap 1): a member named like three fields became an administrator."""
    odd = replace(SAID, links=(RoleLink("mallory, administrator, *", "reviewer"),))
    with SqlWork(engine, clock)(ANN) as unit:
        unit.policies.add(replace(VERSION, digest=odd.digest()), odd)
        unit.policies.decide_by(VERSION.id, odd.digest())
        unit.record(FACT)
        unit.commit()
    with SqlViews(engine)() as view:
        assert view.policies.said(VERSION.id).links == odd.links
    with pytest.raises(Malformed, match="link 1"):
        StoredPolicies(view=SqlViews(engine), model=MODEL).read()


def test_the_engine_says_what_another_policy_would_decide_and_refuses_one_with_a_fault(backend: Backend) -> None:
    with backend.work(ANN) as unit:
        put(unit)
        unit.commit()
    live = LiveAccess(StoredPolicies(view=backend.view, model=MODEL))
    behind = StoredEngine(live=live, model=MODEL)
    with pytest.raises(Malformed):
        behind.judge(PolicySet(rules=SAID.rules[:1]))
    with pytest.raises(Malformed):
        StoredEngine(live=live, model=MODEL.with_name("nothing")).judge(SAID)
    assert callable(behind.judge(SAID))


def test_a_hundred_thousand_rules_are_stored_and_read_in_bulk(engine: Engine, clock: FixedClock) -> None:
    """Row by row it would take minutes. The bound is wide, for machines that do something else too."""
    many = PolicySet(
        rules=(
            *read_policy(MODEL.with_name("policy.csv")),
            *[Rule("reviewer", "read-file", "file", "always", "allow", f"prj-{n}") for n in range(100_000)],
        )
    )
    version = replace(VERSION, digest=many.digest())
    with SqlWork(engine, clock)(ANN) as unit:
        unit.policies.add(version, many)
        unit.policies.decide_by(version.id, many.digest())
        unit.record(FACT)
        unit.commit()
    began = time.process_time()
    with SqlViews(engine)() as view:
        assert len(view.policies.said(version.id).rules) == len(many.rules)
    assert time.process_time() - began < 10
    assert StoredPolicies(view=SqlViews(engine), model=MODEL).read().compiled.version == many.digest()
