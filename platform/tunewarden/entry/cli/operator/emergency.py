"""`tunewarden operator emergency list|open|confirm|close|review|suspend|rollback`: breaking the glass without the API.

Always as somebody: the API key of who acts is read from a file.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewarden.domain.break_glass import EmergencyFinding, EmergencyReason
from tunewarden.domain.canonical import instant_text
from tunewarden.domain.names import Alias, EmergencyId, ModelId, RequestId
from tunewarden.entry.cli.saying import AsJson, say

if TYPE_CHECKING:
    from datetime import datetime

    from tunewarden.domain.break_glass import Emergency
    from tunewarden.usecases.ports import Platform, Principal, Receipt

KeyFile = Annotated[Path, typer.Option("--key-file", help="File with the API key of who acts; mode 0600.")]
Identifier = Annotated[str, typer.Argument(metavar="EMERGENCY", help="Its id, as `operator emergency list` says it.")]

app = typer.Typer(no_args_is_help=True, help="Break the glass where there is no API: as whose key is in a file.")


@app.command("list")
def listed(key_file: KeyFile, as_json: AsJson = False) -> None:
    """Those that you may see, oldest first; as JSON one a line."""
    from tunewarden.entry.cli.client.output import Output
    from tunewarden.usecases import emergencies

    platform, principal = _acting(key_file)
    out, now, rows = Output(as_json=as_json), platform.clock(), []
    for one in emergencies.listed(platform, principal):
        line = _line(one, now)
        out.document(line)
        rows.append(
            [line[name] for name in ("id", "standing", "incident", "reason", "opened_by", "ends_at", "finding")]
        )
    columns = ("emergency", "standing", "incident", "reason", "opened by", "until", "finding")
    out.table(columns, rows, "There is none that you may see.")


@app.command("open")
def open_(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its number in your incident system.")],
    reason: Annotated[EmergencyReason, typer.Option(help="Why.")],
    key_file: KeyFile,
    as_json: AsJson = False,
) -> None:
    """In force at once for 15 minutes; for four hours where somebody else confirms it within these."""
    from tunewarden.usecases import emergencies

    platform, principal = _acting(key_file)
    made, receipt = emergencies.open_(platform, principal, incident, reason)
    _say(made, receipt, platform, as_json=as_json)
    if not as_json:
        typer.echo(f"Next: somebody else runs, before {instant_text(made.confirm_by)},")
        typer.echo(f"tunewarden operator emergency confirm {made.id} --key-file FILE")


@app.command("confirm")
def confirm(identifier: Identifier, key_file: KeyFile, as_json: AsJson = False) -> None:
    """Say that there is one, as somebody else."""
    from tunewarden.usecases import emergencies

    platform, principal = _acting(key_file)
    _say(*emergencies.confirm(platform, principal, EmergencyId(identifier)), platform, as_json=as_json)


@app.command("close")
def close(identifier: Identifier, key_file: KeyFile, as_json: AsJson = False) -> None:
    """End one before its time."""
    from tunewarden.usecases import emergencies

    platform, principal = _acting(key_file)
    _say(*emergencies.close(platform, principal, EmergencyId(identifier)), platform, as_json=as_json)


@app.command("review")
def review(
    identifier: Identifier,
    finding: Annotated[EmergencyFinding, typer.Option(help="What it was.")],
    key_file: KeyFile,
    as_json: AsJson = False,
) -> None:
    """Say what one was, as a third person, once it is over."""
    from tunewarden.usecases import emergencies

    platform, principal = _acting(key_file)
    _say(*emergencies.review(platform, principal, EmergencyId(identifier), finding), platform, as_json=as_json)


@app.command("suspend")
def suspend(request: Annotated[str, typer.Argument(metavar="JOB")], key_file: KeyFile, as_json: AsJson = False) -> None:
    """Hold a training request where it is."""
    from tunewarden.usecases import suspending

    platform, principal = _acting(key_file)
    _, receipt = suspending.suspend(platform, principal, RequestId(request))
    say(f"suspended: entry {receipt.index} of the log", as_json=as_json, receipt=receipt, id=request)


@app.command("rollback")
def rollback(
    alias: Annotated[str, typer.Argument()],
    model: Annotated[str, typer.Argument(metavar="MODEL")],
    key_file: KeyFile,
    as_json: AsJson = False,
) -> None:
    """Put an alias back to a model version that it named before."""
    from tunewarden.usecases import rollbacks

    platform, principal = _acting(key_file)
    target, receipt = rollbacks.roll_back(platform, principal, ModelId(model), Alias(alias))
    line = f"{target.alias} names {target.model}: entry {receipt.index} of the log"
    say(line, as_json=as_json, receipt=receipt, alias=target.alias, model=target.model)


def _say(emergency: Emergency, receipt: Receipt, platform: Platform, *, as_json: bool) -> None:
    now = platform.clock()
    line = f"{emergency.id} is {emergency.standing(now)}: entry {receipt.index} of the log"
    say(line, as_json=as_json, receipt=receipt, **_line(emergency, now))


def _line(emergency: Emergency, now: datetime) -> dict[str, str | None]:
    return {
        "id": emergency.id,
        "standing": emergency.standing(now),
        "incident": emergency.incident,
        "reason": emergency.reason,
        "opened_by": emergency.opened_by,
        "opened_at": instant_text(emergency.opened_at),
        "ends_at": instant_text(emergency.ends_at),
        "confirmed_by": emergency.confirmed_by,
        "reviewed_by": emergency.reviewed_by,
        "finding": emergency.finding,
    }


def _acting(key_file: Path) -> tuple[Platform, Principal]:
    from tunewarden.entry.cli.acting import acting

    return acting(key_file)
