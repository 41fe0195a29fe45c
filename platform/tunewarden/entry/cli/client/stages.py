"""Where a job is on its way: the gates and steps as a row of stages, from what the API says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = Mapping[str, Any]


class Mark(StrEnum):
    """How a stage stands."""

    DONE = "done"
    NOW = "now"
    WAITING = "waiting"
    STOPPED = "stopped"


class Stage(StrEnum):
    """The stages in the order in which a job meets them."""

    APPROVAL = "approval"
    DEIDENTIFY = "de-identify"
    GATE_BEFORE_TRAINING = "gate before training"
    TRAIN = "train"
    MEASURE = "measure"
    GATE_BEFORE_PROMOTION = "gate before promotion"
    PROMOTION = "promotion"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One stage of one job; `note` says more, in words."""

    stage: Stage
    mark: Mark
    note: str = ""

    def document(self) -> dict[str, str]:
        """For programs."""
        return {"stage": self.stage, "mark": self.mark, "note": self.note}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """A job at one moment.

    Attributes:
        status: the contract's word; `state` ours.
        updates, of: updates charged so far, of those promised.
        spent, promised: epsilon of one person at `delta`, as decimal strings.
    """

    job: str
    status: str
    state: str
    steps: Sequence[Step]
    updates: int
    of: int
    spent: str
    promised: str
    delta: str
    model: str

    @property
    def over(self) -> bool:
        """Whether nothing more happens by itself."""
        return self.status in {"succeeded", "failed", "cancelled"}


_STEPS = {"deidentify": Stage.DEIDENTIFY, "train": Stage.TRAIN, "measure": Stage.MEASURE}
_IN_THE_JOB = (Stage.APPROVAL, Stage.DEIDENTIFY, Stage.GATE_BEFORE_TRAINING, Stage.TRAIN, Stage.MEASURE)


def progress(job: Json, events: Iterable[Json], aliases: Sequence[str] = ()) -> Progress:
    """From the job, its events (oldest first), and the aliases that name its model version."""
    governance = _object(job, "governance")
    privacy = _object(governance, "privacy")
    status, state, model = str(job.get("status", "")), str(governance.get("state", "")), governance.get("model")
    known = _history(events)
    if governance.get("approved_by"):
        known[Stage.APPROVAL] = Step(stage=Stage.APPROVAL, mark=Mark.DONE)
    if status == "succeeded":
        known |= {one: Step(stage=one, mark=Mark.DONE, note=_note(known, one)) for one in _IN_THE_JOB}
    updates, of = _count(privacy.get("updates_charged")), _count(privacy.get("updates"))
    if updates and not _note(known, Stage.TRAIN):
        mark = known[Stage.TRAIN].mark if Stage.TRAIN in known else Mark.NOW
        known[Stage.TRAIN] = Step(stage=Stage.TRAIN, mark=mark, note=f"{updates:,} of {of:,} updates")
    return Progress(
        job=str(job.get("id", "")),
        status=status,
        state=state,
        steps=[*_in_the_job(known, status, state, job), *_promoting(known, status, aliases)],
        updates=updates,
        of=of,
        spent=str(privacy.get("epsilon_spent", "")),
        promised=str(privacy.get("epsilon", "")),
        delta=str(privacy.get("delta", "")),
        model=str(model or ""),
    )


def _history(events: Iterable[Json]) -> dict[Stage, Step]:
    """What is known of each stage; the last word about one counts."""
    known: dict[Stage, Step] = {}
    gate = Stage.GATE_BEFORE_TRAINING
    for event in events:
        kind, data = event.get("message"), _object(event, "data")
        stage = _STEPS.get(str(data.get("step", "")))
        if kind == "StepFinished" and stage is not None:
            known[stage] = Step(stage=stage, mark=Mark.DONE)
        elif kind == "StepFailed" and stage is not None:
            note = f"attempt {data.get('attempt', '?')} failed: {data.get('code', '')}"
            known[stage] = Step(stage=stage, mark=Mark.NOW, note=note)
        elif kind == "ModelRegistered":
            gate = Stage.GATE_BEFORE_PROMOTION  # what is judged from here on is a model version
        elif kind == "GateJudged":
            mark = Mark.DONE if data.get("outcome") == "pass" else Mark.STOPPED
            known[gate] = Step(stage=gate, mark=mark, note=_findings(data))
    return known


def _findings(data: Json) -> str:
    """How many rules passed, and which did not."""
    found = data.get("findings")
    findings = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    failed = [str(one.get("metric", "")) for one in findings if one.get("outcome") != "pass"]
    if failed:
        return "not passed: " + ", ".join(failed)
    return f"{len(findings)} rule{'s' if len(findings) > 1 else ''} passed" if findings else ""


def _in_the_job(known: Mapping[Stage, Step], status: str, state: str, job: Json) -> list[Step]:
    """The stages that a job goes through by itself: those behind it, the one where it is, and those to come."""
    behind = [known[stage] for stage in _IN_THE_JOB if stage in known and known[stage].mark is Mark.DONE]
    steps = list(_leading(behind))
    if len(steps) == len(_IN_THE_JOB):
        return steps
    here = _IN_THE_JOB[len(steps)]
    has_ended = status in {"failed", "cancelled"}
    note = _note(known, here) or (_why(job) if has_ended else "")
    waits = "" if has_ended else _waits(here, status, state)
    steps.append(Step(stage=here, mark=Mark.STOPPED if has_ended else Mark.NOW, note=waits or note))
    return steps + [Step(stage=stage, mark=Mark.WAITING) for stage in _IN_THE_JOB[len(steps) :]]


def _leading(behind: Sequence[Step]) -> Iterable[Step]:
    """Those before the first that is missing."""
    for step, stage in zip(behind, _IN_THE_JOB, strict=False):
        if step.stage is not stage:
            return
        yield step


def _promoting(known: Mapping[Stage, Step], status: str, aliases: Sequence[str]) -> list[Step]:
    """After the job: nothing is promoted by itself."""
    gate, last = Stage.GATE_BEFORE_PROMOTION, Stage.PROMOTION
    if status != "succeeded":
        return [Step(stage=stage, mark=Mark.WAITING) for stage in (gate, last)]
    judged = known.get(gate)
    if aliases:
        named = Step(stage=last, mark=Mark.DONE, note=f"named {', '.join(aliases)}")
        return [judged or Step(stage=gate, mark=Mark.DONE), named]
    if judged is None:
        return [Step(stage=gate, mark=Mark.NOW, note="nobody has proposed one"), Step(stage=last, mark=Mark.WAITING)]
    if judged.mark is Mark.STOPPED:
        return [judged, Step(stage=last, mark=Mark.WAITING)]
    return [judged, Step(stage=last, mark=Mark.NOW, note="waits for a second person")]


def _waits(stage: Stage, status: str, state: str) -> str:
    """For whom, where it is people."""
    if status == "paused":
        return "suspended by a privacy officer or in an emergency"
    if state == "in-review":
        return "waits for people who read a sample or sign"
    return "waits for people to agree to the plan's digest" if stage is Stage.APPROVAL else ""


def _note(known: Mapping[Stage, Step], stage: Stage) -> str:
    return known[stage].note if stage in known else ""


def _why(job: Json) -> str:
    """Why it ended."""
    error = _object(job, "error")
    because = _object(job, "governance").get("ended_because")
    return str(because or error.get("code") or job.get("status", ""))


def _object(said: Json, name: str) -> Json:
    found = said.get(name)
    return found if isinstance(found, dict) else {}


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
