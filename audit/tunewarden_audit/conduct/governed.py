"""What the log has told of the access policy: its versions, and the roles that single principals were granted."""

from __future__ import annotations

from dataclasses import dataclass, field

from tunewarden_audit.conduct.facts import Fact
from tunewarden_audit.conduct.grouped import Groups

KINDS = frozenset({"PolicyInstalled", "PolicyProposed", "PolicyActivated", "RoleGranted", "RoleRevoked"})
"""Types of entries about versions and grants."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A version that somebody wanted in force."""

    by: str
    digest: str
    base: str
    report: str


@dataclass(slots=True)
class Policies:
    """Versions of the access policy, as far as the log has told.

    Attributes:
        proposed: by version.
        said: version that is or was in force -> its digest.
        in_force: None before the first.
        granted: (principal, role, project) of grants that were not taken back -> index.
    """

    proposed: dict[str, Proposal] = field(default_factory=dict)
    said: dict[str, str] = field(default_factory=dict)
    in_force: str | None = None
    granted: dict[tuple[str, str, str], int] = field(default_factory=dict)
    groups: Groups = field(default_factory=Groups)

    def add(self, fact: Fact) -> None:
        """An entry about the policy was judged: from here on it is so."""
        match fact.kind:
            case "PolicyProposed":
                self.proposed[fact["policy"]] = Proposal(fact.actor, fact["digest"], fact["base"], fact["report"])
            case "PolicyInstalled" | "PolicyActivated":
                self.in_force = fact["policy"]
                self.said[fact["policy"]] = fact["digest"]
            case "RoleGranted":
                self.granted[fact["principal"], fact["role"], fact["project"]] = fact.index
            case "RoleRevoked":
                self.granted.pop((fact["principal"], fact["role"], fact["project"]), None)
