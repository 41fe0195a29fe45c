"""The doors to the stored access policy: its versions, the grants and groups beside it, and what is decided by.

`work.py` has them as parts of views and units of work. Own tables with a column for each field; no text is parsed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tunewarden.domain.access import PolicySet
from tunewarden.domain.errors import NotFound
from tunewarden.domain.groups import Group, Membership
from tunewarden.domain.names import Digest, GroupId, PolicyId, PrincipalId
from tunewarden.domain.policies import Given, Grant, PolicyVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What is decided by.

    Attributes:
        policy: the version in force.
        changes: how often version, grants or groups changed; never twice the same.
        decides: digest of the version's rules, links and groups together with all grants and memberships.
    """

    policy: PolicyId
    changes: int
    decides: Digest


class PolicyShelf(Protocol):
    """The stored access policy, for reading."""

    def head(self) -> Head | None:
        """None before the first version. Cheap: it is asked for every second, by every process."""

    def versions(self) -> Sequence[PolicyVersion]:
        """All of them, oldest first."""

    def get(self, key: PolicyId) -> PolicyVersion:
        """Raise `NotFound` where there is none."""

    def said(self, key: PolicyId) -> PolicySet:
        """What a version says, in the order in which it was given, without grants; not checked."""

    def grants(self) -> Sequence[Grant]:
        """All that there ever were, oldest first."""

    def grants_of(self, member: PrincipalId) -> Sequence[Grant]:
        """Those of one principal, or of one group."""

    def group(self, key: GroupId) -> Group:
        """One that was deleted too. Raises `NotFound` where there never was one."""

    def groups(self) -> Sequence[Group]:
        """All that there ever were, oldest first."""

    def memberships(self) -> Sequence[Membership]:
        """All that there ever were, oldest first."""

    def memberships_of(self, member: PrincipalId) -> Sequence[Membership]:
        """Those of one principal."""

    def given(self) -> Sequence[Given]:
        """All grants and all memberships."""


class PolicyStore(PolicyShelf, Protocol):
    """The same inside one unit of work. What a version says never changes."""

    def add(self, version: PolicyVersion, said: PolicySet) -> None:
        """A new version. Raises `Corrupted` for one that is there."""

    def put(self, version: PolicyVersion) -> None:
        """In place of what was known of it; what it says stays."""

    def grant(self, grant: Grant) -> None:
        """Add one, or, of one that was taken back, what is known of it now."""

    def put_group(self, group: Group) -> None:
        """Add it, or, of one that is there, what is known of it now."""

    def admit(self, membership: Membership) -> None:
        """Add one, or, of one that was taken back, what is known of it now."""

    def decide_by(self, policy: PolicyId, decides: Digest) -> None:
        """From the commit on, this is what is decided by."""


def missing() -> NotFound:
    """What `get` and `said` raise."""
    return NotFound("policy_not_found", "There is no such policy for you.")
