"""/v1/organization/groups and /v1/organization/roles: groups, who is in them, and the roles that there are."""

from typing import Annotated

from fastapi import Path

from tunewarden.domain.access import EVERY
from tunewarden.domain.errors import NotFound
from tunewarden.domain.identities import PrincipalKind
from tunewarden.domain.names import GroupId, PrincipalId, ProjectId, Role
from tunewarden.entry.api.caller import Administering, Asking, Caller
from tunewarden.entry.api.organization_pages import After, Limit, Order, paged
from tunewarden.entry.api.organization_schemas import (
    GroupUserIn,
    NameIn,
    RoleIn,
    deleted,
    group_out,
    id_of,
    named,
    role_in_path,
    role_out,
)
from tunewarden.entry.api.schemas import Json, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import groups, projects
from tunewarden.usecases.directory import Directory, directory, names_are_shown, refuse_other_roles

router = Routes(prefix="/v1", tags=["organization"])
EVERYWHERE = ProjectId(EVERY)
AnyRole = Annotated[str, Path(alias="role_id")]
AnyProject = Annotated[str, Path(alias="project_id")]


@router.post("/organization/groups", summary="Make a group")
def create(called: Administering, body: NameIn) -> Json:
    """In which nobody is, and which holds no role."""
    group, receipt = groups.create(called.platform, called.principal, body.name)
    return {**group_out(group), "receipt": receipt_out(receipt)}


@router.get("/organization/groups", summary="List groups")
def listed(called: Asking, after: After = None, limit: Limit = 20, order: Order = "asc") -> Json:
    """Those that roles are granted to. Groups of an identity provider, and of the access policy, are not here."""
    found = groups.listed(called.platform, called.principal)
    return paged(found, group_out, lambda group: group.id, after, limit, order)


@router.get("/organization/groups/{group_id}", summary="A group")
def retrieve(called: Asking, group_id: str) -> Json:
    """Without who is in it."""
    return group_out(groups.get(called.platform, called.principal, GroupId(group_id))[0])


@router.post("/organization/groups/{group_id}", summary="Rename a group")
def rename(called: Administering, group_id: str, body: NameIn) -> Json:
    """Its id stays."""
    group, receipt = groups.rename(called.platform, called.principal, GroupId(group_id), body.name)
    return {**group_out(group), "receipt": receipt_out(receipt)}


@router.delete("/organization/groups/{group_id}", summary="Delete a group")
def delete(called: Administering, group_id: str) -> Json:
    """Who is in it loses what it holds."""
    receipt = groups.delete(called.platform, called.principal, GroupId(group_id))
    return {**deleted("group", group_id), "receipt": receipt_out(receipt)}


@router.post("/organization/groups/{group_id}/users", summary="Put somebody into a group")
def add(called: Administering, group_id: str, body: GroupUserIn) -> Json:
    """Somebody else, where one person may hold all their roles together, whatever the projects."""
    made, receipt = groups.add(called.platform, called.principal, GroupId(group_id), PrincipalId(body.user_id))
    return {
        "object": "group.user",
        "group_id": made.group,
        "user_id": made.member,
        "receipt": receipt_out(receipt),
    }


@router.get("/organization/groups/{group_id}/users", summary="Who is in a group")
def members(called: Asking, group_id: str, after: After = None, limit: Limit = 20, order: Order = "asc") -> Json:
    """In the order in which they came."""
    found = directory(called.platform, called.principal)
    inside = found.members(found.group(GroupId(group_id)).id)
    shown = names_are_shown(called.platform, called.principal)
    return paged(inside, lambda one: _member(found, one, shown=shown), str, after, limit, order)


@router.get("/organization/groups/{group_id}/users/{principal_id}", summary="Somebody in a group")
def member(called: Asking, group_id: str, principal_id: str) -> Json:
    """Not found where they are not in it."""
    found = directory(called.platform, called.principal)
    inside = found.members(found.group(GroupId(group_id)).id)
    if principal_id not in inside:
        raise NotFound("user_not_found", "There is no such user for you.")
    shown = names_are_shown(called.platform, called.principal)
    one = _member(found, PrincipalId(principal_id), shown=shown)
    is_service = found.principals[PrincipalId(principal_id)].kind is PrincipalKind.SERVICE
    return {**one, "user_type": "user", "is_service_account": is_service}


