"""What the log has told of who agreed to a plan, and for what purpose it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tunewarden_audit.conduct.facts import Fact

FRESH = timedelta(hours=24)
"""For so long a role does not count where it would help whoever gave it."""
APPROVER = "approver"
"""In which role an approval is that does not say it."""


@dataclass(frozen=True, slots=True)
class Given:
    """Who gave somebody a role, and when."""

    by: str
    at: datetime


@dataclass(slots=True)
class Agreed:
    """Votes and purposes by request, as far as the log has told.

    Attributes:
        purposes: what each request is for.
        votes: of each request: who voted -> the role, and whether they approved.
        asked: (digest of the rule, sensitivity) -> how many persons and roles it asks for.
        sensitivities: of datasets; "" where the entry does not say it.
        given: (principal, role) -> how they got it first; taken back with the grant.
    """

    purposes: dict[str, str] = field(default_factory=dict)
    votes: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    asked: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    sensitivities: dict[str, str] = field(default_factory=dict)
    given: dict[tuple[str, str], Given] = field(default_factory=dict)

    def add(self, fact: Fact) -> None:
        """An entry that does not vote was judged: from here on it is so."""
        match fact.kind:
            case "DatasetRegistered":
                self.sensitivities[fact["dataset"]] = str(fact.members.get("sensitivity", ""))
            case "RequestSubmitted":
                self.purposes[fact["request"]] = fact["purpose"]
            case "KeyCreated" | "PrincipalIdentified":
                for role in (role for role in fact["roles"] if isinstance(role, str)):
                    self.given.setdefault((fact["principal"], role), Given(fact.actor, fact.at))
            case "RoleGranted":
                self.given.setdefault((fact["principal"], fact["role"]), Given(fact.actor, fact.at))
            case "RoleRevoked":
                self.given.pop((fact["principal"], fact["role"]), None)

    def vote(self, fact: Fact, dataset: str, asked_by: str) -> bool:
        """A vote was judged: from here on it is given. Whether as many have agreed as have to."""
        votes = self.votes.setdefault(fact["request"], {})
        if fact.actor != asked_by:
            votes.setdefault(fact.actor, (role_of(fact), fact.kind == "RequestApproved"))
        persons, roles = needed(fact)
        self.asked.setdefault(self.rule(fact, dataset), (persons, roles))
        return (
            len(votes) >= persons
            and len({role for role, _ in votes.values()}) >= roles
            and any(approved for _, approved in votes.values())
        )

    def rule(self, fact: Fact, dataset: str) -> tuple[str, str]:
        """What says how many have to agree: a rule by its digest, for the sensitivity of a dataset."""
        return str(fact.members.get("quorum")), self.sensitivities.get(dataset, "")

    def is_fresh(self, fact: Fact, asked_by: str) -> bool:
        """Whether the role that a vote is given in came from who asked, less than a day before."""
        given = self.given.get((fact.actor, role_of(fact)))
        return given is not None and given.by == asked_by and fact.at - given.at < FRESH


def role_of(fact: Fact) -> str:
    """In which role a vote is given."""
    return str(fact.members.get("role") or APPROVER)


def needed(fact: Fact) -> tuple[int, int]:
    """How many persons, in how many roles, a vote says have to agree."""
    return fact.members.get("persons", 1), fact.members.get("roles", 1)
