"""What requests about the organisation are about: users, groups, projects and keys, new where one changes them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.journeys.theatre import Theatre

ORG = "/v1/organization"
NONE = ("developer_persona", "technical_level", "external_key_id", "geography", "email", "request", "scopes")


@dataclass(slots=True)
class Org:
    """Makes them. What is only read is made once."""

    theatre: Theatre
    kept: dict[str, Any] = field(default_factory=dict)

    def say(self, method: str, path: str) -> Mapping[str, Any]:
        """Values for this request; none where it is about something else."""
        if not path.startswith((ORG, "/v1/projects/")):
            return {}
        world = self.kept if method == "GET" else {}
        if not world:
            world |= self.made(path if method != "GET" else "")
        if method != "GET" and (method == "DELETE" or path.endswith(("/{principal_id}", "/{account_id}/api_keys"))):
            self.fill(world, path)
        fixed = {"role": "steward", "role_id": "role-steward", "name": "word", "include_archived": False}
        fixed |= {"tenant_only": False, "event_types[]": "project.created", "before": "audit_log-1"}
        fixed |= {"create_service_account_only": None, **dict.fromkeys(NONE)}
        if "/projects/{project_id}" in path:
            fixed |= {"role": "reviewer", "role_id": "role-reviewer"}
        if "/admin_api_keys/" in path and method == "GET":
            fixed["key_id"] = world["admin_key"]
            return {**world, **fixed}
        return {**fixed, **world, "after": self.after(world, path, fixed["role_id"])}

    def made(self, path: str) -> dict[str, Any]:
        """New ones that this path names; all of them, filled, for an empty one."""
        world: dict[str, Any] = {}
        if not path or "user" in path:
            world["principal_id"] = world["user_id"] = self.post("/v1/keys", roles=["requester"])["principal"]
        if not path or "group" in path:
            world["group_id"] = self.post(f"{ORG}/groups", name="word")["id"]
        if not path or "{project_id}" in path:
            world["project_id"] = self.post(f"{ORG}/projects", name="word")["id"]
        if not path:
            for every in ("/groups/{group_id}/users/{principal_id}", *ASSIGNED, "/admin_api_keys/{key_id}"):
                self.fill(world, every)
            admin = world["key_id"]
            self.fill(world, "/api_keys/{key_id}")
            world["admin_key"] = admin
        return world

    def fill(self, world: dict[str, Any], path: str) -> None:
        """So that what the path takes away, or changes, is there."""
        where = f"{ORG}/projects/{world.get('project_id')}"
        is_there = "/projects/{project_id}" in path
        inside, role = (f"/v1/projects/{world.get('project_id')}", "reviewer") if is_there else (ORG, "steward")
        match path.removeprefix("/v1/projects/{project_id}").removeprefix(ORG).removeprefix("/projects/{project_id}"):
            case "/groups/{group_id}/users/{principal_id}":
                self.post(f"{ORG}/groups/{world['group_id']}/users", user_id=world["principal_id"])
            case "/users/{principal_id}/roles/{role_id}":
                self.post(f"{inside}/users/{world['principal_id']}/roles", role_id=role)
            case "/groups/{group_id}/roles/{role_id}":
                self.post(f"{inside}/groups/{world['group_id']}/roles", role_id=role)
            case "/users/{principal_id}" if "{project_id}" in path:
                self.post(f"{where}/users", user_id=world["principal_id"], role=role)
            case "/groups/{group_id}" if "{project_id}" in path:
                self.post(f"{where}/groups", group_id=world["group_id"], role=role)
            case "/admin_api_keys/{key_id}":
                world["key_id"] = self.post(f"{ORG}/admin_api_keys", name="word")["id"]
            case "/api_keys/{key_id}" | "/service_accounts/{account_id}" | "/service_accounts/{account_id}/api_keys":
                account = self.post(f"{where}/service_accounts", name="word")
                world |= {"account_id": account["id"], "key_id": account["api_key"]["id"]}

    def after(self, world: Mapping[str, Any], path: str, role: object) -> str:
        """Something that is in the list."""
        for end, name in ENDS.items():
            if path.endswith(end):
                return str(world.get(name, ""))
        return "audit_log-5" if path.endswith("/audit_logs") else str(role)

    def post(self, path: str, **body: Any) -> Any:
        return self.theatre.must("max", "POST", path, json=body)


ASSIGNED = (
    f"{ORG}/users/{{principal_id}}/roles/{{role_id}}",
    f"{ORG}/groups/{{group_id}}/roles/{{role_id}}",
    "/v1/projects/{project_id}/users/{principal_id}/roles/{role_id}",
    "/v1/projects/{project_id}/groups/{group_id}/roles/{role_id}",
)
ENDS = {
    "/users": "principal_id",
    "/groups": "group_id",
    "/projects": "project_id",
    "/admin_api_keys": "admin_key",
    "/api_keys": "key_id",
    "/service_accounts": "account_id",
}
