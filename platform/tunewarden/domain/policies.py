"""Versions of the access policy, one of which is in force, and roles that were granted to one principal.

A version is proposed by one person and put in force by another. It says nothing about single principals unless it links
them to a group; roles of single principals are granted beside it and stay when another version comes into force.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from tunewarden.domain.access import HARD_DENIES, PolicySet, RoleLink
from tunewarden.domain.access_compile import compiled
from tunewarden.domain.errors import Conflict, IllegalTransition, PlanMismatch, Refused
from tunewarden.domain.groups import Membership, is_group
from tunewarden.domain.names import Digest, PolicyId, PrincipalId, ProjectId, Role

FRESH = timedelta(hours=24)
"""For so long a role does not count where it would help whoever granted it."""


class PolicyState(StrEnum):
    """How far a version has come. One that lapsed was never in force."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One version, without its rules.

    Attributes:
        digest: of its rules, links and groups (`PolicySet.digest`); what is proposed is what is put in force.
        base: the version that it was compared with; None for the first.
        restores: the earlier version that it says again; None where it is a new one.
        report: digest of the document that says what it would change; None for the first.
    """

    id: PolicyId
    digest: Digest
    base: PolicyId | None
    proposed_by: PrincipalId
    proposed_at: datetime
    report: Digest | None
    restores: PolicyId | None = None
    state: PolicyState = PolicyState.PROPOSED
    activated_by: PrincipalId | None = None
    activated_at: datetime | None = None

    def activate(
        self, by: PrincipalId, digest: Digest, report: Digest, at: datetime, active: PolicyId | None
    ) -> "PolicyVersion":
        """In force, because somebody else than who proposed it, and who read this report, says so of this digest.

        Raises `IllegalTransition`, `Refused` for its own author, `PlanMismatch` for another digest or report, and
        `Conflict` where another version is in force than it was compared with.
        """
        if self.state is PolicyState.LAPSED or (self.state is PolicyState.PROPOSED and self.base != active):
            raise Conflict(
                "policy_lapsed",
                "Another version came into force since this one was proposed, so its report is about something else.",
                remedy="Propose it again.",
                who=Role.ADMINISTRATOR,
            )
        if self.state is not PolicyState.PROPOSED:
            raise IllegalTransition("policy_not_proposed", f"The version is {self.state}; only a proposed one can.")
        if by == self.proposed_by:
            raise Refused(
                "own_policy",
                "Who proposed a version cannot put it in force.",
                remedy="Ask somebody else.",
                who=Role.PRIVACY_OFFICER,
                rule="own-policy",
            )
        if (digest, report) != (self.digest, self.report):
            raise PlanMismatch(
                "policy_changed",
                "The digest of the version or of its report is another one than was named.",
                remedy="Read the version and its report again, and name their digests.",
                who=Role.PRIVACY_OFFICER,
            )
        return replace(self, state=PolicyState.ACTIVE, activated_by=by, activated_at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role that a principal was given, in one project or in `access.EVERY`, beside those of their keys.

    `member` may be the id of a group (`groups.is_group`): then everybody in it was given the role.
    """

    member: PrincipalId
    role: Role
    project: ProjectId
    granted_by: PrincipalId
    granted_at: datetime
    revoked_by: PrincipalId | None = None
    revoked_at: datetime | None = None

    def holds(self, at: datetime) -> bool:
        """Whether it was given by then and not taken back."""
        return self.granted_at <= at and (self.revoked_at is None or at < self.revoked_at)

    @property
    def link(self) -> RoleLink:
        """As the access policy has it."""
        return RoleLink(self.member, self.role, self.project)


Given = Grant | Membership
"""What stands beside a version of the policy."""


def with_grants(said: PolicySet, given: Iterable[Given], at: datetime | None = None) -> PolicySet:
    """What a version comes to with what holds at an instant; with what nobody took back if not said.

    A group is one of the set's where somebody is in it, or it holds a role; else nothing depends on it.
    """
    standing = [one for one in given if (one.revoked_at is None if at is None else one.holds(at))]
    groups = {one.group if isinstance(one, Membership) else one.member for one in standing if _is_of_group(one)}
    return replace(
        said,
        links=tuple(dict.fromkeys((*said.links, *(one.link for one in standing)))),
        groups=(*said.groups, *sorted(groups)),
    )


def _is_of_group(one: Given) -> bool:
    return isinstance(one, Membership) or is_group(one.member)


def with_hard_denies(said: PolicySet) -> PolicySet:
    """The same and every hard deny, also those that came after it was stored: a later release only ever denies more."""
    return replace(said, rules=(*said.rules, *sorted(HARD_DENIES.difference(said.rules))))


def decided(said: PolicySet, given: Iterable[Given]) -> Digest:
    """What a version comes to with what nobody took back. Raises `Malformed` where that has a fault."""
    whole = with_grants(said, given)
    compiled(with_hard_denies(whole))
    return whole.digest()
