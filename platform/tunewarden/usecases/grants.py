"""Roles that one principal is granted beside those of their keys, and when such a role does not count yet.

`groups.py` grants them to groups, by the rules that stand here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from tunewarden.domain.access import EVERY, PolicySet
from tunewarden.domain.access_roles import RoleGraph
from tunewarden.domain.errors import Conflict, IllegalTransition, NotFound, Refused
from tunewarden.domain.events import KeyCreated
from tunewarden.domain.groups import is_group
from tunewarden.domain.holding import Way, ways
from tunewarden.domain.names import EVERYWHERE, Action, Digest, PrincipalId, ProjectId, Role
from tunewarden.domain.policies import FRESH, Given, Grant, decided, with_grants
from tunewarden.domain.policy_events import RoleGranted, RoleRevoked
from tunewarden.usecases.policies import engine
from tunewarden.usecases.policy_doors import Head
from tunewarden.usecases.ports import Decision, Platform, Principal, Receipt, Resource, UnitOfWork
from tunewarden.usecases.projects import require_known as require_known
from tunewarden.usecases.refusals import permit, permit_to_see, refusals_recorded

NOT_YET = "granted-by-the-author"
"""The rule that a refusal names where a role does not count yet."""
NOT_GRANTED = frozenset({Role.ADMINISTRATOR, Role.WORKER})
_STRANGER = PrincipalId("prn-none")


def grant(
    platform: Platform, principal: Principal, member: PrincipalId, role: Role, project: ProjectId
) -> tuple[Grant, Receipt]:
    """Somebody else gets a role, in a project or in every one; by what is decided from now on.

    Raises `NotFound`; `Refused` for oneself, a revoked principal, the worker's role, and roles that one person may not
    hold together, whatever the projects (static separation of duties); `Conflict` for a role that they have already.
    """
    with refusals_recorded(platform, principal, Action.GRANT_ROLE, "grant", member):
        behind = engine(platform)
        with platform.work(principal.id) as work:
            permit(platform, principal, Action.GRANT_ROLE, Resource(kind="grant", author=member))
            holder, now = work.principals.get(member), platform.clock()
            require_grantable(holder, role, project)
            require_known(work, project)
            require_new(work, member, role, project, holder.roles)
            made = Grant(member=member, role=role, project=project, granted_by=principal.id, granted_at=now)
            work.policies.grant(made)
            decides = decides_by(work, [holder])
            work.record(RoleGranted(principal=member, role=role, project=project, decides=decides))
            receipt = work.commit()
        behind.refresh()
        return made, receipt


def revoke(
    platform: Platform, principal: Principal, member: PrincipalId, role: Role, project: ProjectId
) -> tuple[Grant, Receipt]:
    """Take a grant back. Roles of their keys are not touched (`keys.revoke`). Raises `NotFound`."""
    with refusals_recorded(platform, principal, Action.REVOKE_ROLE, "grant", member):
        behind = engine(platform)
        with platform.work(principal.id) as work:
            permit(platform, principal, Action.REVOKE_ROLE, Resource(kind="grant", author=member))
            _require_principal(member)
            back = take_back(work, member, role, project, principal.id, platform.clock())
            decides = decides_by(work, ())
            work.record(RoleRevoked(principal=member, role=role, project=project, decides=decides))
            receipt = work.commit()
        behind.refresh()
        return back, receipt


def replace_all(
    platform: Platform, principal: Principal, member: PrincipalId, role: Role, project: ProjectId
) -> tuple[Grant, Receipt]:
    """One role in a project in place of all those that a principal was granted there. Raises as `grant` does."""
    with refusals_recorded(platform, principal, Action.GRANT_ROLE, "grant", member):
        behind = engine(platform)
        with platform.work(principal.id) as work:
            permit(platform, principal, Action.GRANT_ROLE, Resource(kind="grant", author=member))
            permit(platform, principal, Action.REVOKE_ROLE, Resource(kind="grant", author=member))
            holder, now = work.principals.get(member), platform.clock()
            require_grantable(holder, role, project)
            require_known(work, project)
            for one in granted_in(work, member, project):
                work.policies.grant(replace(one, revoked_by=principal.id, revoked_at=now))
                work.record(RoleRevoked(principal=member, role=one.role, project=project, decides=decides_by(work, ())))
            require_new(work, member, role, project, holder.roles)
            made = Grant(member=member, role=role, project=project, granted_by=principal.id, granted_at=now)
            work.policies.grant(made)
            decides = decides_by(work, [holder])
            work.record(RoleGranted(principal=member, role=role, project=project, decides=decides))
            receipt = work.commit()
        behind.refresh()
        return made, receipt


def revoke_all(platform: Platform, principal: Principal, member: PrincipalId, project: ProjectId) -> Receipt:
    """Take back all that a principal was granted in one project. Raises `NotFound` where that is nothing."""
    with refusals_recorded(platform, principal, Action.REVOKE_ROLE, "grant", member):
        behind = engine(platform)
        with platform.work(principal.id) as work:
            permit(platform, principal, Action.REVOKE_ROLE, Resource(kind="grant", author=member))
            _require_principal(member)
            found, now = granted_in(work, member, project), platform.clock()
            if not found:
                raise _missing()
            for one in found:
                work.policies.grant(replace(one, revoked_by=principal.id, revoked_at=now))
                work.record(RoleRevoked(principal=member, role=one.role, project=project, decides=decides_by(work, ())))
            receipt = work.commit()
        behind.refresh()
        return receipt


def listed(platform: Platform, principal: Principal) -> Sequence[Grant]:
    """Every grant that there ever was, to principals and to groups, oldest first."""
    permit_to_see(platform, principal, Action.READ_POLICY, Resource(kind="policy"))
    with platform.view() as view:
        return view.policies.grants()


def require_counting(
    platform: Platform, work: UnitOfWork, principal: Principal, action: Action, resource: Resource
) -> Decision:
    """What the access policy says, without the roles that the author gave to who acts within the last 24 hours.

    Raises `Refused` where they may do it only by such a role, or not at all.

    Dynamic separation of duties: an author who may give out roles could make an approver of somebody, for the one
    approval. Both ways of giving one are looked at: a grant, and the making of the principal with its key.
    """
    decision = permit(platform, principal, action, resource)
    author, now = resource.author, platform.clock()
    if author is None:
        return decision
    held = held_by(work, principal.id)
    older = [way for way in held if not way.is_fresh(author, now)]
    own = frozenset[Role]() if _made_lately(work, principal.id, author, platform) else principal.roles
    if len(older) == len(held) and own == principal.roles:
        return decision
    counting = {way.role for way in older if way.project in (EVERY, resource.project) and not principal.scoped}
    # Who it is counts for links alone, and these are among the roles; that it is not the author was asked before.
    counted = Principal(id=_STRANGER, roles=own | counting)
    decision = platform.access(counted, action, resource)
    if not decision.allowed:
        raise Refused(
            "role_too_fresh",
            f"Your role was given to you less than {FRESH.total_seconds() / 3600:.0f} hours ago by whose work it is.",
            remedy="Ask somebody else, or wait.",
            who=Role.APPROVER,
            rule=NOT_YET,
        )
    return decision


def _made_lately(work: UnitOfWork, member: PrincipalId, author: PrincipalId, platform: Platform) -> bool:
    since = platform.clock() - FRESH
    return any(
        isinstance(entry.event, KeyCreated) and entry.event.principal == member and entry.actor == author
        for entry in work.entries_naming(member)
        if entry.at > since
    )


def require_grantable(holder: Principal | None, role: Role | None = None, project: ProjectId = EVERYWHERE) -> None:
    """Raise `IllegalTransition` for who was revoked, and `Refused` for a role that nobody has by a grant, or there."""
    if holder is not None and holder.revoked:
        raise IllegalTransition("principal_is_revoked", "The principal was revoked.", who=Role.ADMINISTRATOR)
    if role in NOT_GRANTED:
        raise Refused(
            "role_not_granted",
            "Nobody is administrator or worker by a grant: one takes an admin key, the other is the platform itself.",
            who=Role.ADMINISTRATOR,
            param="role",
        )
    if role is Role.BREAK_GLASS and project != EVERYWHERE:
        raise Refused(
            "role_in_no_project",
            "Emergencies are in no project, so nobody could open one with that role in this one alone.",
            remedy="Grant it everywhere ('*').",
            who=Role.ADMINISTRATOR,
            param="role",
        )


def take_back(work: UnitOfWork, member: str, role: Role, project: ProjectId, by: PrincipalId, at: datetime) -> Grant:
    """The grant of a principal or of a group as it ended. Raises `NotFound` where there is none."""
    found = [one for one in granted_in(work, member, project) if one.role == role]
    if not found:
        raise _missing()
    back = replace(found[0], revoked_by=by, revoked_at=at)
    work.policies.grant(back)
    return back


def held_by(work: UnitOfWork, member: PrincipalId) -> Sequence[Way]:
    """Every way in which a principal holds a role that was granted."""
    memberships = [one for one in work.policies.memberships_of(member) if one.revoked_at is None]
    groups = dict.fromkeys(one.group for one in memberships)
    given: list[Given] = [*work.policies.grants_of(member), *memberships]
    return ways(member, given + [one for group in groups for one in work.policies.grants_of(PrincipalId(group))])


def granted_in(work: UnitOfWork, member: str, project: ProjectId) -> Sequence[Grant]:
    """What a principal, or a group, was granted itself in exactly this project, and nobody took back."""
    grants = work.policies.grants_of(PrincipalId(member))
    return [one for one in grants if one.revoked_at is None and one.project == project]


def require_new(work: UnitOfWork, member: str, role: Role, project: ProjectId, own: Iterable[Role] = ()) -> None:
    """Raise `Conflict` where a principal, or a group, holds a role there already: by a grant, or by keys (`own`)."""
    grants = work.policies.grants_of(PrincipalId(member))
    standing = [one for one in grants if one.revoked_at is None and one.role == role]
    if role in own or any(one.project in (project, EVERY) for one in standing):
        raise Conflict("role_held_already", "They hold that role there already.")


def _require_principal(member: str) -> None:
    """A group's grant is ended by `groups.py`, whose entries say that it was one."""
    if is_group(member):
        raise _missing()


