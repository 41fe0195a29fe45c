"""Administration: the objects of `client.admin.organization`, as the OpenAI client's types have them."""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired

from pydantic import ConfigDict
from typing_extensions import TypedDict

from tunewarden.domain.names import Role
from tunewarden.domain.projects import ProjectState
from tunewarden.entry.api.answers.shapes import Deleted, Index, Paged, Receipt, Seconds


class OrganizationUser(TypedDict):
    """A person or a service account. No e-mail address is kept of anybody."""

    object: Literal["organization.user"]
    id: str
    name: str
    email: None
    role: str
    added_at: Seconds
    is_service_account: bool
    receipt: NotRequired[Receipt]


class ProjectUser(TypedDict):
    """Who holds a role in the project itself."""

    object: Literal["organization.project.user"]
    id: str
    name: str
    email: None
    role: str
    added_at: Seconds
    receipt: NotRequired[Receipt]


class Group(TypedDict):
    """A group, as the list of groups has it."""

    id: str
    created_at: Seconds
    group_type: Literal["group"]
    is_scim_managed: Literal[False]
    name: str
    receipt: NotRequired[Receipt]


class AssignedGroup(TypedDict):
    """A group, as the assignment of a role has it."""

    object: Literal["group"]
    id: str
    created_at: Seconds
    name: str
    scim_managed: Literal[False]


class GroupMember(TypedDict):
    """A user, as a group has them."""

    id: str
    name: str
    email: None


class OneGroupMember(GroupMember):
    """The same, asked for alone."""

    user_type: Literal["user"]
    is_service_account: bool


class GroupUser(TypedDict):
    """Somebody came into a group."""

    object: Literal["group.user"]
    group_id: str
    user_id: str
    receipt: Receipt


class ProjectGroup(TypedDict):
    """A group that holds a role in the project itself."""

    object: Literal["project.group"]
    created_at: Seconds
    group_id: str
    group_name: str
    group_type: Literal["group"]
    project_id: str
    receipt: NotRequired[Receipt]


class RoleOut(TypedDict):
    """A role of the access policy, with what the version in force allows it."""

    object: Literal["role"]
    id: str
    name: Role
    description: None
    permissions: list[str]
    predefined_role: Literal[True]
    resource_type: Literal["api.organization", "api.project"]


class AssignmentSource(TypedDict):
    principal_type: Literal["user", "group"]
    principal_id: str


class Assignment(RoleOut):
    """A role that somebody holds, with where it comes from."""

    assignment_sources: list[AssignmentSource]


class UserRole(TypedDict):
    """A role was granted to a user."""

    object: Literal["user.role"]
    role: RoleOut
    user: OrganizationUser
    receipt: Receipt


class GroupRole(TypedDict):
    """A role was granted to a group."""

    object: Literal["group.role"]
    role: RoleOut
    group: AssignedGroup
    receipt: Receipt


class Project(TypedDict):
    """What data and model versions are kept apart by."""

    object: Literal["organization.project"]
    id: str
    name: str
    created_at: Seconds
    archived_at: Seconds | None
    status: ProjectState
    receipt: NotRequired[Receipt]


class Owner(TypedDict):
    object: Literal["organization.user"]
    type: Literal["user"]
    id: str
    name: str
    role: str


class AdminKey(TypedDict):
    """An admin key. `value` is shown once, when it is made."""

    object: Literal["organization.admin_api_key"]
    id: str
    name: str
    created_at: Seconds
    expires_at: Seconds | None
    last_used_at: Seconds | None
    redacted_value: str
    owner: Owner
    value: NotRequired[str]
    receipt: NotRequired[Receipt]


class Bearer(TypedDict):
    id: str
    created_at: Seconds
    name: str
    role: str
    email: NotRequired[Literal[""]]


class KeyOwner(TypedDict):
    type: Literal["user", "service_account"]
    user: NotRequired[Bearer]
    service_account: NotRequired[Bearer]


class ProjectKey(TypedDict):
    """A key that works in one project alone."""

    object: Literal["organization.project.api_key"]
    id: str
    name: str
    created_at: Seconds
    expires_at: Seconds | None
    last_used_at: Seconds | None
    redacted_value: str
    owner_project_access: Literal["active", "inactive"]
    owner: KeyOwner


class AccountKey(TypedDict):
    """A key of a service account, which is shown once."""

    object: Literal["organization.project.service_account.api_key"]
    id: str
    name: str
    created_at: Seconds
    expires_at: Seconds | None
    value: str
    receipt: NotRequired[Receipt]


class ServiceAccount(TypedDict):
    """A program in a project; `request` is the one training request that it may touch."""

    object: Literal["organization.project.service_account"]
    id: str
    name: str
    role: Literal["member"]
    created_at: Seconds
    roles: list[Role]
    request: str | None
    api_key: NotRequired[AccountKey]
    receipt: NotRequired[Receipt]


