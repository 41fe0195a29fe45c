"""/v1/organization: users, and the roles that they and groups hold, as the OpenAI client asks for them."""

from fastapi import Request

from tunewarden.domain.access import EVERY
from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.domain.names import GroupId, PrincipalId, ProjectId, Role
from tunewarden.entry.api.caller import Administering, Asking, Caller
from tunewarden.entry.api.organization_pages import After, Limit, Order, paged
from tunewarden.entry.api.organization_schemas import (
    RoleAssignmentIn,
    UserUpdateIn,
    assigned_group_out,
    assignment_out,
    deleted,
    id_of,
    role_in_path,
    role_of,
    role_out,
    user_out,
)
from tunewarden.entry.api.schemas import Json, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import grants, groups, keys, projects
from tunewarden.usecases.directory import Assigned, Directory, directory, names_are_shown
from tunewarden.usecases.ports import Principal, Receipt

router = Routes(prefix="/v1", tags=["organization"])
EVERYWHERE = ProjectId(EVERY)


@router.get("/organization/users", summary="List users")
def users(request: Request, called: Asking, after: After = None, limit: Limit = 20) -> Json:
    """Every person who was not revoked, the first made first. What they are called is shown to who makes their keys,
    and to auditors. `emails` is refused: no address is kept of anybody.
    """
    if "emails[]" in request.query_params:
        raise Malformed(
            "emails_not_kept",
            "No e-mail address is kept of anybody, so nobody is found by one.",
            remedy="Ask for users by their ids.",
            param="emails",
        )
    found = directory(called.platform, called.principal)
    shown = names_are_shown(called.platform, called.principal)
    persons = [one for one in found.principals.values() if one.kind == "person"]
    return paged(persons, lambda one: user_out(found, one, shown=shown), lambda one: one.id, after, limit)


@router.get("/organization/users/{principal_id}", summary="A user")
def user(called: Asking, principal_id: str) -> Json:
    """Of a person, or of a service account."""
    found = directory(called.platform, called.principal)
    return _user(called, found, PrincipalId(principal_id))


@router.post("/organization/users/{principal_id}", summary="One role in place of those granted")
def update_user(called: Administering, principal_id: str, body: UserUpdateIn) -> Json:
    """In every project. The roles of their keys stay."""
    named = body.role_id or body.role
    if named is None:
        raise Malformed("role_missing", "What changes is the role.", param="role")
    _, receipt = grants.replace_all(
        called.platform, called.principal, PrincipalId(principal_id), role_of(named), EVERYWHERE
    )
    found = directory(called.platform, called.principal)
    return {**_user(called, found, PrincipalId(principal_id)), "receipt": receipt_out(receipt)}


@router.delete("/organization/users/{principal_id}", summary="Revoke a user")
def delete_user(called: Administering, principal_id: str) -> Json:
    """Every key of theirs stops working, and what is under way for them changes nothing any more."""
    receipt = keys.revoke(called.platform, called.principal, PrincipalId(principal_id))
    return {**deleted("organization.user", principal_id), "receipt": receipt_out(receipt)}


@router.get("/organization/users/{principal_id}/roles", summary="Roles of a user")
def roles_of_user(
    called: Asking, principal_id: str, after: After = None, limit: Limit = 20, order: Order = "asc"
) -> Json:
    """In every project, each with the key, the grant or the group that it comes from."""
    found = directory(called.platform, called.principal)
    one = found.principal(PrincipalId(principal_id))
    return _assignments(found, found.roles_of(one.id, EVERYWHERE), EVERYWHERE, after, limit, order)


@router.get("/organization/users/{principal_id}/roles/{role_id}", summary="A role of a user")
def role_of_user(called: Asking, principal_id: str, role_id: str) -> Json:
    """With where it comes from."""
    found = directory(called.platform, called.principal)
    one = found.principal(PrincipalId(principal_id))
    return _assignment(found, found.roles_of(one.id, EVERYWHERE), role_in_path(role_id), EVERYWHERE)


