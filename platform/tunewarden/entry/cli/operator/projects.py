"""`tunewarden operator projects create|list|rename|archive`: as somebody, whose API key is read from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewarden.entry.cli.saying import AsJson, say

app = typer.Typer(no_args_is_help=True, help="Projects: what is in one is there for those who hold a role in it.")

KeyFile = Annotated[Path, typer.Option("--key-file", help="File with the API key of who acts; mode 0600.")]
Name = Annotated[str, typer.Argument(help="For screens only, never logged.")]
Identifier = Annotated[str, typer.Argument(metavar="PROJECT", help="Its id, as `operator projects list` says it.")]


@app.command("create")
def create(name: Name, key_file: KeyFile, as_json: AsJson = False) -> None:
    """Make a project. Roles in it: `operator keys create --project`, `operator policy grant --project`."""
    from tunewarden.entry.cli.acting import acting
    from tunewarden.usecases import projects

    made, receipt = projects.create(*acting(key_file), name)
    say(f"{made.id}: entry {receipt.index} of the log", as_json=as_json, receipt=receipt, id=made.id)


@app.command("list")
def listed(key_file: KeyFile, as_json: AsJson = False) -> None:
    """Every project that you may see, oldest first; as JSON one a line."""
    from tunewarden.domain.canonical import to_plain
    from tunewarden.entry.cli.acting import acting
    from tunewarden.entry.cli.client.output import Output
    from tunewarden.usecases import projects

    out, found = Output(as_json=as_json), projects.listed(*acting(key_file))
    for one in found:
        out.document({"state": one.state, "project": to_plain(one)})
    rows = [(one.id, one.name, one.state) for one in found]
    out.table(("project", "name", "state"), rows, "There is no project that you may see.")


@app.command("rename")
def rename(identifier: Identifier, name: Name, key_file: KeyFile, as_json: AsJson = False) -> None:
    """Give a project another name."""
    from tunewarden.domain.names import ProjectId
    from tunewarden.entry.cli.acting import acting
    from tunewarden.usecases import projects

    _, receipt = projects.rename(*acting(key_file), ProjectId(identifier), name)
    say(f"renamed: entry {receipt.index} of the log", as_json=as_json, receipt=receipt, id=identifier)


@app.command("archive")
def archive(identifier: Identifier, key_file: KeyFile, as_json: AsJson = False) -> None:
    """Nothing new begins in a project, for good; what waits for approval ends, what was approved and reading go on."""
    from tunewarden.domain.names import ProjectId
    from tunewarden.entry.cli.acting import acting
    from tunewarden.usecases import archiving

    _, receipt = archiving.archive(*acting(key_file), ProjectId(identifier))
    say(f"archived: entry {receipt.index} of the log", as_json=as_json, receipt=receipt, id=identifier)