class LogBearer(TypedDict):
    id: str


class LogKey(TypedDict):
    type: Literal["user", "service_account"]
    user: NotRequired[LogBearer]
    service_account: NotRequired[LogBearer]


class LogActor(TypedDict):
    type: Literal["api_key"]
    api_key: LogKey


class Fact(TypedDict):
    """All that the log holds of an entry."""

    index: Index
    event: str
    fact: dict[str, Any]


class AuditLogItem(TypedDict):
    """An entry of the log. What the contract says of it stands under its type, as a member of that name."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    id: str
    type: str
    effective_at: Seconds
    actor: LogActor
    project: LogBearer | None
    entry: Fact


_ORG = "/v1/organization"
_KEYS, _ACCOUNTS = _ORG + "/admin_api_keys", _ORG + "/projects/{project_id}/service_accounts"
_GROUPS, _PROJECT = _ORG + "/groups", _ORG + "/projects/{project_id}"
_USER, _GROUP = "/users/{principal_id}", "/groups/{group_id}"


def _roles(holder: str, granted: Any) -> Mapping[tuple[str, str], Any]:
    """Roles of a holder, whose path this is: listed, one, granted, taken back."""
    return {
        ("GET", f"{holder}/roles"): Paged[Assignment],
        ("GET", f"{holder}/roles/{{role_id}}"): Assignment,
        ("POST", f"{holder}/roles"): granted,
        ("DELETE", f"{holder}/roles/{{role_id}}"): Deleted,
    }


ANSWERS: Mapping[tuple[str, str], Any] = {
    **_roles(_ORG + _USER, UserRole),
    **_roles(_ORG + _GROUP, GroupRole),
    **_roles("/v1/projects/{project_id}" + _USER, UserRole),
    **_roles("/v1/projects/{project_id}" + _GROUP, GroupRole),
    ("GET", _ORG + "/users"): Paged[OrganizationUser],
    ("GET", _ORG + _USER): OrganizationUser,
    ("POST", _ORG + _USER): OrganizationUser,
    ("DELETE", _ORG + _USER): Deleted,
    ("GET", _ORG + "/roles"): Paged[RoleOut],
    ("GET", _ORG + "/roles/{role_id}"): RoleOut,
    ("GET", "/v1/projects/{project_id}/roles"): Paged[RoleOut],
    ("GET", "/v1/projects/{project_id}/roles/{role_id}"): RoleOut,
    ("GET", _GROUPS): Paged[Group],
    ("POST", _GROUPS): Group,
    ("GET", _ORG + _GROUP): Group,
    ("POST", _ORG + _GROUP): Group,
    ("DELETE", _ORG + _GROUP): Deleted,
    ("GET", _ORG + _GROUP + "/users"): Paged[GroupMember],
    ("POST", _ORG + _GROUP + "/users"): GroupUser,
    ("GET", _ORG + _GROUP + _USER): OneGroupMember,
    ("DELETE", _ORG + _GROUP + _USER): Deleted,
    ("GET", _ORG + "/projects"): Paged[Project],
    ("POST", _ORG + "/projects"): Project,
    ("GET", _PROJECT): Project,
    ("POST", _PROJECT): Project,
    ("POST", _PROJECT + "/archive"): Project,
    ("GET", _PROJECT + "/users"): Paged[ProjectUser],
    ("POST", _PROJECT + "/users"): ProjectUser,
    ("GET", _PROJECT + _USER): ProjectUser,
    ("POST", _PROJECT + _USER): ProjectUser,
    ("DELETE", _PROJECT + _USER): Deleted,
    ("GET", _PROJECT + "/groups"): Paged[ProjectGroup],
    ("POST", _PROJECT + "/groups"): ProjectGroup,
    ("GET", _PROJECT + _GROUP): ProjectGroup,
    ("DELETE", _PROJECT + _GROUP): Deleted,
    ("GET", _PROJECT + "/api_keys"): Paged[ProjectKey],
    ("GET", _PROJECT + "/api_keys/{key_id}"): ProjectKey,
    ("DELETE", _PROJECT + "/api_keys/{key_id}"): Deleted,
    ("GET", _ACCOUNTS): Paged[ServiceAccount],
    ("POST", _ACCOUNTS): ServiceAccount,
    ("GET", _ACCOUNTS + "/{account_id}"): ServiceAccount,
    ("DELETE", _ACCOUNTS + "/{account_id}"): Deleted,
    ("POST", _ACCOUNTS + "/{account_id}/api_keys"): AccountKey,
    ("GET", _KEYS): Paged[AdminKey],
    ("POST", _KEYS): AdminKey,
    ("GET", _KEYS + "/{key_id}"): AdminKey,
    ("DELETE", _KEYS + "/{key_id}"): Deleted,
    ("GET", _ORG + "/audit_logs"): Paged[AuditLogItem],
}