def _missing() -> NotFound:
    return NotFound("grant_not_found", "There is no such grant for you.")


def decides_by(work: UnitOfWork, gaining: Iterable[Principal]) -> Digest:
    """What is decided by from here on.

    Raises `Refused` where one of those who gain by the change would hold roles that one person may not hold together:
    by their keys, by grants, in groups, and by what the version links them to, whatever the projects. Raises
    `Malformed` where all that together has a fault.
    """
    head = _head(work)
    said, given = work.policies.said(head.policy), work.policies.given()
    _require_separate(with_grants(said, given), gaining)
    decides = decided(said, given)
    work.policies.decide_by(head.policy, decides)
    return decides


def _require_separate(whole: PolicySet, gaining: Iterable[Principal]) -> None:
    graph = RoleGraph(whole.links, whole.groups)
    for one in gaining:
        if conflict := graph.conflict(one.id, one.roles):
            raise Refused(
                "roles_conflict",
                f"One person may not be {' and '.join(sorted(conflict))}, in whatever projects.",
                remedy="Give the roles to two people.",
                who=Role.ADMINISTRATOR,
                param="role",
            )


def _head(work: UnitOfWork) -> Head:
    head = work.policies.head()
    if head is None:
        raise Refused("policy_missing", "There is no version of the access policy yet.", who=Role.ADMINISTRATOR)
    return head
