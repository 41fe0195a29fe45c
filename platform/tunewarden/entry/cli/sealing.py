"""`tunewarden log new-key` and `rotate-key`: changing the key that signs the log, on the sealer's machine."""

from pathlib import Path
from typing import Annotated

import typer


def new_key(file: Annotated[Path, typer.Argument(metavar="NEW_KEY_FILE", help="Must not be there yet.")]) -> None:
    """Make a signing key for `rotate-key`, and show its public half so that auditors have it in time."""
    from tunewarden.entry.settings import Settings
    from tunewarden.entry.signing_key import new_key as make

    _show(make(Settings(), file).verifier.vkey)


def rotate_key(file: Annotated[Path, typer.Argument(metavar="NEW_KEY_FILE", help="Made by new-key.")]) -> None:
    """Let another key sign the log from here on. Stop the sealer first; after a crash call it again with this file."""
    from tunewarden.entry.rotation import rotate
    from tunewarden.entry.sealer import REFUSED
    from tunewarden.entry.settings import Settings
    from tunewarden_audit.custody import InUse
    from tunewarden_audit.log import RefusedToSign

    settings = Settings()
    try:
        key = rotate(settings, file)
    except (InUse, RefusedToSign) as refusal:
        typer.secho(f"not rotated: {refusal}", err=True, fg="red")
        raise typer.Exit(1 if isinstance(refusal, InUse) else REFUSED) from None
    _show(key.vkey)
    if settings.signing_key_pem is not None:
        typer.echo(
            f"the sealer's key comes from the environment: put the content of {file} there, then start the sealer"
        )


def _show(vkey: str) -> None:
    typer.echo(f"vkey {vkey}")


def add_commands(app: typer.Typer) -> None:
    """Put both under `tunewarden log`."""
    app.command("new-key")(new_key)
    app.command("rotate-key")(rotate_key)