@router.post("/organization/users/{principal_id}/roles", summary="Grant a user a role")
def grant_user(called: Administering, principal_id: str, body: RoleAssignmentIn) -> Json:
    """In every project."""
    return _granted_to_user(called, PrincipalId(principal_id), body, EVERYWHERE)


@router.delete("/organization/users/{principal_id}/roles/{role_id}", summary="Take a role back from a user")
def revoke_user(called: Administering, principal_id: str, role_id: str) -> Json:
    """One that was granted them in every project; no role of a key, or of a group."""
    return _taken_from_user(called, PrincipalId(principal_id), role_in_path(role_id), EVERYWHERE)


@router.get("/projects/{project_id}/users/{principal_id}/roles", summary="Roles of a user in a project")
def roles_of_user_there(
    called: Asking, project_id: str, principal_id: str, after: After = None, limit: Limit = 20, order: Order = "asc"
) -> Json:
    """Those of the project itself; what somebody holds in every project is listed under their own path."""
    where, found = _there(called, project_id)
    one = found.principal(PrincipalId(principal_id))
    return _assignments(found, found.roles_of(one.id, where), where, after, limit, order)


@router.get("/projects/{project_id}/users/{principal_id}/roles/{role_id}", summary="A role of a user in a project")
def role_of_user_there(called: Asking, project_id: str, principal_id: str, role_id: str) -> Json:
    """With where it comes from."""
    where, found = _there(called, project_id)
    one = found.principal(PrincipalId(principal_id))
    return _assignment(found, found.roles_of(one.id, where), role_in_path(role_id), where)


@router.post("/projects/{project_id}/users/{principal_id}/roles", summary="Grant a user a role in a project")
def grant_user_there(called: Administering, project_id: str, principal_id: str, body: RoleAssignmentIn) -> Json:
    """To somebody else, where one person may hold all their roles together, whatever the projects."""
    return _granted_to_user(called, PrincipalId(principal_id), body, _project(called, project_id))


@router.delete("/projects/{project_id}/users/{principal_id}/roles/{role_id}", summary="Take a role in a project back")
def revoke_user_there(called: Administering, project_id: str, principal_id: str, role_id: str) -> Json:
    """One that was granted them in this project."""
    return _taken_from_user(called, PrincipalId(principal_id), role_in_path(role_id), _project(called, project_id))


@router.get("/organization/groups/{group_id}/roles", summary="Roles of a group")
def roles_of_group(called: Asking, group_id: str, after: After = None, limit: Limit = 20, order: Order = "asc") -> Json:
    """In every project."""
    found = directory(called.platform, called.principal)
    group = found.group(GroupId(group_id))
    return _assignments(found, found.roles_of_group(group.id, EVERYWHERE), EVERYWHERE, after, limit, order)


@router.get("/organization/groups/{group_id}/roles/{role_id}", summary="A role of a group")
def role_of_group(called: Asking, group_id: str, role_id: str) -> Json:
    """In every project."""
    found = directory(called.platform, called.principal)
    group = found.group(GroupId(group_id))
    return _assignment(found, found.roles_of_group(group.id, EVERYWHERE), role_in_path(role_id), EVERYWHERE)


@router.post("/organization/groups/{group_id}/roles", summary="Grant a group a role")
def grant_group(called: Administering, group_id: str, body: RoleAssignmentIn) -> Json:
    """In every project; so to everybody who is in it, now or later."""
    return _granted_to_group(called, GroupId(group_id), body, EVERYWHERE)


@router.delete("/organization/groups/{group_id}/roles/{role_id}", summary="Take a role back from a group")
def revoke_group(called: Administering, group_id: str, role_id: str) -> Json:
    """One that was granted it in every project."""
    return _taken_from_group(called, GroupId(group_id), role_in_path(role_id), EVERYWHERE)


