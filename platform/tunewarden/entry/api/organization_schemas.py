"""What travels over the routes of the organisation: the objects of `client.admin.organization` (openai 3.52).

Standard members are those of that contract; ours beside them are `receipt`, and what their descriptions say. An e-mail
address is never kept, so none is sent: where the contract demands one, it is empty. `role` is one of our words, or
several of them joined by "+"; the id of a role is "role-" and its word, and either is taken.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from tunewarden.domain.access import EVERY
from tunewarden.domain.errors import Malformed, NotFound
from tunewarden.domain.groups import Group
from tunewarden.domain.identities import PrincipalKind
from tunewarden.domain.names import PrincipalId, ProjectId, Role
from tunewarden.domain.projects import Project
from tunewarden.entry.api.schemas import Json, Strict, Word
from tunewarden.usecases.directory import Directory, Source
from tunewarden.usecases.ports import KeyRecord, Principal

Name = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00]*$")]
"""Shown on screens, whatever is in it; never logged."""
Seconds = Annotated[int, Field(ge=1, le=3650 * 86_400)]
ORGANIZATION, PROJECT = "api.organization", "api.project"
_ROLE_ID = "role-"


class NameIn(Strict):
    name: Name


class RoleAssignmentIn(Strict):
    role_id: Word


class UserUpdateIn(Strict):
    """`role` or `role_id`: one role in place of all those that were granted them everywhere."""

    role: Word | None = None
    role_id: Word | None = None
    developer_persona: None = None
    technical_level: None = None


class GroupUserIn(Strict):
    user_id: Word


class ProjectIn(Strict):
    name: Name
    external_key_id: None = None
    geography: None = None
    residency: Literal["GLOBAL"] | None = None


class ProjectUpdateIn(Strict):
    name: Name
    external_key_id: None = None
    geography: None = None


class ProjectUserIn(Strict):
    role: Word
    user_id: Word
    email: None = None


class ProjectUserUpdateIn(Strict):
    role: Word


class ProjectGroupIn(Strict):
    group_id: Word
    role: Word


class RoleIn(Strict):
    """Of a role that nobody makes by itself."""

    role_name: Name | None = None
    permissions: list[Word] | None = Field(default=None, max_length=1_000)
    description: Name | None = None


class AdminKeyIn(Strict):
    name: Name
    expires_in_seconds: Seconds | None = None


class ServiceAccountIn(Strict):
    """A program in a project, with a key that is shown once.

    `roles` (ours) are requester's where left out; `request` (ours) is the one training request that it may touch.
    """

    name: Name
    expires_in_seconds: Seconds | None = None
    create_service_account_only: Literal[False] | None = None
    roles: list[Role] = Field(default=[Role.REQUESTER], min_length=1, max_length=len(Role))
    request: Word | None = None


class ServiceAccountKeyIn(Strict):
    """`scopes`: for which of its roles at most."""

    name: Name = "key"
    expires_in_seconds: Seconds | None = None
    scopes: list[Role] | None = Field(default=None, min_length=1, max_length=len(Role))


def role_of(text: str, param: str = "role") -> Role:
    """The role that an id or a word names. Raises `Malformed`."""
    word = text.removeprefix(_ROLE_ID)
    if word not in set(Role):
        raise Malformed(
            "role_unknown",
            f"There is no such role; there are {', '.join(sorted(Role))}.",
            remedy="Name one of these.",
            param=param,
        )
    return Role(word)


def role_in_path(text: str) -> Role:
    """The same for a role that is asked for by its id. Raises `NotFound`."""
    try:
        return role_of(text)
    except Malformed:
        raise NotFound("role_not_found", "There is no such role for you.") from None


def id_of(role: Role) -> str:
    return _ROLE_ID + role


def roles_word(roles: Sequence[Role]) -> str:
    return "+".join(sorted(roles)) or "none"


def seconds(at: datetime) -> int:
    """Whole seconds since 1970 (UTC), as that contract has its times."""
    return int(at.timestamp())


def deleted(kind: str, identifier: str | None = None) -> Json:
    """What is answered for something that is no more."""
    return {"object": f"{kind}.deleted", "deleted": True, **({} if identifier is None else {"id": identifier})}


def user_out(found: Directory, one: Principal, *, shown: bool) -> Json:
    """`organization.user`. `shown`: whether who asks may know the name."""
    return {
        "object": "organization.user",
        "id": one.id,
        "name": named(one, shown=shown),
        "email": None,
        "role": roles_word(list(found.roles_of(one.id, ProjectId(EVERY)))),
        "added_at": seconds(found.since[one.id]),
        "is_service_account": one.kind is PrincipalKind.SERVICE,
    }


def project_user_out(found: Directory, one: PrincipalId, project: ProjectId, at: datetime, *, shown: bool) -> Json:
    """`organization.project.user`: of who holds a role in the project itself."""
    return {
        "object": "organization.project.user",
        "id": one,
        "name": named(found.principals[one], shown=shown),
        "email": None,
        "role": roles_word(list(found.roles_of(one, project))),
        "added_at": seconds(at),
    }


def group_out(group: Group) -> Json:
    """`Group` of the list of groups, which has no `object`."""
    return {
        "id": group.id,
        "created_at": seconds(group.created_at),
        "group_type": "group",
        "is_scim_managed": False,
        "name": group.name,
    }


def assigned_group_out(group: Group) -> Json:
    """`group` as the assignment of a role has it."""
    return {
        "object": "group",
        "id": group.id,
        "created_at": seconds(group.created_at),
        "name": group.name,
        "scim_managed": False,
    }


def project_group_out(group: Group, project: ProjectId, at: datetime) -> Json:
    """`project.group`: of one that holds a role in the project itself."""
    return {
        "object": "project.group",
        "created_at": seconds(at),
        "group_id": group.id,
        "group_name": group.name,
        "group_type": "group",
        "project_id": project,
    }


def role_out(found: Directory, role: Role, project: ProjectId) -> Json:
    """`role`: always one of the policy's, with what the version in force allows it."""
    return {
        "object": "role",
        "id": id_of(role),
        "name": role,
        "description": None,
        "permissions": list(found.permissions(role, project)),
        "predefined_role": True,
        "resource_type": ORGANIZATION if project == EVERY else PROJECT,
    }


def assignment_out(found: Directory, role: Role, project: ProjectId, sources: Sequence[Source]) -> Json:
    """A role that somebody holds, with where it comes from."""
    made = role_out(found, role, project)
    come = [{"principal_type": one.holder, "principal_id": one.id} for one in sources]
    return {**made, "assignment_sources": come}


def project_out(project: Project) -> Json:
    """`organization.project`."""
    return {
        "object": "organization.project",
        "id": project.id,
        "name": project.name,
        "created_at": seconds(project.created_at),
        "archived_at": None if project.archived_at is None else seconds(project.archived_at),
        "status": project.state,
    }


def key_out(key: KeyRecord, used: datetime | None, *, kind: str, hidden: str) -> Json:
    """What both kinds of key have in common. Of the key itself nothing is kept that could be shown."""
    return {
        "object": kind,
        "id": key.id,
        "name": key.name or key.id,
        "created_at": 0 if key.created is None else seconds(key.created),
        "expires_at": None if key.expires is None else seconds(key.expires),
        "last_used_at": None if used is None else seconds(used),
        "redacted_value": hidden,
    }


def named(one: Principal, *, shown: bool) -> str:
    """What somebody is called, for who may know it; else their id."""
    return one.name if shown and one.name else one.id
