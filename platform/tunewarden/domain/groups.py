"""Groups of principals that roles are granted to: who is in one holds what it holds.

They stand beside the version of the access policy that is in force, as grants do, and stay when another one comes into
force. Groups that a version itself names are others: deny rules can be about those, and only a proposal changes them.
"""

from dataclasses import dataclass
from datetime import datetime

from tunewarden.domain.access import RoleLink
from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.domain.names import GroupId, PrincipalId

_PREFIX = "grp-"
_LONGEST_NAME = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A group, without who is in it. `name` is for screens only, never logged."""

    id: GroupId
    name: str
    created_by: PrincipalId
    created_at: datetime
    deleted_by: PrincipalId | None = None
    deleted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """Somebody is in a group, wherever the group holds a role; given and taken back as a `policies.Grant` is."""

    member: PrincipalId
    group: GroupId
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
        return RoleLink(self.member, self.group)


def is_group(member: str) -> bool:
    """Whether who holds a role is such a group. No principal has such an id, and no group that a version names."""
    return member.startswith(_PREFIX)


def group_name(text: str) -> str:
    """Return `text` as the name of a group, whatever is in it; raise `Malformed` for none, and for one too long."""
    if not 0 < len(text) <= _LONGEST_NAME or "\0" in text:
        raise Malformed("group_name_malformed", f"A group's name has 1 to {_LONGEST_NAME} characters.", param="name")
    return text


def missing_group() -> NotFound:
    """What is raised for a group that is not there, or no longer."""
    return NotFound("group_not_found", "There is no such group for you.")
