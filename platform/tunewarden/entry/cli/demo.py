"""The demo: the whole path through the HTTP API of a really started platform, told as it goes."""

import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from openai import APIStatusError, HttpxBinaryResponseContent, OpenAI
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from tunewarden.entry.cli import outcome
from tunewarden.entry.cli.notes import generate, write_csv
from tunewarden.entry.cli.stage import Stage, call, started

_POLL_SECONDS = 0.5
_PERSONS, _SEED = 1200, 20261121
_BUDGET_EPSILON = "10"
_STEPS = {
    "approved": "de-identify (Presidio), plant identifiers and look for them, gate before training",
    "deidentified": "train (Ray Train, Opacus)",
    "trained": "measure (Fairlearn, Captum)",
}


Start = Callable[[Path], AbstractContextManager[Stage]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the demo trains on. `data` None: its own generated notes, whose columns are known and who are nobody's.

    `held_out` says which figures about the held-out persons of `data` may leave.
    """

    data: Path | None
    text: str
    label: str
    person: str | None
    protected: tuple[str, ...]
    positive: str | None
    epsilon: str
    delta: str
    epochs: int
    held_out: str = "private"


@dataclass(slots=True)
class _Teller:
    """Says each line, and remembers the refusals and times for the last table."""

    console: Console
    refusals: list[outcome.Refusal] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def say(self, who: str, what: str) -> None:
        self.console.print(f"[bold]{who:>10}[/]  {what}", highlight=False, soft_wrap=not self.console.is_terminal)

    def refusal(self, who: str, what: str, error: APIStatusError) -> None:
        """Tell what was refused and why, and keep it for the last table."""
        body: Any = error.body
        self.refusals.append(outcome.Refusal(asked=what, code=str(error.code), status=error.status_code))
        self.say(who, f"{what}: [red]refused[/] ({error.status_code} {error.code}). {body['message']}")

    def refused(self, who: str, what: str, attempt: Callable[[], object]) -> None:
        """Something that must be refused; raises `RuntimeError` if it is not."""
        try:
            attempt()
        except APIStatusError as error:
            self.refusal(who, what, error)
        else:
            raise RuntimeError(f"{what} was not refused")


def tell(story: Story, home: Path, summary: Path | None, start: Start = started) -> int:
    """Play every scene; returns 0 only if the model was promoted and the auditor's own process said ok.

    `start` makes the platform on which it is played, in a folder of `home`.
    """
    teller = _Teller(Console())
    try:
        return _play(teller, story, home, summary, start)
    except APIStatusError as error:  # a file or column that cannot be used, say: the reason is the caller's to mend
        teller.refusal("platform", "what you asked for", error)
        return 1


def _play(teller: _Teller, story: Story, home: Path, summary: Path | None, start: Start) -> int:
    data, columns = _records(story, home)
    began = time.monotonic()
    if story.data is None:
        teller.say("platform", "this takes about five minutes on two processors")
    teller.say("platform", "starting api, worker and sealer")
    with start(home) as stage:
        teller.seconds["start"] = time.monotonic() - began
        teller.say("platform", f"ready at {stage.address}; state in {stage.home}")
        dataset = _register(teller, stage, data, columns, story)
        job = _ask(teller, stage, data, story)
        _approve(teller, stage, job)
        job = _follow(teller, stage.clients["requester"], job)
        if job.status != "succeeded":
            error = job.error
            teller.say("platform", f"[red]the job {job.status}[/]: {error.code if error else ''}")
            return 1
        model = str(job.governance["model"])
        promoted = _promote(teller, stage, model)
        bundle = _lineage(teller, stage, model)
        verified = _verify(teller, stage, bundle)
        budget = call(stage.clients["steward"], "GET", f"/datasets/{dataset}/budget")
    result = outcome.read(bundle, budget=budget, refusals=teller.refusals, seconds=teller.seconds, verified=verified)
    teller.console.print(outcome.table(result))
    if summary is not None:
        summary.write_text(outcome.to_json(result))
    return 0 if verified and promoted else 1


def _records(story: Story, home: Path) -> tuple[Path, dict[str, Any]]:
    """The file to train on and its columns."""
    if story.data is not None:
        return story.data, {
            "text": story.text,
            "label": story.label,
            "person": story.person,
            "protected": list(story.protected),
            "positive": story.positive,
        }
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = home / "notes.csv"
    write_csv(path, generate(_PERSONS, _SEED))
    return path, {"text": "text", "label": "label", "person": "person", "protected": ["sex", "age"], "positive": None}


def _register(teller: _Teller, stage: Stage, data: Path, columns: dict[str, Any], story: Story) -> str:
    began = time.monotonic()
    steward = stage.clients["steward"]
    dataset = call(
        steward,
        "POST",
        "/datasets",
        {
            "name": "Emergency notes",
            "purposes": ["care-quality", "research"],
            "lawful_basis": "public-task",
            "sensitivity": "special-category",
            "retain_until": (datetime.now(UTC).date() + timedelta(days=365)).isoformat(),
            "columns": columns,
            "held_out": "public" if story.data is None else story.held_out,
            "budget": {"epsilon": _BUDGET_EPSILON, "delta": story.delta},
        },
    )
    file = steward.files.create(file=data, purpose="fine-tune")
    dataset = call(steward, "POST", f"/datasets/{dataset['id']}/versions", {"file_id": file.id})
    version = dataset["versions"][-1]
    teller.say(
        "steward",
        f"registered {dataset['id']} for {' and '.join(dataset['purposes'])}: {version['rows']} records of "
        f"{version['persons']} persons, budget epsilon {_BUDGET_EPSILON} (entry {dataset['receipt']['index']})",
    )
    if columns["person"] is None:
        teller.say("steward", "stated that every row is another person")
    if dataset["held_out"] != "private":
        teller.say("steward", "stated that exact figures about held-out persons may leave: " + dataset["held_out"])
    teller.seconds["register"] = time.monotonic() - began
    return str(dataset["id"])


def _ask(teller: _Teller, stage: Stage, data: Path, story: Story) -> Any:
    client = stage.clients["requester"]
    file = client.files.create(file=data, purpose="fine-tune")

    def create(purpose: str) -> Any:
        return client.fine_tuning.jobs.create(
            model="all-minilm-l6-v2",
            training_file=file.id,
            method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": story.epochs}}},
            extra_body={
                "governance": {"purpose": purpose, "privacy": {"epsilon": story.epsilon, "delta": story.delta}}
            },
        )

    teller.refused("requester", "a fine-tune for marketing", lambda: create("marketing"))
    job = create("care-quality")
    privacy = job.governance["privacy"]
    teller.say(
        "requester",
        f"a fine-tune for care-quality: {job.status}, {job.governance['state']} (entry "
        f"{job.governance['receipt']['index']}). Plan: {privacy['updates']} updates, sampling rate "
        f"{privacy['sampling_rate']}, noise {privacy['noise_multiplier']}, epsilon {privacy['epsilon']} for one person",
    )
    behind = ", ".join(f"{metric} {most}" for metric, most in job.governance["fairness"]["tolerances"].items())
    teller.say("platform", f"declared before training: how far a group may be behind the rest: {behind}")
    teller.refused(
        "requester",
        "approving the own request",
        lambda: call(client, "POST", f"/fine_tuning/jobs/{job.id}/approve", {"plan": job.governance["plan"]}),
    )
    return job


def _approve(teller: _Teller, stage: Stage, job: Any) -> None:
    approver, path = stage.clients["approver"], f"/fine_tuning/jobs/{job.id}"
    plan = call(approver, "GET", f"{path}/plan")
    approved = call(approver, "POST", f"{path}/approve", {"plan": plan["digest"]})["governance"]
    teller.say("approver", f"approved plan {plan['digest'][7:19]} (entry {approved['receipt']['index']})")
    missing = call(approver, "GET", f"{path}/approvals")["missing"]
    teller.say("platform", f"special categories take two persons in two roles; missing: {' or '.join(missing['who'])}")
    endorsed = call(stage.clients["officer"], "POST", f"{path}/endorse", {"plan": plan["digest"]})["governance"]
    teller.say("officer", f"endorsed the same plan (entry {endorsed['receipt']['index']})")


def _follow(teller: _Teller, client: OpenAI, job: Any) -> Any:
    """Watch the job to its end: a line for each step, and for the updates a bar with the epsilon spent so far."""
    with _Watched(teller.console) as watched:
        while job.status in {"validating_files", "queued", "running"}:
            job = client.fine_tuning.jobs.retrieve(job.id)
            watched.show(job.governance["state"], job.governance["privacy"])
            time.sleep(_POLL_SECONDS)
    _time_steps(teller, client, job)
    return job


class _Watched:
    """The job as it goes on: bars on a terminal, plain lines anywhere else."""

    def __init__(self, console: Console) -> None:
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"))
        self._console = console
        self._bars = Progress(*columns, TimeElapsedColumn(), console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}
        self._shown = ("", 0)

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        for task in self._tasks.values():
            self._bars.update(task, total=1, completed=1)
        self._bars.stop()

    def show(self, state: str, privacy: Mapping[str, Any]) -> None:
        """Show where the job stands now."""
        if state not in _STEPS:
            return
        for before, task in self._tasks.items():
            if before != state:
                self._bars.update(task, total=1, completed=1)
        if state not in self._tasks:
            self._tasks[state] = self._bars.add_task(_STEPS[state], total=None, note="")
        done, of = privacy["updates_charged"], privacy["updates"]
        note = f"update {done} of {of}, epsilon {float(privacy['epsilon_spent']):.2f} spent"
        if state == "deidentified":
            self._bars.update(self._tasks[state], total=of + 1, completed=done, note=note)
        if (state, done) != self._shown and not self._console.is_terminal:
            self._console.print(f"    worker  {_STEPS[state]}" + (f": {note}" if done else ""), highlight=False)
        self._shown = (state, done)


def _time_steps(teller: _Teller, client: OpenAI, job: Any) -> None:
    """How long each step took, from the job's own entries of the log."""
    began: dict[str, int] = {}
    for event in reversed(list(client.fine_tuning.jobs.list_events(job.id, limit=100))):
        facts: Any = event.data
        if event.message == "StepStarted":
            began.setdefault(facts["step"], event.created_at)
        if event.message == "StepFinished":
            teller.seconds[facts["step"]] = float(event.created_at - began[facts["step"]])
        if event.message == "GateJudged":
            teller.say("platform", f"gate '{facts['gate']}': {facts['outcome']} (entry {facts['index']})")


def _promote(teller: _Teller, stage: Stage, model: str) -> bool:
    """Two people promote the model; a model whose evidence does not pass stays where it is, and the story goes on."""
    requester, approver = stage.clients["requester"], stage.clients["approver"]
    try:
        promotion = call(requester, "POST", f"/models/{model}/promotions", {"alias": "production"})
    except APIStatusError as error:
        teller.refusal("requester", f"promoting {model}", error)
        return False
    gate = promotion["gate"]
    teller.say("requester", f"proposed {model} as production; gate '{gate['name']}': {gate['outcome']}")
    path = f"/promotions/{promotion['id']}/approve"
    if promotion["unassessed"]:
        teller.say("platform", f"{promotion['unassessed']} groups and comparisons have too few persons to be assessed")
    verdict = {"verdict": promotion["verdict"], "unassessed": promotion["unassessed"]}
    teller.refused("requester", "approving the own promotion", lambda: call(requester, "POST", path, verdict))
    approved = call(approver, "POST", path, verdict)
    teller.say("approver", f"approved the promotion (entry {approved['receipt']['index']}); production names {model}")
    return True


def _lineage(teller: _Teller, stage: Stage, model: str) -> Path:
    began = time.monotonic()
    bundle = stage.home / f"{model}.zip"
    answer = stage.clients["auditor"].get(f"/models/{model}/lineage", cast_to=HttpxBinaryResponseContent)
    bundle.write_bytes(answer.content)
    report = bundle.with_suffix(".html")
    with zipfile.ZipFile(bundle) as archive:
        report.write_bytes(archive.read("report.html"))
    teller.seconds["lineage"] = time.monotonic() - began
    teller.say("auditor", f"took away the lineage bundle ({bundle.stat().st_size / 1024:.0f} KiB) and its report")
    return bundle


def _verify(teller: _Teller, stage: Stage, bundle: Path) -> bool:
    """The auditor's tool, in a process of its own: it verifies, judges, and knows nothing of the platform."""
    began = time.monotonic()
    command = [sys.executable, "-m", "tunewarden_audit", "conduct", str(bundle), "--key", str(stage.vkey)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    teller.seconds["verify"] = time.monotonic() - began
    teller.say("auditor", "tunewarden-audit conduct (verifies, then judges):")
    teller.console.print(finished.stdout.rstrip(), highlight=False, markup=False, soft_wrap=True)
    return finished.returncode == 0
