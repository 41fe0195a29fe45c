"""`tunewarden jobs create|list|show|watch|cancel|pause|resume|events`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tunewarden.domain.errors import Corrupted, Malformed
from tunewarden.entry.cli.client.completing import job_ids
from tunewarden.entry.cli.client.output import day_of, short, spent_shown
from tunewarden.entry.cli.client.talk import AsJson, Once, Talk, Yes, at, talking, word
from tunewarden.entry.cli.exits import Exit

if TYPE_CHECKING:
    from tunewarden.entry.cli.client.stages import Progress

app = typer.Typer(no_args_is_help=True, help="Training jobs: asking for one, and seeing what becomes of it.")

Job = Annotated[str, typer.Argument(metavar="JOB", help="Its id.", autocompletion=job_ids)]
Every = Annotated[float, typer.Option("--every", min=0.2, max=300, help="Seconds between two looks.")]
ExitStatus = Annotated[bool, typer.Option("--exit-status", help="End with 7 if the job ends otherwise than succeeded.")]
_PATH = "/v1/fine_tuning/jobs"


@app.command("create")
def create(
    plan: Annotated[Path, typer.Argument(help="A plan file, as `tunewarden plan new` writes it.")],
    expect: Annotated[
        str,
        typer.Option(help="sha256:... of the plan that you mean, as `plan validate` says it; else nothing is made."),
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Then follow it to its end.")] = False,
    every: Every = 2.0,
    exit_status: ExitStatus = False,
    once: Once = "",
    as_json: AsJson = False,
) -> None:
    """Ask for a fine-tune. It waits until somebody else has approved the digest of its plan.

    However often the answer is lost on the way, one job is made; by another run of the command another one, unless both
    say the same idempotency key.
    """
    from tunewarden.entry.cli.client.plan import asked

    with talking(as_json=as_json) as talk:
        made = talk.api.post(_PATH, asked(plan, expect), once=once)
        talk.out.document(made)
        _show(talk, made)
        if not watch:
            if not as_json:
                talk.out.line("Next: somebody else runs")
                talk.out.line(f"tunewarden approve {word(made, 'id')}")
            return
        _watch(talk, word(made, "id"), every, exit_status=exit_status)


@app.command("list")
def listed(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, newest first.")] = 20,
    every_one: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    metadata: Annotated[list[str] | None, typer.Option(help="KEY=VALUE: only those with it; more than once.")] = None,
    as_json: AsJson = False,
) -> None:
    """The jobs that you may see, newest first; as JSON one a line.

    Ends with 6, after all of them, where what a gate asked of one of them is broken on the platform.
    """
    with talking(as_json=as_json) as talk:
        query: dict[str, str | int] = {"limit": min(limit, 100)} if not every_one else {"limit": 100}
        for pair in metadata or []:
            key, mark, value = pair.partition("=")
            if not (key and mark):
                raise Malformed("option_malformed", "--metadata is KEY=VALUE.", param="--metadata")
            query[f"metadata[{key}]"] = value
        rows: list[list[object]] = []
        broken: list[str] = []
        for one in talk.api.pages(_PATH, query, most=None if every_one else limit):
            talk.out.document(one)
            broken += _broken(one)
            if not as_json:
                rows.append(_row(one))
        columns = ("job", "status", "state", "base model", "purpose", "asked")
        talk.out.table(columns, rows, "There is no job that you may see.")
        _require_whole(broken)


@app.command("show")
def show(job: Job, as_json: AsJson = False) -> None:
    """One job: where it is, its plan's digest, and what it has cost.

    Ends with 6, after that, where what a gate asked of it is broken on the platform.
    """
    with talking(as_json=as_json) as talk:
        found = talk.api.get(at(f"{_PATH}/{{}}", job))
        talk.out.document(found)
        _show(talk, found)
        _require_whole(_broken(found))


@app.command("watch")
def watch(job: Job, every: Every = 2.0, exit_status: ExitStatus = False, as_json: AsJson = False) -> None:
    """Follow a job to its end: the gates and steps, and the epsilon as it is spent.

    On a terminal one picture that changes, elsewhere a line for each change; as JSON one object for each. Where the
    platform does not answer it is asked again until it does. Ctrl-C ends watching, never the job.
    """
    with talking(as_json=as_json) as talk:
        at("{}", job)
        _watch(talk, job, every, exit_status=exit_status)


@app.command("events")
def events(
    job: Job,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many, newest first.")] = 50,
    every_one: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
    as_json: AsJson = False,
) -> None:
    """The job's entries of the log, newest first; as JSON one a line."""
    with talking(as_json=as_json) as talk:
        path, size = at(f"{_PATH}/{{}}/events", job), 100 if every_one else min(limit, 100)
        rows = []
        for one in talk.api.pages(path, {"limit": size}, most=None if every_one else limit):
            talk.out.document(one)
            if not as_json:
                index, actor = word(one, "data", "index"), word(one, "data", "actor")
                rows.append((index, day_of(one.get("created_at")), one.get("message"), actor))
        talk.out.table(("entry", "at", "what", "by"), rows, "Nothing has happened.")


