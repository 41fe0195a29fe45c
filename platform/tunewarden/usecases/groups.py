"""Groups of principals that roles are granted to: made, filled, given roles, and ended by an administrator.

Whatever is done to a group is done to everybody in it: nobody gets a role in a group that they might not be granted
(`grants.py`), nobody puts themselves into one, and nobody gives a role to a group that they are in. Each change that
counts makes another version of what is decided by, and says its digest in the log. Roles that an identity provider
gives by its own groups (`drivers/oidc_groups.py`) are those of the principal, as the provider says them; they have
nothing to do with these groups, but for that duties are separate over both.
"""

from collections.abc import Sequence
from dataclasses import replace

from tunewarden.domain.errors import Conflict, NotFound
from tunewarden.domain.group_events import (
    GroupCreated,
    GroupDeleted,
    GroupRenamed,
    GroupRoleGranted,
    GroupRoleRevoked,
    MemberAdded,
    MemberRemoved,
)
from tunewarden.domain.groups import Group, Membership, group_name, missing_group
from tunewarden.domain.names import Action, GroupId, PrincipalId, ProjectId, Role
from tunewarden.domain.policies import Grant
from tunewarden.usecases.grants import decides_by, granted_in, require_grantable, require_known, require_new, take_back
from tunewarden.usecases.policies import engine
from tunewarden.usecases.policy_doors import PolicyShelf
from tunewarden.usecases.ports import Platform, Principal, Receipt, Resource
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded


def create(platform: Platform, principal: Principal, name: str) -> tuple[Group, Receipt]:
    """A group in which nobody is. Raises `Malformed` for a name that is none."""
    with refusals_recorded(platform, principal, Action.GRANT_ROLE, "grant"):
        made = Group(
            id=GroupId(platform.new_id("grp")),
            name=group_name(name),
            created_by=principal.id,
            created_at=platform.clock(),
        )
        permit(platform, principal, Action.GRANT_ROLE, _about(made.id))
        with platform.work(principal.id) as work:
            work.policies.put_group(made)
            work.record(GroupCreated(group=made.id))
            return made, work.commit()


def rename(platform: Platform, principal: Principal, identifier: GroupId, name: str) -> tuple[Group, Receipt]:
    """The same group under another name. Raises `NotFound`, and `Malformed` for a name that is none."""
    with refusals_recorded(platform, principal, Action.GRANT_ROLE, "grant", identifier):
        permit(platform, principal, Action.GRANT_ROLE, _about(identifier))
        with platform.work(principal.id) as work:
            renamed = replace(_standing(work.policies, identifier), name=group_name(name))
            work.policies.put_group(renamed)
            work.record(GroupRenamed(group=identifier))
            return renamed, work.commit()


def delete(platform: Platform, principal: Principal, identifier: GroupId) -> Receipt:
    """Everybody is out of it, its roles are taken back, and nobody finds it any more. Raises `NotFound`."""
    with refusals_recorded(platform, principal, Action.REVOKE_ROLE, "grant", identifier):
        permit(platform, principal, Action.REVOKE_ROLE, _about(identifier))
        behind, now = engine(platform), platform.clock()
        with platform.work(principal.id) as work:
            group = _standing(work.policies, identifier)
            work.policies.put_group(replace(group, deleted_by=principal.id, deleted_at=now))
            members, roles = _members(work.policies, identifier), _roles(work.policies, identifier)
            for member in members:
                work.policies.admit(replace(member, revoked_by=principal.id, revoked_at=now))
            for role in roles:
                work.policies.grant(replace(role, revoked_by=principal.id, revoked_at=now))
            decides = decides_by(work, ())
            work.record(GroupDeleted(group=identifier, members=len(members), roles=len(roles), decides=decides))
            receipt = work.commit()
        behind.refresh()
        return receipt


def add(
    platform: Platform, principal: Principal, identifier: GroupId, member: PrincipalId
) -> tuple[Membership, Receipt]:
    """Somebody else is in the group from now on, and holds what it holds.

    Raises `NotFound` for a group or a principal that is not there; `Refused` for oneself, a revoked principal, and
    where they would hold roles that one person may not hold together; `Conflict` for who is in it already.
    """
    with refusals_recorded(platform, principal, Action.GRANT_ROLE, "grant", member):
        behind, now = engine(platform), platform.clock()
        with platform.work(principal.id) as work:
            permit(platform, principal, Action.GRANT_ROLE, Resource(kind="grant", author=member))
            _standing(work.policies, identifier)
            holder = work.principals.get(member)
            require_grantable(holder)
            if any(one.member == member for one in _members(work.policies, identifier)):
                raise Conflict("member_already", "They are in that group already.")
            made = Membership(member=member, group=identifier, granted_by=principal.id, granted_at=now)
            work.policies.admit(made)
            decides = decides_by(work, [holder])
            work.record(MemberAdded(group=identifier, principal=member, decides=decides))
            receipt = work.commit()
        behind.refresh()
        return made, receipt


