"""`tunewarden projects create|list|rename|archive`: always as somebody, whose API key is read from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Projects: what is in one is there for those who hold a role in it.")

KeyFile = Annotated[Path, typer.Option("--key-file", help="File with the API key of who acts; mode 0600.")]
Name = Annotated[str, typer.Argument(help="For screens only, never logged.")]
Identifier = Annotated[str, typer.Argument(metavar="PROJECT", help="Its id, as `projects list` says it.")]


@app.command("create")
def create(name: Name, key_file: KeyFile) -> None:
    """Make a project. Roles in it: `keys create --project`, `policy grant --project`."""
    from tunewarden.entry.cli.acting import acting
    from tunewarden.usecases import projects

    made, receipt = projects.create(*acting(key_file), name)
    typer.echo(f"{made.id}: entry {receipt.index} of the log")


@app.command("list")
def listed(key_file: KeyFile) -> None:
    """Every project that you may see, oldest first, one JSON object a line."""
    from tunewarden.domain.canonical import to_plain
    from tunewarden.entry.cli.acting import acting
    from tunewarden.usecases import projects

    for one in projects.listed(*acting(key_file)):
        # ASCII only, so that a name cannot move the cursor of a terminal or begin a line of its own.
        typer.echo(json.dumps({"state": one.state, "project": to_plain(one)}))


@app.command("rename")
def rename(identifier: Identifier, name: Name, key_file: KeyFile) -> None:
    """Give a project another name."""
    from tunewarden.domain.names import ProjectId
    from tunewarden.entry.cli.acting import acting
    from tunewarden.usecases import projects

    _, receipt = projects.rename(*acting(key_file), ProjectId(identifier), name)
    typer.echo(f"renamed: entry {receipt.index} of the log")


@app.command("archive")
def archive(identifier: Identifier, key_file: KeyFile) -> None:
    """Nothing new begins in a project, for good; what waits for approval ends, what was approved and reading go on."""
    from tunewarden.domain.names import ProjectId
    from tunewarden.entry.cli.acting import acting
    from tunewarden.usecases import archiving

    _, receipt = archiving.archive(*acting(key_file), ProjectId(identifier))
    typer.echo(f"archived: entry {receipt.index} of the log")