@app.command("cancel")
def cancel(job: Job, yes: Yes = False, as_json: AsJson = False) -> None:
    """Withdraw what you asked for. What was charged stays charged."""
    with talking(as_json=as_json) as talk:
        at("{}", job)
        talk.confirm(f"Withdraw {job} for good?", yes=yes)
        _do(talk, job, "cancel")


@app.command("pause")
def pause(job: Job, as_json: AsJson = False) -> None:
    """Suspend a job: for privacy officers, and in an emergency. A step that runs ends at its next charge."""
    with talking(as_json=as_json) as talk:
        _do(talk, job, "pause")


@app.command("resume")
def resume(job: Job, as_json: AsJson = False) -> None:
    """Let a suspended job go on."""
    with talking(as_json=as_json) as talk:
        _do(talk, job, "resume")


def _do(talk: Talk, job: str, verb: str) -> None:
    done = talk.api.post(at(f"{_PATH}/{{}}/{verb}", job))
    talk.out.document(done)
    _show(talk, done)


def _watch(talk: Talk, job: str, every: float, *, exit_status: bool) -> None:
    from tunewarden.entry.cli.client.shown import Shown
    from tunewarden.entry.cli.client.stages import Mark
    from tunewarden.entry.cli.client.watching import Watch

    talk.api.tries = 1  # watching asks again by itself, and says so
    last: Progress | None = None
    with Shown(talk.out) as shown:
        watching = Watch(api=talk.api, job=job, every=every, lost=shown.lost)
        try:
            for found, now in watching.looks():
                last = now
                talk.out.document({**found, "progress": [step.document() for step in now.steps]})
                shown.progress(now)
        except KeyboardInterrupt:
            last = None
    if last is None:
        talk.out.note(f"Stopped watching. The job goes on; to look again: tunewarden jobs watch {job}")
        raise typer.Exit(Exit.INTERRUPTED)
    if last.status == "succeeded" and last.steps[-1].mark is Mark.WAITING:
        talk.out.line(f"Next: tunewarden promote {last.model} ALIAS")
    if exit_status and last.status != "succeeded":
        raise typer.Exit(Exit.NOT_SUCCEEDED)


def _broken(job: dict[str, Any]) -> list[str]:
    """The gates whose stored document is not what its digest says."""
    return [word(one, "digest") for one in job.get("gates") or [] if word(one, "fault")]


def _require_whole(broken: list[str]) -> None:
    """Raise `Corrupted` where there are any, once all is shown that can be."""
    if broken:
        raise Corrupted(
            "gate_broken",
            f"What {len(set(broken))} gate(s) asked cannot be read on the platform; what they said stands in the log.",
            remedy="Restore the documents, and the blob key, from a copy.",
            who="administrator",
        )


def _row(one: dict[str, Any]) -> list[object]:
    state, purpose = word(one, "governance", "state"), word(one, "governance", "purpose")
    return [one.get("id"), one.get("status"), state, one.get("model"), purpose, day_of(one.get("created_at"))]


def _show(talk: Talk, job: dict[str, Any]) -> None:
    def of(*path: str) -> str:
        return word(job, "governance", *path)

    spent = (
        f"{spent_shown(of('privacy', 'epsilon_spent'))} of {of('privacy', 'epsilon')} at delta {of('privacy', 'delta')}"
    )
    error = job.get("error") or {}
    talk.out.facts(
        [
            ("job", job.get("id")),
            ("status", f"{job.get('status')} ({of('state')})"),
            ("why", word(error, "message")),
            ("base model", job.get("model")),
            ("model", of("model")),
            ("dataset", of("dataset")),
            ("version", short(of("dataset_version"))),
            ("purpose", of("purpose")),
            ("plan", of("plan")),
            ("epsilon", spent),
            ("updates", f"{of('privacy', 'updates_charged')} of {of('privacy', 'updates')}"),
            ("asked by", f"{of('requested_by')}, {day_of(job.get('created_at'))}"),
            ("approved by", of("approved_by")),
            ("ended", day_of(job.get("finished_at"))),
            ("log entry", of("receipt", "index")),
        ]
    )
