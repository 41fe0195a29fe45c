"""/v1/organization/projects: projects, and the users and groups that hold a role in one."""

from typing import Annotated, Literal

from fastapi import Query

from tunewarden.domain.errors import NotFound
from tunewarden.domain.names import GroupId, PrincipalId, ProjectId
from tunewarden.domain.projects import ProjectState
from tunewarden.entry.api.caller import Administering, Asking, Caller
from tunewarden.entry.api.organization_pages import After, Limit, Order, paged
from tunewarden.entry.api.organization_schemas import (
    ProjectGroupIn,
    ProjectIn,
    ProjectUpdateIn,
    ProjectUserIn,
    ProjectUserUpdateIn,
    deleted,
    project_group_out,
    project_out,
    project_user_out,
    role_of,
)
from tunewarden.entry.api.schemas import Json, receipt_out
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import archiving, grants, groups, projects
from tunewarden.usecases.directory import Directory, directory, names_are_shown

router = Routes(prefix="/v1/organization/projects", tags=["organization"])


@router.get("", summary="List projects")
def listed(called: Asking, after: After = None, limit: Limit = 20, include_archived: bool = False) -> Json:
    """Those that one may see, the oldest first."""
    found = projects.listed(called.platform, called.principal)
    chosen = [one for one in found if include_archived or one.state is ProjectState.ACTIVE]
    return paged(chosen, project_out, lambda one: one.id, after, limit)


@router.post("", summary="Make a project")
def create(called: Administering, body: ProjectIn) -> Json:
    """In which nothing is, and nobody holds a role."""
    project, receipt = projects.create(called.platform, called.principal, body.name)
    return {**project_out(project), "receipt": receipt_out(receipt)}


@router.get("/{project_id}", summary="A project")
def retrieve(called: Asking, project_id: str) -> Json:
    """Archived or not."""
    return project_out(projects.get(called.platform, called.principal, ProjectId(project_id)))


@router.post("/{project_id}", summary="Rename a project")
def rename(called: Administering, project_id: str, body: ProjectUpdateIn) -> Json:
    """Its id stays."""
    project, receipt = projects.rename(called.platform, called.principal, ProjectId(project_id), body.name)
    return {**project_out(project), "receipt": receipt_out(receipt)}


@router.post("/{project_id}/archive", summary="Archive a project")
def archive(called: Administering, project_id: str) -> Json:
    """For good: nothing new begins in it. What waits for approval ends; what was approved and reading go on."""
    project, receipt = archiving.archive(called.platform, called.principal, ProjectId(project_id))
    return {**project_out(project), "receipt": receipt_out(receipt)}


@router.get("/{project_id}/users", summary="Users of a project")
def users(called: Asking, project_id: str, after: After = None, limit: Limit = 20) -> Json:
    """Who holds a role in the project itself, granted or in a group. Who holds one in every project may more."""
    where, found = _there(called, project_id)
    inside = found.members_of_project(where)
    shown = names_are_shown(called.platform, called.principal)
    return paged(
        list(inside),
        lambda one: project_user_out(found, one, where, inside[one], shown=shown),
        str,
        after,
        limit,
    )


@router.post("/{project_id}/users", summary="Grant a user a role in a project")
def add_user(called: Administering, project_id: str, body: ProjectUserIn) -> Json:
    """By its word or its id, to somebody else."""
    where = _project(called, project_id)
    member = PrincipalId(body.user_id)
    _, receipt = grants.grant(called.platform, called.principal, member, role_of(body.role), where)
    return {**_user(called, where, member), "receipt": receipt_out(receipt)}


@router.get("/{project_id}/users/{principal_id}", summary="A user of a project")
def user(called: Asking, project_id: str, principal_id: str) -> Json:
    """Not found where they hold no role in the project itself."""
    where, found = _there(called, project_id)
    return _user(called, where, PrincipalId(principal_id), found)


@router.post("/{project_id}/users/{principal_id}", summary="One role in place of those granted in a project")
def update_user(called: Administering, project_id: str, principal_id: str, body: ProjectUserUpdateIn) -> Json:
    """What they hold in a group stays."""
    where, member = _project(called, project_id), PrincipalId(principal_id)
    _, receipt = grants.replace_all(called.platform, called.principal, member, role_of(body.role), where)
    return {**_user(called, where, member), "receipt": receipt_out(receipt)}


@router.delete("/{project_id}/users/{principal_id}", summary="Take all roles in a project back from a user")
def remove_user(called: Administering, project_id: str, principal_id: str) -> Json:
    """All that were granted to themselves there. What they hold in a group stays, and they stay in the list with it."""
    where = _project(called, project_id)
    receipt = grants.revoke_all(called.platform, called.principal, PrincipalId(principal_id), where)
    return {**deleted("organization.project.user", principal_id), "receipt": receipt_out(receipt)}


@router.get("/{project_id}/groups", summary="Groups of a project")
def groups_of(called: Asking, project_id: str, after: After = None, limit: Limit = 20, order: Order = "asc") -> Json:
    """Which hold a role in the project itself."""
    where, found = _there(called, project_id)
    inside = found.groups_of_project(where)
    return paged(
        list(inside), lambda one: project_group_out(found.groups[one], where, inside[one]), str, after, limit, order
    )


@router.post("/{project_id}/groups", summary="Grant a group a role in a project")
def add_group(called: Administering, project_id: str, body: ProjectGroupIn) -> Json:
    """By its word or its id; so to everybody who is in it, now or later."""
    where, group = _project(called, project_id), GroupId(body.group_id)
    _, receipt = groups.grant(called.platform, called.principal, group, role_of(body.role), where)
    return {**_group(called, where, group), "receipt": receipt_out(receipt)}


@router.get("/{project_id}/groups/{group_id}", summary="A group of a project")
def group_of(
    called: Asking,
    project_id: str,
    group_id: str,
    group_type: Annotated[
        Literal["group", "tenant_group"], Query(description="Only groups of here are kept.")
    ] = "group",
) -> Json:
    """Not found where it holds no role in the project itself."""
    where, found = _there(called, project_id)
    if group_type != "group":
        raise _no_group()
    return _group(called, where, GroupId(group_id), found)


@router.delete("/{project_id}/groups/{group_id}", summary="Take all roles in a project back from a group")
def remove_group(called: Administering, project_id: str, group_id: str) -> Json:
    """All that it was granted there."""
    where = _project(called, project_id)
    receipt = groups.revoke_all(called.platform, called.principal, GroupId(group_id), where)
    return {**deleted("project.group"), "receipt": receipt_out(receipt)}


def _project(called: Caller, identifier: str) -> ProjectId:
    return projects.get(called.platform, called.principal, ProjectId(identifier)).id


def _there(called: Caller, identifier: str) -> tuple[ProjectId, Directory]:
    return _project(called, identifier), directory(called.platform, called.principal)


def _user(called: Caller, where: ProjectId, member: PrincipalId, seen: Directory | None = None) -> Json:
    found = seen or directory(called.platform, called.principal)
    inside = found.members_of_project(where)
    if member not in inside:
        raise NotFound("user_not_found", "There is no such user for you.")
    shown = names_are_shown(called.platform, called.principal)
    return project_user_out(found, member, where, inside[member], shown=shown)


def _group(called: Caller, where: ProjectId, group: GroupId, seen: Directory | None = None) -> Json:
    found = seen or directory(called.platform, called.principal)
    inside = found.groups_of_project(where)
    if group not in inside:
        raise _no_group()
    return project_group_out(found.groups[group], where, inside[group])


def _no_group() -> NotFound:
    return NotFound("group_not_found", "There is no such group for you.")
