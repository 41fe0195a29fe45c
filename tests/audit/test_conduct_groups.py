"""Groups as the auditor sees them: filled with others, given roles by others, and what a vote in one is worth."""

from datetime import UTC, datetime
from typing import Any

import pytest
from tests.audit.house_log import GOOD, Line, Log, digest, key, written
from tests.audit.test_conduct_agreed import BY_BOB, BY_PIA, agreed

from tunewarden_audit.conduct import conduct
from tunewarden_audit.recipe import Grade

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ALL = digest("all")


def line(kind: str, actor: str = "prn-ada", group: str = "grp-1", **fact: Any) -> Line:
    return actor, kind, {"group": group, **fact}


def created(**changes: str) -> Line:
    return line("GroupCreated", **changes)


def member(kind: str = "MemberAdded", who: str = "prn-rea", **changes: str) -> Line:
    return line(kind, principal=who, decides=ALL, **changes)


def role(kind: str = "GroupRoleGranted", **changes: str) -> Line:
    return line(kind, **{"role": "steward", "project": "*", "decides": ALL, **changes})


def deleted(members: int = 1, roles: int = 1) -> Line:
    return line("GroupDeleted", members=members, roles=roles, decides=ALL)


PEOPLE: Log = [key("prn-ada", "administrator"), key("prn-rea", "reviewer"), *GOOD]
LIFE: Log = [
    *PEOPLE,
    created(),
    member(),
    role(),
    line("GroupRenamed"),
    role("GroupRoleRevoked"),
    member("MemberRemoved"),
    member(),
    role(),
    role(role="reviewer"),
    deleted(1, 2),
    created(group="grp-2"),
]


def blamed(log: Log) -> dict[str, Grade]:
    report = conduct(written(log), now=NOW)
    return {check.name: check.grade for check in report.checks if check.grade is not Grade.CONSISTENT}


def test_a_group_that_others_filled_and_gave_roles_to_is_consistent() -> None:
    assert blamed(LIFE) == {}


BROKEN: dict[str, tuple[str, Log]] = {
    "made twice": ("groups", [*PEOPLE, created(), created()]),
    "made again after its end": ("groups", [*PEOPLE, created(), deleted(0, 0), created()]),
    "changed after its end": ("groups", [*PEOPLE, created(), deleted(0, 0), member()]),
    "that nobody made": ("groups", [*PEOPLE, member()]),
    "renamed that nobody made": ("groups", [*PEOPLE, line("GroupRenamed")]),
    "ended with other members": ("groups", [*PEOPLE, created(), member(), role(), deleted(0, 1)]),
    "ended with other roles": ("groups", [*PEOPLE, created(), member(), role(), deleted(1, 0)]),
    "oneself in it": ("groups", [*PEOPLE, created(), member(who="prn-ada")]),
    "nobody in it": ("groups", [*PEOPLE, created(), member(who="prn-nobody")]),
    "somebody twice in it": ("groups", [*PEOPLE, created(), member(), member()]),
    "somebody out who was not in": ("groups", [*PEOPLE, created(), member("MemberRemoved")]),
    "a role for one's own": ("groups", [*PEOPLE, created(), member(), role(actor="prn-rea")]),
    "a role twice": ("groups", [*PEOPLE, created(), role(), role()]),
    "a role back that it had not": ("groups", [*PEOPLE, created(), role("GroupRoleRevoked")]),
    "filled by the platform": ("principals", [*PEOPLE, created(), member(actor="operator")]),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_group_that_is_otherwise_is_found(what: str) -> None:
    rule, log = BROKEN[what]
    assert blamed(log) == {rule: Grade.BROKEN}


def test_where_earlier_entries_are_not_at_hand_nothing_is_held_against_a_group() -> None:
    report = conduct(written(LIFE)[len(PEOPLE) + 1 :], now=NOW)
    grades = {check.name: check.grade for check in report.checks}
    assert grades["groups"] is Grade.INCOMPLETE


@pytest.mark.parametrize("kind", ["GroupDeleted", "MemberAdded", "MemberRemoved", "GroupRoleGranted", "GroupRenamed"])
def test_an_entry_without_its_members_is_not_of_this_form(kind: str) -> None:
    assert blamed([*PEOPLE, ("operator", kind, {})])["vocabulary"] is Grade.BROKEN


def voted(*how: Line) -> Log:
    """The good log in which pia, who is privacy officer in a group alone, endorses what ann asked for."""
    log = agreed(BY_BOB, BY_PIA, pia=key("prn-pia", "reviewer"))
    at = next(position for position, line in enumerate(log) if line[1] == "RequestApproved")
    return [*log[:1], key("prn-ada", "administrator"), *log[1:at], *how, *log[at:]]


OFFICERS = {"role": "privacy-officer"}
HOW: dict[str, tuple[Log, bool]] = {
    "by others": ([created(), role(**OFFICERS), member(who="prn-pia")], True),
    "filled by who asked": ([created(), role(**OFFICERS), member(who="prn-pia", actor="prn-ann")], False),
    "given the role by who asked": (
        [created(), member(who="prn-pia"), role(actor="prn-ann", **OFFICERS)],
        False,
    ),
    "filled by who asked, then given the role by another": (
        [created(), member(who="prn-pia", actor="prn-ann"), role(**OFFICERS)],
        False,
    ),
    "out of it again": (
        [created(), role(**OFFICERS), member(who="prn-pia"), member("MemberRemoved", who="prn-pia")],
        False,
    ),
    "ended": ([created(), role(**OFFICERS), member(who="prn-pia"), deleted()], False),
}


@pytest.mark.parametrize("how", HOW)
def test_a_vote_in_a_role_of_a_group_counts_where_others_gave_it_and_it_lasts(how: str) -> None:
    lines, is_good = HOW[how]
    assert (blamed(voted(*lines)) == {}) == is_good
