"""The stored access policy in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tunewarden.domain.access import PolicySet
from tunewarden.domain.errors import Corrupted
from tunewarden.domain.groups import Group, Membership, missing_group
from tunewarden.domain.names import Digest, GroupId, PolicyId, PrincipalId
from tunewarden.domain.policies import Given, Grant, PolicyVersion
from tunewarden.usecases.policy_doors import Head, missing


@dataclass(slots=True)
class MemoryPolicies:
    """`usecases.policy_doors.PolicyStore`; a unit of work changes a copy."""

    _versions: dict[PolicyId, tuple[PolicyVersion, PolicySet]] = field(default_factory=dict)
    _grants: list[Grant] = field(default_factory=list)
    _head: Head | None = None
    _groups: dict[GroupId, Group] = field(default_factory=dict)
    _memberships: list[Membership] = field(default_factory=list)

    def copy(self) -> "MemoryPolicies":
        """The same, to be changed apart."""
        return MemoryPolicies(
            dict(self._versions), list(self._grants), self._head, dict(self._groups), list(self._memberships)
        )

    def head(self) -> Head | None:
        return self._head

    def versions(self) -> Sequence[PolicyVersion]:
        return [version for version, _ in self._versions.values()]

    def get(self, key: PolicyId) -> PolicyVersion:
        return self._found(key)[0]

    def said(self, key: PolicyId) -> PolicySet:
        return self._found(key)[1]

    def grants(self) -> Sequence[Grant]:
        return list(self._grants)

    def grants_of(self, member: PrincipalId) -> Sequence[Grant]:
        return [grant for grant in self._grants if grant.member == member]

    def group(self, key: GroupId) -> Group:
        if key not in self._groups:
            raise missing_group()
        return self._groups[key]

    def groups(self) -> Sequence[Group]:
        return list(self._groups.values())

    def memberships(self) -> Sequence[Membership]:
        return list(self._memberships)

    def memberships_of(self, member: PrincipalId) -> Sequence[Membership]:
        return [one for one in self._memberships if one.member == member]

    def given(self) -> Sequence[Given]:
        return [*self._grants, *self._memberships]

    def add(self, version: PolicyVersion, said: PolicySet) -> None:
        if version.id in self._versions:
            raise Corrupted("database_inconsistent", "A version of the access policy was to be stored twice.")
        self._versions[version.id] = version, said

    def put(self, version: PolicyVersion) -> None:
        self._versions[version.id] = version, self.said(version.id)

    def grant(self, grant: Grant) -> None:
        given = replace(grant, revoked_by=None, revoked_at=None)
        if given in self._grants and grant.revoked_at is not None:
            self._grants[self._grants.index(given)] = grant
        else:
            self._grants.append(grant)

    def put_group(self, group: Group) -> None:
        self._groups[group.id] = group

    def admit(self, membership: Membership) -> None:
        given = replace(membership, revoked_by=None, revoked_at=None)
        if given in self._memberships and membership.revoked_at is not None:
            self._memberships[self._memberships.index(given)] = membership
        else:
            self._memberships.append(membership)

    def decide_by(self, policy: PolicyId, decides: Digest) -> None:
        changes = 1 if self._head is None else self._head.changes + 1
        self._head = Head(policy=policy, changes=changes, decides=decides)

    def _found(self, key: PolicyId) -> tuple[PolicyVersion, PolicySet]:
        if key not in self._versions:
            raise missing()
        return self._versions[key]
