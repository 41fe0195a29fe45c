"""`tunewarden emergency list|show|open|confirm|close|review|suspend|rollback`: breaking the glass, through the API."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tunewarden.domain.break_glass import EmergencyFinding, EmergencyReason
from tunewarden.entry.cli.client.completing import emergency_ids, job_ids, model_ids
from tunewarden.entry.cli.client.talk import AsJson, Once, Talk, at, entry, talking, word

app = typer.Typer(no_args_is_help=True, help="Break the glass: for some hours, with a second person and a review.")

Emergency = Annotated[str, typer.Argument(metavar="EMERGENCY", help="Its id.", autocompletion=emergency_ids)]
_PATH = "/v1/emergencies"


@app.command("list")
def listed(as_json: AsJson = False) -> None:
    """Those that you may see, newest first; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        names, rows = ("id", "standing", "incident", "reason", "opened_by", "ends_at", "finding"), []
        for one in talk.api.pages(_PATH, {"limit": 100}):
            talk.out.document(one)
            rows.append([one.get(name) for name in names])
        columns = ("emergency", "standing", "incident", "reason", "opened by", "until", "finding")
        talk.out.table(columns, rows, "There is none that you may see.")


@app.command("show")
def show(emergency: Emergency, as_json: AsJson = False) -> None:
    """One emergency: who opened it, for which incident, and how it went on."""
    with talking(as_json=as_json) as talk:
        _show(talk, talk.api.get(at(f"{_PATH}/{{}}", emergency)))


@app.command("open")
def open_(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Its number in your incident system.")],
    reason: Annotated[EmergencyReason, typer.Option(help="Why.")],
    once: Once = "",
    as_json: AsJson = False,
) -> None:
    """In force at once for 15 minutes; for four hours where somebody else confirms it within these."""
    with talking(as_json=as_json) as talk:
        made = talk.api.post(_PATH, {"incident": incident, "reason": str(reason)}, once=once)
        _show(talk, made)
        if not as_json:
            talk.out.line(f"Next: somebody else runs, before {word(made, 'confirm_by')},")
            talk.out.line(f"tunewarden emergency confirm {word(made, 'id')}")


@app.command("confirm")
def confirm(emergency: Emergency, as_json: AsJson = False) -> None:
    """Say that there is one, as somebody else."""
    _do(emergency, "confirm", as_json=as_json)


@app.command("close")
def close(emergency: Emergency, as_json: AsJson = False) -> None:
    """End one before its time."""
    _do(emergency, "close", as_json=as_json)


@app.command("review")
def review(
    emergency: Emergency,
    finding: Annotated[EmergencyFinding, typer.Option(help="What it was.")],
    as_json: AsJson = False,
) -> None:
    """Say what one was, as a third person, once it is over."""
    _do(emergency, "review", {"finding": str(finding)}, as_json=as_json)


@app.command("suspend")
def suspend(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Its id.", autocompletion=job_ids)], as_json: AsJson = False
) -> None:
    """Hold a training job where it is, as `jobs pause` does."""
    with talking(as_json=as_json) as talk:
        done = talk.api.post(at("/v1/fine_tuning/jobs/{}/pause", job))
        talk.out.document(done)
        talk.out.line(f"suspended: {entry(done, 'governance')}")


@app.command("rollback")
def rollback(
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="Such as production.")],
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its id or name.", autocompletion=model_ids)],
    as_json: AsJson = False,
) -> None:
    """Put an alias back to a model version that it named before."""
    with talking(as_json=as_json) as talk:
        done = talk.api.post(at("/v1/models/{}/rollback", model), {"alias": alias})
        talk.out.document(done)
        named = f"{word(done, 'alias')} names {word(done, 'model')}"
        talk.out.line(f"{named}: {entry(done)}")


def _do(emergency: str, verb: str, body: dict[str, str] | None = None, *, as_json: bool) -> None:
    with talking(as_json=as_json) as talk:
        _show(talk, talk.api.post(at(f"{_PATH}/{{}}/{verb}", emergency), body))


def _show(talk: Talk, found: dict[str, Any]) -> None:
    talk.out.document(found)
    names = ("incident", "reason", "opened_by", "opened_at", "confirmed_by", "confirmed_at", "ends_at")
    later = ("closed_by", "closed_at", "reviewed_by", "reviewed_at", "finding")
    talk.out.facts(
        [
            ("emergency", found.get("id")),
            ("standing", found.get("standing")),
            *((name.replace("_", " "), found.get(name)) for name in (*names, *later)),
            ("log entry", word(found, "receipt", "index")),
        ]
    )
