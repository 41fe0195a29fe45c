"""What the routes of the organisation take."""

from tests.entry.api.needs import LoggedIn, Need

from tunewarden.domain.names import Action
from tunewarden.entry.api.routes.organization_absent import ABSENT

A = Action
ORG = "/v1/organization"
PROJECT, IN_PROJECT = ORG + "/projects/{project_id}", "/v1/projects/{project_id}"


def reading(*, there: bool = False) -> Need:
    return Need(A.READ_POLICY, "policy", takes_both=True, before=A.READ_PROJECT if there else None)


def changing(action: Action, kind: str = "grant", *, before: Action | None = None) -> Need:
    return Need(action, kind, is_admin=True, before=before)


def assignments(path: str, *, there: bool) -> dict[tuple[str, str], Need]:
    """Of the roles of a user or a group: listed, shown, granted, taken back."""
    first = A.READ_PROJECT if there else None
    return {
        ("GET", path): reading(there=there),
        ("GET", path + "/{role_id}"): reading(there=there),
        ("POST", path): changing(A.GRANT_ROLE, before=first),
        ("DELETE", path + "/{role_id}"): changing(A.REVOKE_ROLE, before=first),
    }


def inside(path: str, one: str, first: Action | None) -> dict[tuple[str, str], Need]:
    """Of who is in something: listed, shown, put in, taken out."""
    there = first is not None
    return {
        ("GET", path): reading(there=there),
        ("GET", f"{path}/{one}"): reading(there=there),
        ("POST", path): changing(A.GRANT_ROLE, before=first),
        ("DELETE", f"{path}/{one}"): changing(A.REVOKE_ROLE, before=first),
    }


def roles(path: str, *, there: bool) -> dict[tuple[str, str], Need]:
    return {
        ("GET", path): reading(there=there),
        ("GET", path + "/{role_id}"): reading(there=there),
        ("POST", path): changing(A.PROPOSE_POLICY, "policy"),
        ("POST", path + "/{role_id}"): changing(A.PROPOSE_POLICY, "policy"),
        ("DELETE", path + "/{role_id}"): changing(A.PROPOSE_POLICY, "policy"),
    }


def keyed(path: str, one: str, making: Action | None, first: Action | None) -> dict[tuple[str, str], Need]:
    """Of keys and service accounts. What is taken away is looked for among all keys first, by who may list them."""
    made = {} if making is None else {("POST", path): changing(making, "key", before=first)}
    return {
        **made,
        ("GET", path): changing(A.LIST_KEYS, "key", before=first),
        ("GET", f"{path}/{one}"): changing(A.LIST_KEYS, "key", before=first),
        ("DELETE", f"{path}/{one}"): changing(A.LIST_KEYS, "key", before=first),
    }


ORGANIZATION: dict[tuple[str, str], "Need | LoggedIn"] = {
    ("GET", ORG + "/users"): reading(),
    ("GET", ORG + "/users/{principal_id}"): reading(),
    ("POST", ORG + "/users/{principal_id}"): changing(A.GRANT_ROLE),
    ("DELETE", ORG + "/users/{principal_id}"): changing(A.REVOKE_KEY, "key"),
    ("POST", ORG + "/groups"): changing(A.GRANT_ROLE),
    ("GET", ORG + "/groups"): reading(),
    ("GET", ORG + "/groups/{group_id}"): reading(),
    ("POST", ORG + "/groups/{group_id}"): changing(A.GRANT_ROLE),
    ("DELETE", ORG + "/groups/{group_id}"): changing(A.REVOKE_ROLE),
    **inside(ORG + "/groups/{group_id}/users", "{principal_id}", None),
    **assignments(ORG + "/users/{principal_id}/roles", there=False),
    **assignments(ORG + "/groups/{group_id}/roles", there=False),
    **assignments(IN_PROJECT + "/users/{principal_id}/roles", there=True),
    **assignments(IN_PROJECT + "/groups/{group_id}/roles", there=True),
    **roles(ORG + "/roles", there=False),
    **roles(IN_PROJECT + "/roles", there=True),
    ("GET", ORG + "/projects"): Need(A.READ_PROJECT, "project", is_list=True, takes_both=True),
    ("POST", ORG + "/projects"): changing(A.MANAGE_PROJECT, "project"),
    ("GET", PROJECT): Need(A.READ_PROJECT, "project", takes_both=True),
    ("POST", PROJECT): changing(A.MANAGE_PROJECT, "project"),
    ("POST", PROJECT + "/archive"): changing(A.MANAGE_PROJECT, "project"),
    **inside(PROJECT + "/users", "{principal_id}", A.READ_PROJECT),
    ("POST", PROJECT + "/users/{principal_id}"): changing(A.GRANT_ROLE, before=A.READ_PROJECT),
    **inside(PROJECT + "/groups", "{group_id}", A.READ_PROJECT),
    **keyed(ORG + "/admin_api_keys", "{key_id}", A.CREATE_KEY, None),
    **keyed(PROJECT + "/api_keys", "{key_id}", None, A.READ_PROJECT),
    **keyed(PROJECT + "/service_accounts", "{account_id}", A.CREATE_KEY, A.READ_PROJECT),
    ("POST", PROJECT + "/service_accounts/{account_id}/api_keys"): changing(A.LIST_KEYS, "key", before=A.READ_PROJECT),
    ("GET", ORG + "/audit_logs"): Need(A.READ_LOG, "log", takes_both=True),
    **{
        (method, path): LoggedIn("it is not here, and says so to whoever has a key")
        for path, (methods, _) in ABSENT.items()
        for method in methods.split()
    },
}
