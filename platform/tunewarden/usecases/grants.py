"""Roles that one principal is granted beside those of their keys, and when such a role does not count yet."""

from collections.abc import Sequence
from dataclasses import replace

from tunewarden.domain.access import EVERY
from tunewarden.domain.duties import conflicting
from tunewarden.domain.errors import Conflict, IllegalTransition, NotFound, Refused
from tunewarden.domain.events import KeyCreated
from tunewarden.domain.names import Action, Digest, PrincipalId, ProjectId, Role
from tunewarden.domain.policies import FRESH, Grant, decided, fresh_roles
from tunewarden.domain.policy_events import RoleGranted, RoleRevoked
from tunewarden.usecases.policies import engine
from tunewarden.usecases.policy_doors import Head
from tunewarden.usecases.ports import Decision, Platform, Principal, Receipt, Resource, UnitOfWork
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
            _require_possible(work, holder, role)
            _require_known(work, project)
            standing = _standing(work, member)
            if role in holder.roles or any(one.role == role and one.project in (project, EVERY) for one in standing):
                raise Conflict("role_held_already", "They hold that role there already.")
            made = Grant(member=member, role=role, project=project, granted_by=principal.id, granted_at=now)
            work.policies.grant(made)
            decides = _decided(work)
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
            found = [one for one in _standing(work, member) if (one.role, one.project) == (role, project)]
            if not found:
                raise NotFound("grant_not_found", "There is no such grant for you.")
            back = replace(found[0], revoked_by=principal.id, revoked_at=platform.clock())
            work.policies.grant(back)
            decides = _decided(work)
            work.record(RoleRevoked(principal=member, role=role, project=project, decides=decides))
            receipt = work.commit()
        behind.refresh()
        return back, receipt


def listed(platform: Platform, principal: Principal) -> Sequence[Grant]:
    """Every grant that there ever was, oldest first."""
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
    fresh = fresh_roles(work.policies.grants_of(principal.id), principal.id, author, now)
    own = frozenset[Role]() if _made_lately(work, principal.id, author, platform) else principal.roles
    if not fresh and own == principal.roles:
        return decision
    older = [
        one.role
        for one in _standing(work, principal.id)
        if one not in fresh and one.project in (EVERY, resource.project) and not principal.scoped
    ]
    # Who it is counts for links alone, and these are among the roles; that it is not the author was asked before.
    counted = Principal(id=_STRANGER, roles=own | frozenset(older))
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


def _require_possible(work: UnitOfWork, holder: Principal, role: Role) -> None:
    if holder.revoked:
        raise IllegalTransition("principal_is_revoked", "The principal was revoked.", who=Role.ADMINISTRATOR)
    if role in NOT_GRANTED:
        raise Refused(
            "role_not_granted",
            "Nobody is administrator or worker by a grant: one takes an admin key, the other is the platform itself.",
            who=Role.ADMINISTRATOR,
            param="role",
        )
    held = {one.role for one in _standing(work, holder.id)} | holder.roles | {role}
    if conflict := conflicting(held):
        raise Refused(
            "roles_conflict",
            f"One person may not be {' and '.join(sorted(conflict))}, in whatever projects.",
            remedy="Give the roles to two people.",
            who=Role.ADMINISTRATOR,
            param="role",
        )


def _require_known(work: UnitOfWork, project: ProjectId) -> None:
    """A project is one that the version in force names, so that no word of one person alone gets into the log."""
    said = work.policies.said(_head(work).policy)
    named = {rule.project for rule in said.rules} | {link.project for link in said.links}
    if project != EVERY and project not in named:
        raise NotFound("project_not_found", "There is no such project for you.", param="project")


def _standing(work: UnitOfWork, member: PrincipalId) -> Sequence[Grant]:
    return [one for one in work.policies.grants_of(member) if one.revoked_at is None]


def _decided(work: UnitOfWork) -> Digest:
    """What is decided by from here on. Raises `Malformed` where the grants and the version together have a fault."""
    head = _head(work)
    decides = decided(work.policies.said(head.policy), work.policies.grants())
    work.policies.decide_by(head.policy, decides)
    return decides


def _head(work: UnitOfWork) -> Head:
    head = work.policies.head()
    if head is None:
        raise Refused("policy_missing", "There is no version of the access policy yet.", who=Role.ADMINISTRATOR)
    return head
