"""What somebody holds in a group is what they would hold if each role had been granted to themselves."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.access import HARD_DENIES, PolicySet, RoleLink, Rule
from tunewarden.domain.access_roles import RoleGraph
from tunewarden.domain.errors import Malformed
from tunewarden.domain.groups import Membership, group_name, is_group
from tunewarden.domain.holding import ways
from tunewarden.domain.names import GroupId, PrincipalId, ProjectId, Role
from tunewarden.domain.policies import FRESH, Given, Grant, decided, with_grants

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
PEOPLE = [PrincipalId(f"prn-{number}") for number in range(4)]
GROUPS = [GroupId(f"grp-{letter * 32}") for letter in "ab"]
PROJECTS = [ProjectId("*"), ProjectId("proj-" + "1" * 32), ProjectId("proj-" + "2" * 32)]
SAID = PolicySet(rules=(*sorted(HARD_DENIES), Rule("reviewer", "review-sample", "review", "other", "allow")))
ROLES = [Role.REQUESTER, Role.STEWARD, Role.REVIEWER, Role.APPROVER]

hours = st.integers(min_value=0, max_value=72).map(lambda number: timedelta(hours=number))
instants = hours.map(lambda after: NOW + after)
people, groups = st.sampled_from(PEOPLE), st.sampled_from(GROUPS)


def a_grant(member: str, role: Role = Role.REVIEWER, project: str = "*", by: int = 0, **times: datetime) -> Grant:
    given = {"granted_at": NOW, **times}
    return Grant(member=PrincipalId(member), role=role, project=ProjectId(project), granted_by=PEOPLE[by], **given)  # type: ignore[arg-type]


def a_member(member: str, group: GroupId = GROUPS[0], by: int = 0, **times: datetime) -> Membership:
    given = {"granted_at": NOW, **times}
    return Membership(member=PrincipalId(member), group=group, granted_by=PEOPLE[by], **given)  # type: ignore[arg-type]


grants = st.builds(
    Grant,
    member=people | groups.map(PrincipalId),
    role=st.sampled_from(ROLES),
    project=st.sampled_from(PROJECTS),
    granted_by=people,
    granted_at=instants,
    revoked_at=st.none() | instants,
)
memberships = st.builds(
    Membership, member=people, group=groups, granted_by=people, granted_at=instants, revoked_at=st.none() | instants
)


def spelt_out(all_given: Sequence[Given], at: datetime) -> set[tuple[str, Role, str]]:
    """Every role that somebody holds, as a grant to themselves."""
    direct = {(one.member, one.role, one.project) for one in all_given if isinstance(one, Grant) and one.holds(at)}
    inside = [one for one in all_given if isinstance(one, Membership) and one.holds(at)]
    through = {(one.member, role, where) for one in inside for group, role, where in direct if group == one.group}
    return {held for held in direct | through if not is_group(held[0])}


@given(all_given=st.lists(grants | memberships, max_size=12), at=instants, who=people, where=st.sampled_from(PROJECTS))
def test_roles_in_groups_are_decided_by_as_if_each_had_been_granted_to_who_is_in_them(
    all_given: list[Given], at: datetime, who: PrincipalId, where: ProjectId
) -> None:
    whole = with_grants(SAID, all_given, at)
    direct = spelt_out(all_given, at)
    flat = RoleGraph([RoleLink(*one) for one in direct], ())
    graph = RoleGraph(whole.links, whole.groups)
    assert graph.held(who, (), where) - set(GROUPS) == flat.held(who, (), where)
    assert graph.conflict(who, ()) == flat.conflict(who, ())
    told = {(who, way.role, way.project) for way in ways(who, all_given, at)}
    assert told == {one for one in direct if one[0] == who}


@given(all_given=st.lists(grants | memberships, max_size=12))
def test_duties_are_separate_over_grants_and_groups_together(all_given: list[Given]) -> None:
    standing = [one for one in all_given if one.revoked_at is None]
    graph = RoleGraph([RoleLink(*one) for one in spelt_out(standing, NOW + timedelta(days=9))], ())
    is_split = any(graph.conflict(who, ()) for who in PEOPLE)
    group_alone = any(
        RoleGraph([one.link for one in standing if one.member == group], ()).conflicts() for group in GROUPS
    )
    if is_split or group_alone:
        with pytest.raises(Malformed, match="nobody may together"):
            decided(SAID, all_given)
    else:
        assert decided(SAID, all_given) == with_grants(SAID, all_given).digest()


def test_a_group_in_which_nobody_is_and_that_holds_nothing_changes_no_digest() -> None:
    over = NOW + timedelta(hours=1)
    back = [a_grant(GROUPS[0], revoked_at=over), a_member("prn-1", revoked_at=over)]
    assert decided(SAID, back) == SAID.digest()
    assert with_grants(SAID, [a_member("prn-1")]).groups == (GROUPS[0],)
    assert with_grants(SAID, [a_grant(GROUPS[1])]).groups == (GROUPS[1],)


@pytest.mark.parametrize(
    ("grant_by", "granted", "member_by", "admitted", "is_fresh"),
    [
        (0, 0, 1, 0, True),  # the role from the author
        (1, 0, 0, 0, True),  # the membership from the author
        (1, 0, 1, 0, False),
        (0, 25, 0, 24, False),
        (0, 25, 0, 23, True),
    ],
)
def test_a_role_in_a_group_is_fresh_where_either_step_came_from_the_author_within_a_day(
    grant_by: int, granted: int, member_by: int, admitted: int, is_fresh: bool
) -> None:
    at = NOW + timedelta(hours=25)
    grant = a_grant(GROUPS[0], by=grant_by, granted_at=at - timedelta(hours=granted))
    member = a_member("prn-2", by=member_by, granted_at=at - timedelta(hours=admitted))
    (way,) = ways(PEOPLE[2], [grant, member])
    assert way.is_fresh(PEOPLE[0], at) == is_fresh


@given(age=hours, by=people, member=people)
def test_a_role_is_fresh_for_a_day_for_whom_the_author_gave_it(
    age: timedelta, by: PrincipalId, member: PrincipalId
) -> None:
    found = ways(PEOPLE[1], [a_grant(member, by=PEOPLE.index(by))])
    fresh = [way for way in found if way.is_fresh(PEOPLE[0], NOW + age)]
    assert bool(fresh) == ((by, member) == (PEOPLE[0], PEOPLE[1]) and age < FRESH)


def test_a_name_may_be_anything_that_is_there_and_not_too_long() -> None:
    for name in ("Nachtdienst", '=HYPERLINK("x")\n<b>', "x" * 255, "'; DROP TABLE groups; --"):
        assert group_name(name) == name
    for name in ("", "x" * 256, "a\0b"):
        with pytest.raises(Malformed):
            group_name(name)