@router.delete("/organization/groups/{group_id}/users/{principal_id}", summary="Take somebody out of a group")
def remove(called: Administering, group_id: str, principal_id: str) -> Json:
    """They lose what it holds."""
    receipt = groups.remove(called.platform, called.principal, GroupId(group_id), PrincipalId(principal_id))
    return {**deleted("group.user"), "receipt": receipt_out(receipt)}


@router.get("/organization/roles", summary="List roles")
def roles(called: Asking, after: After = None, limit: Limit = 20, order: Order = "asc") -> Json:
    """With what the access policy in force allows each. `order` is that of their names."""
    return _roles(directory(called.platform, called.principal), EVERYWHERE, after, limit, order)


@router.get("/organization/roles/{role_id}", summary="A role")
def role(called: Asking, role_id: str) -> Json:
    """With what the access policy in force allows it."""
    return role_out(directory(called.platform, called.principal), role_in_path(role_id), EVERYWHERE)


@router.post("/organization/roles", include_in_schema=False, summary="No role is made here")
def create_role(called: Administering, _body: RoleIn) -> Json:
    """Refused: roles are those of the access policy, which two persons change."""
    refuse_other_roles(called.platform, called.principal)


@router.post("/organization/roles/{role_id}", include_in_schema=False, summary="No role is changed here")
def update_role(called: Administering, _role: AnyRole, _body: RoleIn) -> Json:
    """Refused, as making one is."""
    refuse_other_roles(called.platform, called.principal)


@router.delete("/organization/roles/{role_id}", include_in_schema=False, summary="No role is deleted here")
def delete_role(called: Administering, _role: AnyRole) -> Json:
    """Refused, as making one is."""
    refuse_other_roles(called.platform, called.principal)


@router.get("/projects/{project_id}/roles", summary="List roles in a project")
def roles_there(called: Asking, project_id: str, after: After = None, limit: Limit = 20, order: Order = "asc") -> Json:
    """The same roles, with what rules about the project add."""
    where = _project(called, project_id)
    return _roles(directory(called.platform, called.principal), where, after, limit, order)


@router.get("/projects/{project_id}/roles/{role_id}", summary="A role in a project")
def role_there(called: Asking, project_id: str, role_id: str) -> Json:
    """With what rules about the project add."""
    where = _project(called, project_id)
    return role_out(directory(called.platform, called.principal), role_in_path(role_id), where)


@router.post("/projects/{project_id}/roles", include_in_schema=False, summary="No role is made in a project")
def create_role_there(called: Administering, _where: AnyProject, _body: RoleIn) -> Json:
    """Refused, as making one is anywhere."""
    refuse_other_roles(called.platform, called.principal)


@router.post(
    "/projects/{project_id}/roles/{role_id}", include_in_schema=False, summary="No role is changed in a project"
)
def update_role_there(called: Administering, _where: AnyProject, _role: AnyRole, _body: RoleIn) -> Json:
    """Refused, as making one is anywhere."""
    refuse_other_roles(called.platform, called.principal)


@router.delete(
    "/projects/{project_id}/roles/{role_id}", include_in_schema=False, summary="No role is deleted in a project"
)
def delete_role_there(called: Administering, _where: AnyProject, _role: AnyRole) -> Json:
    """Refused, as making one is anywhere."""
    refuse_other_roles(called.platform, called.principal)


def _project(called: Caller, identifier: str) -> ProjectId:
    return projects.get(called.platform, called.principal, ProjectId(identifier)).id


def _member(found: Directory, one: PrincipalId, *, shown: bool) -> Json:
    return {"id": one, "email": None, "name": named(found.principals[one], shown=shown)}


def _roles(found: Directory, where: ProjectId, after: str | None, limit: int, order: str) -> Json:
    return paged(sorted(Role), lambda role: role_out(found, role, where), id_of, after, limit, order)