def remove(platform: Platform, principal: Principal, identifier: GroupId, member: PrincipalId) -> Receipt:
    """Somebody is no longer in the group. Raises `NotFound`."""
    with refusals_recorded(platform, principal, Action.REVOKE_ROLE, "grant", member):
        behind, now = engine(platform), platform.clock()
        with platform.work(principal.id) as work:
            permit(platform, principal, Action.REVOKE_ROLE, Resource(kind="grant", author=member))
            _standing(work.policies, identifier)
            found = [one for one in _members(work.policies, identifier) if one.member == member]
            if not found:
                raise NotFound("member_not_found", "There is no such member for you.")
            work.policies.admit(replace(found[0], revoked_by=principal.id, revoked_at=now))
            decides = decides_by(work, ())
            work.record(MemberRemoved(group=identifier, principal=member, decides=decides))
            receipt = work.commit()
        behind.refresh()
        return receipt


def grant(
    platform: Platform, principal: Principal, identifier: GroupId, role: Role, project: ProjectId
) -> tuple[Grant, Receipt]:
    """Everybody who is in the group, now or later, gets a role, in a project or in every one.

    Raises as `add` does, of everybody who is in it now, and `Refused` for who is in it themselves.
    """
    with refusals_recorded(platform, principal, Action.GRANT_ROLE, "grant", identifier):
        behind, now = engine(platform), platform.clock()
        with platform.work(principal.id) as work:
            _standing(work.policies, identifier)
            members = [one.member for one in _members(work.policies, identifier)]
            permit(platform, principal, Action.GRANT_ROLE, _about(identifier, principal.id, members))
            require_grantable(None, role, project)
            require_known(work, project)
            require_new(work, identifier, role, project)
            made = Grant(
                member=PrincipalId(identifier), role=role, project=project, granted_by=principal.id, granted_at=now
            )
            work.policies.grant(made)
            decides = decides_by(work, [work.principals.get(member) for member in members])
            work.record(GroupRoleGranted(group=identifier, role=role, project=project, decides=decides))
            receipt = work.commit()
        behind.refresh()
        return made, receipt


def revoke(
    platform: Platform, principal: Principal, identifier: GroupId, role: Role, project: ProjectId
) -> tuple[Grant, Receipt]:
    """A role of the group is taken back. Raises `NotFound`."""
    with refusals_recorded(platform, principal, Action.REVOKE_ROLE, "grant", identifier):
        behind, now = engine(platform), platform.clock()
        with platform.work(principal.id) as work:
            permit(platform, principal, Action.REVOKE_ROLE, _about(identifier))
            _standing(work.policies, identifier)
            back = take_back(work, identifier, role, project, principal.id, now)
            decides = decides_by(work, ())
            work.record(GroupRoleRevoked(group=identifier, role=role, project=project, decides=decides))
            receipt = work.commit()
        behind.refresh()
        return back, receipt


def revoke_all(platform: Platform, principal: Principal, identifier: GroupId, project: ProjectId) -> Receipt:
    """All roles of the group in one project are taken back. Raises `NotFound` where there are none."""
    with refusals_recorded(platform, principal, Action.REVOKE_ROLE, "grant", identifier):
        behind, now = engine(platform), platform.clock()
        with platform.work(principal.id) as work:
            permit(platform, principal, Action.REVOKE_ROLE, _about(identifier))
            _standing(work.policies, identifier)
            found = granted_in(work, identifier, project)
            if not found:
                raise NotFound("grant_not_found", "There is no such grant for you.")
            for one in found:
                take_back(work, identifier, one.role, project, principal.id, now)
                work.record(
                    GroupRoleRevoked(group=identifier, role=one.role, project=project, decides=decides_by(work, ()))
                )
            receipt = work.commit()
        behind.refresh()
        return receipt


def listed(platform: Platform, principal: Principal) -> Sequence[Group]:
    """Every group that there is, oldest first."""
    permit_to_see(platform, principal, Action.READ_POLICY, Resource(kind="policy"))
    with platform.view() as view:
        return [one for one in view.policies.groups() if one.deleted_at is None]


def get(
    platform: Platform, principal: Principal, identifier: GroupId
) -> tuple[Group, Sequence[Membership], Sequence[Grant]]:
    """A group, who is in it, and its roles, each oldest first. Raises `NotFound`."""
    permit_to_see(platform, principal, Action.READ_POLICY, Resource(kind="policy"))
    with platform.view() as view:
        group = _standing(view.policies, identifier)
        return group, _members(view.policies, identifier), _roles(view.policies, identifier)


def _about(identifier: GroupId, who: PrincipalId | None = None, members: Sequence[PrincipalId] = ()) -> Resource:
    """A group is the own work of everybody who is in it, and somebody else's of all others."""
    return Resource(kind="grant", author=who if who in members else PrincipalId(identifier))


def _standing(shelf: PolicyShelf, identifier: GroupId) -> Group:
    group = shelf.group(identifier)
    if group.deleted_at is not None:
        raise missing_group()
    return group


def _members(shelf: PolicyShelf, identifier: GroupId) -> Sequence[Membership]:
    return [one for one in shelf.memberships() if one.group == identifier and one.revoked_at is None]


def _roles(shelf: PolicyShelf, identifier: GroupId) -> Sequence[Grant]:
    return [one for one in shelf.grants_of(PrincipalId(identifier)) if one.revoked_at is None]
