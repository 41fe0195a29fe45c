"""What the log has told of groups: which there are, who is in them, and which roles they hold."""

from __future__ import annotations

from dataclasses import dataclass, field

from tunewarden_audit.conduct.agreed import Agreed, Given
from tunewarden_audit.conduct.facts import Fact

KINDS = frozenset(
    {
        "GroupCreated",
        "GroupRenamed",
        "GroupDeleted",
        "MemberAdded",
        "MemberRemoved",
        "GroupRoleGranted",
        "GroupRoleRevoked",
    }
)
"""Types of entries about groups."""


@dataclass(slots=True)
class Group:
    """One group that is.

    Attributes:
        members: principal -> who put them in, and when.
        roles: (role, project) -> who granted it, and when.
    """

    members: dict[str, Given] = field(default_factory=dict)
    roles: dict[tuple[str, str], Given] = field(default_factory=dict)


@dataclass(slots=True)
class Groups:
    """By id; one that was deleted is in `ended`."""

    standing: dict[str, Group] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)

    def add(self, fact: Fact, agreed: Agreed) -> None:
        """An entry about a group was judged: from here on it is so, and whoever is in it holds what it holds."""
        name = fact["group"]
        group = self.standing.setdefault(name, Group())
        given = Given(fact.actor, fact.at)
        before = _held(name, group)
        match fact.kind:
            case "GroupDeleted":
                self.ended.add(name)
                del self.standing[name]
                group = Group()
            case "MemberAdded":
                group.members.setdefault(fact["principal"], given)
            case "MemberRemoved":
                group.members.pop(fact["principal"], None)
            case "GroupRoleGranted":
                group.roles.setdefault((fact["role"], fact["project"]), given)
            case "GroupRoleRevoked":
                group.roles.pop((fact["role"], fact["project"]), None)
        after = _held(name, group)
        for member, role, source in before.keys() - after.keys():
            agreed.take(member, role, source)
        for (member, role, source), came in after.items():
            agreed.give(member, role, source, came)


def _held(name: str, group: Group) -> dict[tuple[str, str, str], Given]:
    """Who holds which role in a group, and how they came to."""
    return {
        (member, role, f"{name}/{project}"): Given(admitted.by, admitted.at, (granted,))
        for member, admitted in group.members.items()
        for (role, project), granted in group.roles.items()
    }
