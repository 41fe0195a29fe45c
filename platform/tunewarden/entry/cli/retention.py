"""`tunewarden log hold ...` and `tunewarden log prune ...`: legal holds, and dropping bodies whose retention ended.

Only here, on the command line, and always as somebody: the API key of who acts is read from a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunewarden.entry.cli.saying import AsJson, say

if TYPE_CHECKING:
    from tunewarden.domain.retention import Retention
    from tunewarden.usecases.ports import Platform, Principal

hold = typer.Typer(no_args_is_help=True, help="Legal holds: entries that may not lose their body.")
prune = typer.Typer(no_args_is_help=True, help="Dropping the bodies of entries whose retention ended.")

KeyFile = Annotated[Path, typer.Option("--key-file", help="File with the API key of who acts; mode 0600.")]


@hold.command("place")
def place(
    resource: Annotated[str, typer.Argument(help="Id of what the hold is about, or 'log' for everything.")],
    key_file: KeyFile,
    order: Annotated[str, typer.Option(help="sha256:... of the document that asks for it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Place a legal hold. It covers the thing, all that rests on it, and all that it rests on."""
    from tunewarden.domain.names import digest_name
    from tunewarden.usecases import retention

    platform, principal, _ = _acting(key_file)
    made, receipt = retention.place_hold(platform, principal, resource, digest_name(order) if order else None)
    say(f"{made} placed, entry {receipt.index}", as_json=as_json, receipt=receipt, hold=made, resource=resource)


@hold.command("release")
def release(
    identifier: Annotated[str, typer.Argument(metavar="HOLD")], key_file: KeyFile, as_json: AsJson = False
) -> None:
    """Release a legal hold."""
    from tunewarden.domain.names import HoldId
    from tunewarden.usecases import retention

    platform, principal, _ = _acting(key_file)
    receipt = retention.release_hold(platform, principal, HoldId(identifier))
    say(f"released, entry {receipt.index}", as_json=as_json, receipt=receipt, hold=identifier)


@hold.command("list")
def list_holds(key_file: KeyFile, as_json: AsJson = False) -> None:
    """List the legal holds in force; as JSON one a line."""
    from tunewarden.domain.canonical import instant_text
    from tunewarden.usecases import retention

    platform, principal, _ = _acting(key_file)
    for held in retention.holds_in_force(platform, principal):
        line = f"{held.id} {held.resource} since {held.placed.at.date()}, entry {held.placed.index}"
        about: dict[str, Any] = {"hold": held.id, "resource": held.resource, "index": held.placed.index}
        say(line, as_json=as_json, **about, placed_at=instant_text(held.placed.at))


@prune.command("propose")
def propose(key_file: KeyFile, as_json: AsJson = False) -> None:
    """Propose to drop every body that may go today. Somebody else must approve it."""
    from tunewarden.usecases import retention

    platform, principal, classes = _acting(key_file)
    made, found = retention.propose(platform, principal, classes)
    first, last = found.indices[0], found.indices[-1]
    line = f"{made}: {len(found.indices)} entries between {first} and {last}\n"
    say(line, as_json=as_json, prune=made, entries=len(found.indices), first=first, last=last)
    if as_json:
        return
    typer.echo("Next: export the log (tunewarden log tiles DIR), verify the copy on another machine")
    typer.echo("(tunewarden-audit tiles DIR --key VKEY), keep it as it is, and have somebody else run")
    typer.echo(f"tunewarden log prune approve {made} --verified-checkpoint DIR/checkpoint --key-file FILE")


@prune.command("approve")
def approve(
    identifier: Annotated[str, typer.Argument(metavar="PRUNE")],
    verified_checkpoint: Annotated[Path, typer.Option(help="The checkpoint of the exported copy that was verified.")],
    key_file: KeyFile,
    as_json: AsJson = False,
) -> None:
    """Approve what somebody else proposed, and drop the bodies. There is no way back but the exported copy."""
    from tunewarden.domain.names import PruneId
    from tunewarden.entry.cli.acting import read_small
    from tunewarden.usecases import retention

    platform, principal, classes = _acting(key_file)
    note = read_small(verified_checkpoint)
    count, receipt = retention.approve(platform, principal, classes, PruneId(identifier), note)
    line = f"{count} bodies dropped, entry {receipt.index}"
    say(line, as_json=as_json, receipt=receipt, prune=identifier, bodies=count)


def _acting(key_file: Path) -> tuple[Platform, Principal, Retention]:
    """The platform, whose key is in the file, and the retention classes. Raises as `acting` does."""
    from tunewarden.drivers.policies import FilePolicies
    from tunewarden.entry.cli.acting import acting
    from tunewarden.entry.settings import Settings

    return (*acting(key_file), FilePolicies(Settings().policies).retention())
