"""`tunewarden model history`: what an alias named when; always as somebody, whose API key is read from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Model versions: what served when, as the log tells it.")

KeyFile = Annotated[Path, typer.Option("--key-file", help="File with the API key of who acts; mode 0600.")]


@app.command("history")
def history(
    alias: Annotated[str, typer.Argument()],
    key_file: KeyFile,
    at: Annotated[str | None, typer.Option(help="Only what it named at the end of this day, or then.")] = None,
) -> None:
    """Every model version that an alias named, oldest first, one line of JSON each."""
    from tunewarden.domain.names import Alias
    from tunewarden.entry.api.instants import instant
    from tunewarden.entry.api.registry_schemas import stretch_out
    from tunewarden.entry.cli.acting import acting
    from tunewarden.usecases import serving

    platform, principal = acting(key_file)
    then = instant(at, "at")
    if then is None:
        found = serving.history(platform, principal, Alias(alias))
    else:
        found = [serving.served(platform, principal, Alias(alias), then)]
    for stretch in found:
        typer.echo(json.dumps(stretch_out(stretch)))
