"""`tunewarden projects members list|add|remove`: who holds a role in a project itself, granted or in a group."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tunewarden.domain.groups import is_group
from tunewarden.domain.names import Role
from tunewarden.entry.cli.client.completing import members, members_of_project, project_ids
from tunewarden.entry.cli.client.output import day_of
from tunewarden.entry.cli.client.policy import told
from tunewarden.entry.cli.client.talk import AsJson, Talk, at, talking, word

app = typer.Typer(
    no_args_is_help=True, help="Who holds a role in a project itself. Who holds one in every project may more."
)

Project = Annotated[str, typer.Argument(metavar="PROJECT", help="Its id.", autocompletion=project_ids)]
Granted = Annotated[Role, typer.Argument(metavar="ROLE", help="Such as requester.")]
_SOMEBODY = "Somebody, or a group (grp-...)."
New = Annotated[str, typer.Argument(metavar="MEMBER", help=_SOMEBODY, autocompletion=members)]
Member = Annotated[str, typer.Argument(metavar="MEMBER", help=_SOMEBODY, autocompletion=members_of_project)]
_USERS, _GROUPS = "/v1/organization/projects/{}/users", "/v1/organization/projects/{}/groups"


@app.command("list")
def listed(project: Project, as_json: AsJson = False) -> None:
    """Groups, then persons and programs, who got there first first; as JSON one a line.

    Whoever is in a group is listed too, with the roles that they have by it.
    """
    with talking(as_json=as_json) as talk:
        rows: list[list[object]] = []
        for one in talk.api.pages(at(_GROUPS, project), {"limit": 100}):
            talk.out.document(one)
            if not as_json:
                group, since = word(one, "group_id"), day_of(one.get("created_at"))
                rows.append([group, one.get("group_name"), _roles_of_group(talk, project, group), since])
        for one in talk.api.pages(at(_USERS, project), {"limit": 100}):
            talk.out.document(one)
            roles = word(one, "role").replace("+", " ")
            rows.append([one.get("id"), one.get("name"), roles, day_of(one.get("added_at"))])
        talk.out.table(("member", "name", "roles", "since"), rows, "Nobody holds a role in this project itself.")


@app.command("add")
def add(project: Project, member: New, role: Granted, as_json: AsJson = False) -> None:
    """Grant somebody else, or everybody in a group, a role in a project; once more for each further role."""
    with talking(as_json=as_json) as talk:
        at("{}", member)
        if is_group(member):
            made = talk.api.post(at(_GROUPS, project), {"group_id": member, "role": str(role)})
        else:
            made = talk.api.post(at(_USERS, project), {"user_id": member, "role": str(role)})
        told(talk, made, "granted")


@app.command("remove")
def remove(project: Project, member: Member, as_json: AsJson = False) -> None:
    """Take back every role that somebody, or a group, was granted in a project; one alone with `policy revoke`.

    Roles that somebody has there by a group stay: remove the group.
    """
    with talking(as_json=as_json) as talk:
        path = (_GROUPS if is_group(member) else _USERS) + "/{}"
        told(talk, talk.api.delete(at(path, project, member)), "taken back")


def _roles_of_group(talk: Talk, project: str, group: str) -> str:
    held: list[dict[str, Any]] = list(talk.api.pages(at("/v1/projects/{}/groups/{}/roles", project, group)))
    return " ".join(word(one, "name") for one in held)
