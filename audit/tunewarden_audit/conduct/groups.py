"""Rules about groups: who gives a role to a group, or puts somebody into one, gains nothing by it."""

from __future__ import annotations

from collections.abc import Iterator

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.findings import Finding, Findings, Rule, absent, broken
from tunewarden_audit.conduct.grouped import KINDS, Group
from tunewarden_audit.conduct.told import Told


def _groups(fact: Fact, told: Told) -> Findings:
    """A group is made once and ended once; others are put into it, and roles are given to it by who is not in it."""
    groups = told.policies.groups
    name = fact["group"]
    if fact.kind == "GroupCreated":
        if name in groups.standing or name in groups.ended:
            yield broken(fact, "a group is made a second time")
        return
    if name in groups.ended:
        yield broken(fact, "a group is changed after it was deleted")
        return
    group = groups.standing.get(name)
    if group is None:
        yield absent(fact, told, "a group is changed that nobody made")
        return
    match fact.kind:
        case "MemberAdded" | "MemberRemoved":
            yield from _member(fact, told, group)
        case "GroupRoleGranted" | "GroupRoleRevoked":
            yield from _role(fact, told, group)
        case "GroupDeleted":
            if (fact["members"], fact["roles"]) != (len(group.members), len(group.roles)):
                yield absent(fact, told, "a group is deleted with other members or roles than it had")


def _member(fact: Fact, told: Told, group: Group) -> Iterator[Finding]:
    is_in = fact["principal"] in group.members
    if fact.kind == "MemberRemoved":
        if not is_in:
            yield absent(fact, told, "somebody is taken out of a group who was not in it")
        return
    if fact.actor == fact["principal"]:
        yield broken(fact, "somebody puts themselves into a group")
    if fact["principal"] not in told.principals:
        yield absent(fact, told, "somebody is put into a group who was never given a key")
    if is_in:
        yield broken(fact, "somebody is put into a group who is in it")


def _role(fact: Fact, told: Told, group: Group) -> Iterator[Finding]:
    is_held = (fact["role"], fact["project"]) in group.roles
    if fact.kind == "GroupRoleRevoked":
        if not is_held:
            yield absent(fact, told, "a role is taken back that the group was not granted")
        return
    if fact.actor in group.members:
        yield broken(fact, "somebody grants a role to a group that they are in")
    if is_held:
        yield broken(fact, "a role is granted that the group has")


RULES = (
    Rule(
        "groups",
        "groups are filled with others, and hold roles that others gave them",
        KINDS,
        _groups,
    ),
)
