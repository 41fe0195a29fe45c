"""Who holds what where: against a plain walk over the links, at any depth, and no one by the name of a role."""

from collections.abc import Sequence
from graphlib import CycleError

import pytest
from hypothesis import given, strategies as st

from tunewarden.domain.access import ANYONE, EVERY, RoleLink
from tunewarden.domain.access_roles import RoleGraph
from tunewarden.domain.names import Role

GROUPS = ("g1", "g2", "g3")
NAMES = ["prn-1", "prn-2", "g1", "g2", "g3", "steward", "reviewer"]
LINKS = st.builds(
    RoleLink,
    st.sampled_from(NAMES),
    st.sampled_from(["g1", "g2", "g3", "steward", "requester", "approver"]),
    st.sampled_from(["*", "p1", "p2"]),
)


def walked(links: Sequence[RoleLink], start: set[str], project: str) -> set[str]:
    """Until nothing is added any more."""
    reached = set(start)
    while True:
        more = {role for member, role, where in links if member in reached and where in {EVERY, project}} - reached
        if not more:
            return reached
        reached |= more


@given(st.lists(LINKS, max_size=14), st.sampled_from(["*", "p1", "p2", "p3"]))
def test_what_is_held_is_what_a_walk_along_the_links_reaches(links: list[RoleLink], project: str) -> None:
    graph = RoleGraph(links, GROUPS)
    for member in ("prn-1", "prn-2"):
        for roles in (frozenset(), frozenset({Role.STEWARD})):
            want = walked(links, {member, *roles}, project) - {member} | {ANYONE}
            assert graph.held(member, roles, project) == want


@given(st.lists(LINKS, max_size=14))
def test_nobody_holds_in_one_project_what_a_check_over_all_projects_would_have_refused(links: list[RoleLink]) -> None:
    graph = RoleGraph(links, GROUPS)
    try:
        conflicts = graph.conflicts()
    except CycleError:
        return
    for member in graph.people - conflicts.keys():
        assert not graph.conflict(member, ())
        held = graph.held(member, (), "p1") | graph.held(member, (), "p2")
        assert not {"requester", "approver"} <= held


@pytest.mark.parametrize("depth", [9, 10, 11, 12, 5_000])
def test_a_role_however_many_links_away_is_found(depth: int) -> None:
    links = [RoleLink("prn-1", "g0")]
    links += [RoleLink(f"g{number}", f"g{number + 1}", "p1") for number in range(depth)]
    links.append(RoleLink(f"g{depth}", "approver", "p1"))
    graph = RoleGraph(links, [f"g{number}" for number in range(depth + 1)])
    assert Role.APPROVER in graph.held("prn-1", (), "p1")
    assert Role.APPROVER not in graph.held("prn-1", (), "p2")
    assert graph.conflict("prn-1", {Role.REQUESTER}) == {Role.REQUESTER, Role.APPROVER}
    assert graph.conflicts() == {}


def test_a_principal_that_is_called_as_a_role_or_group_is_does_not_get_what_that_takes_in() -> None:
    graph = RoleGraph(
        [RoleLink("steward", "requester"), RoleLink("team", "steward"), RoleLink("prn-1", "team")], ["team"]
    )
    assert graph.held("steward", (), "*") == {ANYONE}
    assert graph.held("team", (), "*") == {ANYONE}
    assert graph.held("prn-1", (), "*") == {ANYONE, "team", "steward", "requester"}
    assert graph.held(None, {Role.STEWARD}, "*") == {ANYONE, "steward", "requester"}


def test_asking_about_names_that_nobody_knows_leaves_nothing_behind() -> None:
    graph = RoleGraph([RoleLink("prn-1", "steward", "p1")], [])
    for number in range(300):
        assert graph.held(f"x{number}", (), f"t{number}") == {ANYONE}
    assert (graph.people, graph.projects, graph.groups) == ({"prn-1"}, {"p1"}, frozenset())
    assert len(graph._links_of) == 1
