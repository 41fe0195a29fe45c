"""`tunewarden projects create|list|show|rename|archive|members`: projects, through the API."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tunewarden.entry.cli.client import members
from tunewarden.entry.cli.client.completing import project_ids
from tunewarden.entry.cli.client.output import day_of
from tunewarden.entry.cli.client.talk import AsJson, Once, Talk, Yes, at, talking, word

app = typer.Typer(no_args_is_help=True, help="Projects: what is in one is there for those who hold a role in it.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="For screens only, never logged.")]
Project = Annotated[str, typer.Argument(metavar="PROJECT", help="Its id.", autocompletion=project_ids)]
_PATH = "/v1/organization/projects"
app.add_typer(members.app, name="members")


@app.command("create")
def create(name: Name, once: Once = "", as_json: AsJson = False) -> None:
    """Make a project. Roles in it: `projects members add`, `keys create --project`."""
    with talking(as_json=as_json) as talk:
        _show(talk, talk.api.post(_PATH, {"name": name}, once=once))


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """Every project that you may see, oldest first, archived ones too; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        rows = []
        for one in talk.api.pages(_PATH, {"limit": 100, "include_archived": "true"}):
            talk.out.document(one)
            rows.append((one.get("id"), one.get("name"), one.get("status"), day_of(one.get("created_at"))))
        talk.out.table(("project", "name", "state", "since"), rows, "There is no project that you may see.")


@app.command("show")
def show(project: Project, as_json: AsJson = False) -> None:
    """One project."""
    with talking(as_json=as_json) as talk:
        _show(talk, talk.api.get(at(f"{_PATH}/{{}}", project)))


@app.command("rename")
def rename(project: Project, name: Name, as_json: AsJson = False) -> None:
    """Give a project another name. Its id stays."""
    with talking(as_json=as_json) as talk:
        _show(talk, talk.api.post(at(f"{_PATH}/{{}}", project), {"name": name}))


@app.command("archive")
def archive(project: Project, yes: Yes = False, as_json: AsJson = False) -> None:
    """Nothing new begins in a project, for good; what waits for approval ends, what was approved and reading go on."""
    with talking(as_json=as_json) as talk:
        at("{}", project)
        talk.confirm(f"Archive {project} for good?", yes=yes)
        _show(talk, talk.api.post(at(f"{_PATH}/{{}}/archive", project)))


def _show(talk: Talk, found: dict[str, Any]) -> None:
    talk.out.document(found)
    talk.out.facts(
        [
            ("project", found.get("id")),
            ("name", found.get("name")),
            ("state", found.get("status")),
            ("since", day_of(found.get("created_at"))),
            ("archived", day_of(found.get("archived_at"))),
            ("log entry", word(found, "receipt", "index")),
        ]
    )