@router.get("/projects/{project_id}/groups/{group_id}/roles", summary="Roles of a group in a project")
def roles_of_group_there(
    called: Asking, project_id: str, group_id: str, after: After = None, limit: Limit = 20, order: Order = "asc"
) -> Json:
    """Those of the project itself."""
    where, found = _there(called, project_id)
    group = found.group(GroupId(group_id))
    return _assignments(found, found.roles_of_group(group.id, where), where, after, limit, order)


@router.get("/projects/{project_id}/groups/{group_id}/roles/{role_id}", summary="A role of a group in a project")
def role_of_group_there(called: Asking, project_id: str, group_id: str, role_id: str) -> Json:
    """One of the project itself."""
    where, found = _there(called, project_id)
    group = found.group(GroupId(group_id))
    return _assignment(found, found.roles_of_group(group.id, where), role_in_path(role_id), where)


@router.post("/projects/{project_id}/groups/{group_id}/roles", summary="Grant a group a role in a project")
def grant_group_there(called: Administering, project_id: str, group_id: str, body: RoleAssignmentIn) -> Json:
    """So to everybody who is in it, now or later."""
    return _granted_to_group(called, GroupId(group_id), body, _project(called, project_id))


@router.delete("/projects/{project_id}/groups/{group_id}/roles/{role_id}", summary="Take a role in a project back")
def revoke_group_there(called: Administering, project_id: str, group_id: str, role_id: str) -> Json:
    """One that was granted it in this project."""
    return _taken_from_group(called, GroupId(group_id), role_in_path(role_id), _project(called, project_id))


def _project(called: Caller, identifier: str) -> ProjectId:
    return projects.get(called.platform, called.principal, ProjectId(identifier)).id


def _there(called: Caller, identifier: str) -> tuple[ProjectId, Directory]:
    return _project(called, identifier), directory(called.platform, called.principal)


def _user(called: Caller, found: Directory, identifier: PrincipalId) -> Json:
    one: Principal = found.principal(identifier)
    return user_out(found, one, shown=names_are_shown(called.platform, called.principal))


def _assignments(found: Directory, held: Assigned, where: ProjectId, after: str | None, limit: int, order: str) -> Json:
    return paged(
        list(held),
        lambda role: assignment_out(found, role, where, held[role]),
        id_of,
        after,
        limit,
        order,
    )


def _assignment(found: Directory, held: Assigned, role: Role, where: ProjectId) -> Json:
    if role not in held:
        raise NotFound("role_not_found", "There is no such role for you.")
    return assignment_out(found, role, where, held[role])


def _granted_to_user(called: Caller, member: PrincipalId, body: RoleAssignmentIn, where: ProjectId) -> Json:
    role = role_of(body.role_id, "role_id")
    _, receipt = grants.grant(called.platform, called.principal, member, role, where)
    found = directory(called.platform, called.principal)
    return {
        "object": "user.role",
        "role": role_out(found, role, where),
        "user": _user(called, found, member),
        "receipt": receipt_out(receipt),
    }


def _granted_to_group(called: Caller, group: GroupId, body: RoleAssignmentIn, where: ProjectId) -> Json:
    role = role_of(body.role_id, "role_id")
    _, receipt = groups.grant(called.platform, called.principal, group, role, where)
    found = directory(called.platform, called.principal)
    return {
        "object": "group.role",
        "role": role_out(found, role, where),
        "group": assigned_group_out(found.group(group)),
        "receipt": receipt_out(receipt),
    }


def _taken_from_user(called: Caller, member: PrincipalId, role: Role, where: ProjectId) -> Json:
    _, receipt = grants.revoke(called.platform, called.principal, member, role, where)
    return _taken("user.role", receipt)


def _taken_from_group(called: Caller, group: GroupId, role: Role, where: ProjectId) -> Json:
    _, receipt = groups.revoke(called.platform, called.principal, group, role, where)
    return _taken("group.role", receipt)


def _taken(kind: str, receipt: Receipt) -> Json:
    return {**deleted(kind), "receipt": receipt_out(receipt)}
