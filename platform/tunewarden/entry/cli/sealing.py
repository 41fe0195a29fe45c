"""`tunewarden log new-key` and `rotate-key`: changing the key that signs the log, on the sealer's machine."""

from pathlib import Path
from typing import Annotated

import typer

from tunewarden.entry.cli.saying import AsJson, say


def new_key(
    file: Annotated[Path, typer.Argument(metavar="NEW_KEY_FILE", help="Must not be there yet.")],
    as_json: AsJson = False,
) -> None:
    """Make a signing key for `rotate-key`, and show its public half so that auditors have it in time."""
    from tunewarden.entry.settings import Settings
    from tunewarden.entry.signing_key import new_key as make

    _show(make(Settings(), file).verifier.vkey, as_json=as_json)


def rotate_key(
    file: Annotated[Path, typer.Argument(metavar="NEW_KEY_FILE", help="Made by new-key.")], as_json: AsJson = False
) -> None:
    """Let another key sign the log from here on. Stop the sealer first; after a crash call it again with this file."""
    from tunewarden.entry.cli.client.declined import Declined
    from tunewarden.entry.cli.client.output import Output
    from tunewarden.entry.cli.exits import Exit
    from tunewarden.entry.rotation import rotate
    from tunewarden.entry.settings import Settings
    from tunewarden_audit.custody import InUse
    from tunewarden_audit.log import RefusedToSign

    settings = Settings()
    try:
        key = rotate(settings, file)
    except (InUse, RefusedToSign) as refusal:
        exit_code = Exit.REFUSED if isinstance(refusal, InUse) else Exit.UNSIGNED
        Output(as_json=as_json).declined(Declined("not_rotated", f"{refusal}", exit_code=exit_code))
        raise typer.Exit(exit_code) from None
    _show(key.vkey, as_json=as_json)
    if settings.signing_key_pem is not None and not as_json:
        typer.echo(
            f"the sealer's key comes from the environment: put the content of {file} there, then start the sealer"
        )


def _show(vkey: str, *, as_json: bool) -> None:
    say(f"vkey {vkey}", as_json=as_json, vkey=vkey)


def add_commands(app: typer.Typer) -> None:
    """Put both under `tunewarden log`."""
    app.command("new-key")(new_key)
    app.command("rotate-key")(rotate_key)
