"""`tunewarden master-keys`: what data keys are wrapped under."""

from typing import Annotated, Any

import typer

from tunewarden.entry.cli.saying import AsJson, say

app = typer.Typer(no_args_is_help=True, help="Master keys, under which the keys that seal data are wrapped.")


@app.command("rotate")
def rotate(as_json: AsJson = False) -> None:
    """Wrap all data keys anew under new master keys, then destroy those of before."""
    from tunewarden.domain.key_events import KeyPurpose
    from tunewarden.entry.key_files import RINGS
    from tunewarden.entry.key_rotation import rotate as rotate_one
    from tunewarden.entry.settings import Settings

    settings = Settings()
    for purpose in map(KeyPurpose, RINGS):
        done = rotate_one(settings, purpose)
        line = f"{purpose}: {done.keys} data keys wrapped anew, by {done.version}"
        said: dict[str, Any] = {"purpose": purpose, "keys": done.keys, "version": done.version, "left": done.left}
        say(line, as_json=as_json, **said)
        if done.left and not as_json:
            typer.echo(f"{purpose}: the key before is still there; take it, the second one, out of its place")


@app.command("rotate-blobs")
def rotate_blobs(
    finish: Annotated[bool, typer.Option("--finish", help="Destroy the key before, ten minutes later.")] = False,
    as_json: AsJson = False,
) -> None:
    """Seal weights, evidence and reports anew under a new blob key; in a second run, destroy the one before.

    Records are not among them: their keys are wrapped by the master keys. The tenant key is not rotated: under another
    one every person would be somebody else, with a fresh privacy budget.
    """
    from tunewarden.entry import blob_rotation
    from tunewarden.entry.settings import Settings

    done = blob_rotation.end(Settings()) if finish else blob_rotation.begin(Settings())
    line = f"{done.blobs} of {done.total} blobs were sealed anew; all are under the newest key"
    say(line, as_json=as_json, blobs=done.blobs, total=done.total, ended=done.ended, left=done.left)
    if as_json:
        return
    if done.left:
        typer.echo("the key before is still there; take it, the second one, out of its place")
    elif done.ended:
        typer.echo("the key before is destroyed")
    else:
        typer.echo("the key before is still there; ten minutes later: tunewarden master-keys rotate-blobs --finish")


@app.command("wrap")
def wrap(as_json: AsJson = False) -> None:
    """Wrap the key files by the key-management service of the settings, as it is now."""
    from tunewarden.entry.key_rotation import wrap as wrap_all
    from tunewarden.entry.settings import Settings

    wrapped = list(wrap_all(Settings()))
    say(f"wrapped: {', '.join(wrapped)}", as_json=as_json, wrapped=wrapped)


@app.command("status")
def status(as_json: AsJson = False) -> None:
    """When each master key was rotated last, and how many erasures came after.

    Copies of the database from before the rotation to come still hold the keys of who was erased.
    """
    from tunewarden.entry.key_rotation import standing
    from tunewarden.entry.settings import Settings

    for one in standing(Settings()):
        when = "never" if one.rotated_at is None else f"at {one.rotated_at}"
        line = f"{one.purpose}: rotated {when}; {one.erasures} erasures since"
        say(line, as_json=as_json, purpose=one.purpose, rotated_at=one.rotated_at, erasures=one.erasures)
