"""`tunewarden models history`: what an alias named when; always as somebody, whose API key is read from a file."""

from __future__ import annotations

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
    as_json: Annotated[bool, typer.Option("--json", help="For programs: JSON, one object a line.")] = False,
) -> None:
    """On the platform's machine: every model version that an alias named, oldest first; as JSON one a line."""
    from tunewarden.domain.names import Alias
    from tunewarden.entry.api.instants import instant
    from tunewarden.entry.api.registry_schemas import stretch_out
    from tunewarden.entry.cli.acting import acting
    from tunewarden.entry.cli.client.output import Output
    from tunewarden.usecases import serving

    platform, principal = acting(key_file)
    then = instant(at, "at")
    if then is None:
        found = serving.history(platform, principal, Alias(alias))
    else:
        found = [serving.served(platform, principal, Alias(alias), then)]
    out, rows = Output(as_json=as_json), []
    for stretch in found:
        said = stretch_out(stretch)
        out.document(said)
        until = said["until"] or {"at": "", "by": ""}
        rows.append((said["model"], said["since"]["at"], said["since"]["by"], until["at"], until["by"]))
    out.table(("model", "since", "by", "until", "by"), rows, "It named nothing.")
