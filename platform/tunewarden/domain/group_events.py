"""Facts about groups of principals: a part of the closed set of `events.py`, under the same law.

None holds a group's name. `decides` is the digest of policy, grants and memberships together from that entry on.
"""

from dataclasses import dataclass

from tunewarden.domain.names import Digest, GroupId, PrincipalId, ProjectId, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupCreated:
    """There is a group, in which nobody is and which holds no role."""

    group: GroupId


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRenamed:
    """A group is called otherwise from here on."""

    group: GroupId


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDeleted:
    """A group is no more: its `members` are in it no longer, and its `roles` were taken back, so many of each."""

    group: GroupId
    members: int
    roles: int
    decides: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberAdded:
    """A principal is in a group, and holds what it holds."""

    group: GroupId
    principal: PrincipalId
    decides: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRemoved:
    """A principal is no longer in a group."""

    group: GroupId
    principal: PrincipalId
    decides: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRoleGranted:
    """A group, and so everybody in it, got a role, in one project or in "*"."""

    group: GroupId
    role: Role
    project: ProjectId
    decides: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRoleRevoked:
    """A role of a group was taken back."""

    group: GroupId
    role: Role
    project: ProjectId
    decides: Digest


GroupEvent = (
    GroupCreated | GroupRenamed | GroupDeleted | MemberAdded | MemberRemoved | GroupRoleGranted | GroupRoleRevoked
)
