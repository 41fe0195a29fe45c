"""What the log has told of who agreed to a plan, and for what purpose it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tunewarden_audit.conduct.facts import Fact

FRESH = timedelta(hours=24)
"""For so long a role does not count where it would help whoever gave it."""
APPROVER = "approver"
"""In which role an approval is that does not say it."""


KEYS = "keys"
"""Where roles come from that somebody has by their keys or tokens; others are named "project" or "group/project"."""
EVERYWHERE = "*"
"""Given in every project."""


@dataclass(frozen=True, slots=True)
class Given:
    """Who gave somebody a role, and when. In a group it takes two: that they are in it, and that it has the role."""

    by: str
    at: datetime
    besides: tuple[Given, ...] = ()

    def is_fresh(self, by: str, at: datetime) -> bool:
        """Whether any of it came from `by`, less than a day before `at`."""
        return any(one.by == by and at - one.at < FRESH for one in (self, *self.besides))


@dataclass(frozen=True, slots=True)
class Quorum:
    """The rule that votes count by: its digest, and what it asks of data of each sensitivity (persons, roles)."""

    digest: str
    needed: Mapping[str, tuple[int, int]]


@dataclass(slots=True)
class Agreed:
    """Votes and purposes by request, as far as the log has told.

    Attributes:
        purposes: what each request is for.
        votes: of each request: who voted -> the role, and whether they approved.
        quorum: the rule in force; None before the log told of one.
        sensitivities: of datasets; "" where the entry does not say it.
        given: (principal, role) -> how they got it, by where it comes from; empty once all of it was taken back.
        by_keys: the roles of each principal's keys, or of the newest token.
        revoked: principals whose keys were all revoked.
        is_linked: whether a version of the access policy came into force that may give people roles; no entry says
            whom it gives which.
        is_signed_for: whether a promotion was approved for a number of groups that nobody can say anything about.
    """

    purposes: dict[str, str] = field(default_factory=dict)
    votes: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    quorum: Quorum | None = None
    sensitivities: dict[str, str] = field(default_factory=dict)
    given: dict[tuple[str, str], dict[str, Given]] = field(default_factory=dict)
    by_keys: dict[str, set[str]] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    is_linked: bool = False
    is_signed_for: bool = False

    def add(self, fact: Fact) -> None:
        """An entry that does not vote was judged: from here on it is so."""
        match fact.kind:
            case "DatasetRegistered":
                self.sensitivities[fact["dataset"]] = str(fact.members.get("sensitivity", ""))
            case "RequestSubmitted":
                self.purposes[fact["request"]] = fact["purpose"]
            case "QuorumInForce":
                self.quorum = quorum_of(fact)
            case "VoteLapsed":
                self.votes.get(fact["request"], {}).pop(fact["principal"], None)
            case "KeyCreated" | "PrincipalIdentified":
                self._has_by_keys(fact)
            case "KeyRevoked":
                self.revoked.add(fact["principal"])
            case "PolicyActivated":
                self.is_linked = True
            case "RoleGranted":
                self.give(fact["principal"], fact["role"], fact["project"], Given(fact.actor, fact.at))
            case "RoleRevoked":
                self.take(fact["principal"], fact["role"], fact["project"])

    def give(self, principal: str, role: str, source: str, given: Given) -> None:
        """Somebody has a role from here on, from this source. Having it already changes nothing."""
        self.given.setdefault((principal, role), {}).setdefault(source, given)

    def take(self, principal: str, role: str, source: str) -> None:
        """They have it no more from this source."""
        self.given.get((principal, role), {}).pop(source, None)

    def vote(self, fact: Fact, asked_by: str, project: str | None) -> bool:
        """A vote on what is in `project` was judged: it is given. Whether as many agreed as have to, and still may."""
        votes = self.votes.setdefault(fact["request"], {})
        for who in [who for who, (role, _) in votes.items() if self.was_taken(who, role, project)]:
            del votes[who]
        if fact.actor != asked_by:
            votes.setdefault(fact.actor, (role_of(fact), fact.kind == "RequestApproved"))
        persons, roles = needed(fact)
        return (
            len(votes) >= persons
            and len({role for role, _ in votes.values()}) >= roles
            and any(approved for _, approved in votes.values())
        )

    def was_taken(self, principal: str, role: str, project: str | None = None) -> bool:
        """Whether somebody is revoked, or was given a role and has it from nowhere any more that counts in `project`.

        Not the latter where the policy may give it to them (`may_be_linked`).
        """
        return principal in self.revoked or (self._is_gone(principal, role, project) and not self.is_linked)

    def may_be_linked(self, principal: str, role: str, project: str | None = None) -> bool:
        """Whether somebody has a role from nowhere but, if at all, from a version of the policy."""
        return self._is_gone(principal, role, project) and self.is_linked and principal not in self.revoked

    def is_fresh(self, principal: str, role: str, by: str, at: datetime, project: str | None = None) -> bool:
        """Whether all that somebody has a role from in `project` came, in part at least, from `by` within the day."""
        sources = self._counting(principal, role, project)
        return bool(sources) and all(given.is_fresh(by, at) for given in sources)

    def _is_gone(self, principal: str, role: str, project: str | None) -> bool:
        return (principal, role) in self.given and not self._counting(principal, role, project)

    def _counting(self, principal: str, role: str, project: str | None) -> list[Given]:
        """How somebody has a role in a project: by keys, or given there or everywhere. All ways where it is None."""
        sources = self.given.get((principal, role), {})
        here = {KEYS, EVERYWHERE, project}
        return [given for source, given in sources.items() if project is None or source.rpartition("/")[2] in here]

    def _has_by_keys(self, fact: Fact) -> None:
        """The roles of somebody's keys, or of their newest token, are these and no others."""
        now = {role for role in fact["roles"] if isinstance(role, str)}
        for role in self.by_keys.get(fact["principal"], set()) - now:
            self.take(fact["principal"], role, KEYS)
        self.by_keys[fact["principal"]] = now
        for role in now:
            self.give(fact["principal"], role, KEYS, Given(fact.actor, fact.at))


def quorum_of(fact: Fact) -> Quorum | None:
    """The rule that an entry tells of; None where it is not one, or another one than its digest says."""
    found: dict[str, tuple[int, int]] = {}
    for sensitivity, asked in fact["needed"].items():
        persons, roles = (asked.get("persons"), asked.get("roles")) if isinstance(asked, dict) else (None, None)
        if not (type(persons) is int and type(roles) is int and 1 <= roles <= persons):
            return None
        found[sensitivity] = persons, roles
    return Quorum(fact["quorum"], found) if found and fact.digest_of("needed") == fact["quorum"] else None


def role_of(fact: Fact) -> str:
    """In which role a vote is given."""
    return str(fact.members.get("role") or APPROVER)


def needed(fact: Fact) -> tuple[int, int]:
    """How many persons, in how many roles, a vote says have to agree."""
    return fact.members.get("persons", 1), fact.members.get("roles", 1)
