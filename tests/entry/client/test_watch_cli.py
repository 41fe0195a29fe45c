"""`tunewarden jobs watch`: the stages of a job, the epsilon as it is spent, and a platform that comes and goes."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import httpx2 as httpx
import pytest
from rich.console import Console
from tests.entry.client.conftest import Desk

from tunewarden.domain.errors import Unavailable
from tunewarden.entry.cli.client.address import address
from tunewarden.entry.cli.client.api import Api
from tunewarden.entry.cli.client.credentials import Credentials
from tunewarden.entry.cli.client.declined import Declined
from tunewarden.entry.cli.client.shown import lines, picture
from tunewarden.entry.cli.client.stages import Mark, Progress, Stage, progress
from tunewarden.entry.cli.client.watching import Watch

WAITING = [Mark.WAITING] * 7


def job(status: str = "running", state: str = "deidentified", **governance: Any) -> dict[str, Any]:
    privacy = {"epsilon": "8", "epsilon_spent": "2", "delta": "0.0001", "updates": 40, "updates_charged": 10}
    said = {"state": state, "privacy": privacy, "approved_by": "prn-bob", "model": None, **governance}
    return {"id": "ftjob-1", "status": status, "governance": said, "error": None}


def event(kind: str, **data: Any) -> dict[str, Any]:
    return {"message": kind, "data": data}


DEIDENTIFIED = event("StepFinished", step="deidentify")
PASSED = event("GateJudged", outcome="pass", findings=[{"metric": "deid.planted_recall", "outcome": "pass"}])
FAILED = event("GateJudged", outcome="fail", findings=[{"metric": "deid.planted_recall", "outcome": "fail"}])
TRAINED, MEASURED = event("StepFinished", step="train"), event("StepFinished", step="measure")
REGISTERED = event("ModelRegistered", model="model-1")


def marks(found: Progress) -> list[Mark]:
    return [step.mark for step in found.steps]


def note(found: Progress, stage: Stage) -> str:
    return next(step.note for step in found.steps if step.stage is stage)


D, N, W, X = Mark.DONE, Mark.NOW, Mark.WAITING, Mark.STOPPED


@pytest.mark.parametrize(
    ("said", "events", "expected"),
    [
        (job("queued", "awaiting-approval", approved_by=None), [], [N, W, W, W, W, W, W]),
        (job("failed", "rejected", approved_by=None), [], [X, W, W, W, W, W, W]),
        (job("cancelled", "cancelled", approved_by=None), [], [X, W, W, W, W, W, W]),
        (job("queued", "approved"), [], [D, N, W, W, W, W, W]),
        (job("validating_files", "in-review"), [DEIDENTIFIED, FAILED], [D, D, N, W, W, W, W]),
        (job("failed", "blocked"), [DEIDENTIFIED, FAILED], [D, D, X, W, W, W, W]),
        (job("running", "deidentified"), [DEIDENTIFIED, FAILED, PASSED], [D, D, D, N, W, W, W]),
        (job("running", "trained"), [DEIDENTIFIED, PASSED, TRAINED], [D, D, D, D, N, W, W]),
        (job("failed", "failed"), [DEIDENTIFIED, PASSED], [D, D, D, X, W, W, W]),
        (job("paused", "deidentified"), [DEIDENTIFIED, PASSED], [D, D, D, N, W, W, W]),
        (job("succeeded", "measured", model="m"), [DEIDENTIFIED, PASSED, TRAINED, MEASURED], [D, D, D, D, D, N, W]),
    ],
)
def test_a_job_is_at_one_stage_with_all_before_it_behind(said: Any, events: Any, expected: list[Mark]) -> None:
    assert marks(progress(said, events)) == expected


def test_what_is_judged_after_a_model_is_there_is_its_promotion() -> None:
    done = job("succeeded", "measured", model="model-1")
    made = [DEIDENTIFIED, PASSED, TRAINED, MEASURED, REGISTERED]
    assert note(progress(done, made), Stage.GATE_BEFORE_PROMOTION) == "nobody has proposed one"
    assert marks(progress(done, [*made, FAILED]))[5:] == [X, W]
    assert marks(progress(done, [*made, FAILED, PASSED]))[5:] == [D, N]
    named = progress(done, [*made, PASSED], ["production"])
    assert marks(named) == [D] * 7
    assert note(named, Stage.PROMOTION) == "named production"


def test_a_stage_says_why_it_stands_still() -> None:
    assert note(progress(job("failed", "blocked"), [DEIDENTIFIED, FAILED]), Stage.GATE_BEFORE_TRAINING) == (
        "not passed: deid.planted_recall"
    )
    assert "suspended" in note(progress(job("paused", "deidentified"), [DEIDENTIFIED, PASSED]), Stage.TRAIN)
    assert note(progress(job(), [DEIDENTIFIED, PASSED]), Stage.TRAIN) == "10 of 40 updates"
    broken = event("StepFailed", step="train", attempt=2, code="ray_lost")
    assert note(progress(job(), [DEIDENTIFIED, PASSED, broken]), Stage.TRAIN) == "attempt 2 failed: ray_lost"
    ended = job("failed", "failed", ended_because="budget_gone")
    assert note(progress({**ended}, [DEIDENTIFIED]), Stage.GATE_BEFORE_TRAINING) == "budget_gone"


def test_whatever_is_answered_there_is_a_picture() -> None:
    for said in ({}, {"governance": []}, {"governance": {"privacy": "x", "model": 7}}, job(privacy={"epsilon": "0"})):
        found = progress(said, [{}, {"data": 7}, event("GateJudged", findings=7), event("StepFinished", step=[])])
        shown = StringIO()
        Console(file=shown, width=100).print(picture(found))
        assert "gate before training" in shown.getvalue()


def test_only_what_changed_is_told_in_a_pipe() -> None:
    before = progress(job(), [DEIDENTIFIED, PASSED])
    assert lines(before, before) == []
    later = job(privacy={**job()["governance"]["privacy"], "epsilon_spent": "3", "updates_charged": 12})
    now = progress(later, [DEIDENTIFIED, PASSED])
    assert lines(before, now) == [
        "train: now (12 of 40 updates)",
        "epsilon 3 of 8 spent, at delta 0.0001; 12 of 40 updates",
    ]
    assert lines(None, before)[-1] == "ftjob-1 is running (deidentified)"


class Story:
    """A platform that answers what comes next; no time passes."""

    def __init__(self, *jobs: dict[str, Any] | int | Exception) -> None:
        self._jobs: Iterator[Any] = iter(jobs)
        self.pauses: list[float] = []
        self.told: list[str] = []
        made = Credentials(address=address("https://tuning.example"), key="tw-" + "k" * 43)
        transport = httpx.MockTransport(self._answer)
        self.api = Api(credentials=made, sleep=self.pauses.append, tries=1, transport=transport)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/events"):
            return httpx.Response(200, json={"data": [], "has_more": False})
        if request.url.path.startswith("/v1/models/"):
            return httpx.Response(403, json={})
        answer = next(self._jobs)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, json={}) if isinstance(answer, int) else httpx.Response(200, json=answer)

    def watched(self, **more: Any) -> list[str]:
        watch = Watch(api=self.api, job="ftjob-1", every=2.0, lost=self.told.append, **more)
        with self.api:
            return [found["status"] for found, _ in watch.looks()]


def test_watching_ends_with_the_job_and_tells_each_change_once() -> None:
    done = job("succeeded", "measured", model="model-1")
    story = Story(job("queued", "approved"), job("queued", "approved"), job(), job(), done)
    assert story.watched() == ["queued", "running", "succeeded"]
    assert story.pauses == [2.0] * 4


def test_a_platform_that_does_not_answer_is_asked_again_ever_more_slowly_and_the_job_is_seen_to_its_end() -> None:
    gone = httpx.ConnectError("gone")
    story = Story(job(), *[gone] * 6, 503, 502, 429, job("failed", "failed"))
    assert story.watched() == ["running", "failed"]
    assert len(story.told) == 9
    assert max(story.pauses) == 30.0
    assert story.pauses[1:5] == [4.0, 8.0, 16.0, 30.0]


def test_a_refusal_ends_watching_and_patience_can_end_too() -> None:
    with pytest.raises(Declined):
        Story(job(), 403).watched()
    with pytest.raises(Declined):
        Story(404).watched()
    with pytest.raises(Unavailable):
        Story(*[httpx.ConnectError("gone")] * 9).watched(patience=3)


def test_a_page_of_events_that_is_lost_is_fetched_again() -> None:
    pages = {"": ("e2", True), "e2": ("e1", False)}
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if not request.url.path.endswith("/events"):
            return httpx.Response(200, json=job("failed", "failed") if len(asked) > 2 else job())
        after = request.url.params.get("after", "")
        asked.append(after)
        if asked == ["", "e2"]:
            return httpx.Response(503, json={})
        identifier, more = pages[after]
        found = {**(DEIDENTIFIED if identifier == "e1" else PASSED), "id": identifier}
        return httpx.Response(200, json={"data": [found], "has_more": more, "last_id": identifier})

    made = Credentials(address=address("https://tuning.example"), key="tw-" + "k" * 43)
    told: list[str] = []
    with Api(credentials=made, sleep=lambda _: None, tries=1, transport=httpx.MockTransport(answer)) as api:
        (first, *_) = Watch(api=api, job="ftjob-1", every=2.0, lost=told.append).looks()
    assert len(told) == 1
    assert marks(first[1])[:3] == [D, D, D]


def test_names_of_a_model_that_cannot_be_read_now_are_asked_for_again() -> None:
    models = iter([httpx.Response(503, json={}), httpx.Response(200, json={"governance": {"aliases": ["production"]}})])

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1/models/"):
            return next(models)
        if request.url.path.endswith("/events"):
            return httpx.Response(200, json={"data": [], "has_more": False})
        return httpx.Response(200, json=job("succeeded", "measured", model="model-1"))

    made = Credentials(address=address("https://tuning.example"), key="tw-" + "k" * 43)
    told: list[str] = []
    with Api(credentials=made, sleep=lambda _: None, tries=1, transport=httpx.MockTransport(answer)) as api:
        ((_, last),) = Watch(api=api, job="ftjob-1", every=2.0, lost=told.append).looks()
    assert note(last, Stage.PROMOTION) == "named production"
    assert len(told) == 1


def in_background(deed: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=deed, daemon=True)
    thread.start()
    return thread


def test_a_job_is_followed_through_every_stage_while_the_platform_is_started_anew(desk: Desk) -> None:
    made = desk.props.job()
    path = f"/v1/fine_tuning/jobs/{made['id']}"

    def play() -> None:
        desk.server.stop()
        desk.theatre.must("bob", "POST", f"{path}/approve", json={"plan": made["governance"]["plan"]})
        desk.theatre.work()
        desk.server.start()

    watching = "import sys; sys.argv[0] = 'tunewarden'; from tunewarden.entry.cli import main; main()"
    run = subprocess.Popen(
        [sys.executable, "-c", watching, "jobs", "watch", made["id"], "--every", "0.2", "--json", "--exit-status"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(desk),
        text=True,
    )
    assert run.stdout is not None
    first = json.loads(run.stdout.readline())
    in_background(play).join()
    out, err = run.communicate(timeout=120)
    assert run.returncode == 0, err
    last = json.loads(out.splitlines()[-1])
    assert (first["status"], last["status"]) == ("queued", "succeeded")
    assert [one["mark"] for one in last["progress"]] == ["done"] * 5 + ["now", "waiting"]
    assert last["progress"][3]["note"] == "2 of 38 updates"
    assert err == ""


def environment(desk: Desk, who: str = "ann") -> dict[str, str]:
    said = {"TUNEWARDEN_API_URL": desk.server.address, "TUNEWARDEN_API_KEY": desk.theatre.tokens[who]}
    return {**os.environ, "XDG_CONFIG_HOME": str(desk.folder), "TERM": "xterm", "COLUMNS": "100", "LINES": "40", **said}


class Terminal:
    """A command on a terminal of its own, and all that it wrote there."""

    def __init__(self, desk: Desk, *arguments: str, **more: str) -> None:
        self._master, slave = pty.openpty()
        command = [sys.executable, "-m", "tunewarden", *arguments]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env={**environment(desk), **more}, start_new_session=True
        )
        os.close(slave)
        self.screen = ""

    def until(self, words: str, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while words not in self.screen:
            assert time.monotonic() < deadline, self.screen
            if not self._read():
                break
        assert words in self.screen, self.screen

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def end(self) -> int:
        while self._read():
            pass
        os.close(self._master)
        return self.process.wait(60)

    def _read(self) -> bool:
        ready, _, _ = select.select([self._master], [], [], 1.0)
        if not ready:
            return self.process.poll() is None
        try:
            piece = os.read(self._master, 65_536)
        except OSError:  # the other end was closed
            return False
        self.screen += piece.decode("utf-8", "replace")
        return bool(piece)


def test_on_a_terminal_one_picture_changes_until_the_job_has_ended(desk: Desk) -> None:
    made = desk.props.job()
    terminal = Terminal(desk, "jobs", "watch", made["id"], "--every", "0.2")
    terminal.until("waits for people")
    assert "○" in terminal.screen
    desk.theatre.must(
        "bob", "POST", f"/v1/fine_tuning/jobs/{made['id']}/approve", json={"plan": made["governance"]["plan"]}
    )
    desk.theatre.work()
    terminal.until("nobody has proposed one")
    assert terminal.end() == 0
    assert re.search(r"\x1b\[\d*A", terminal.screen), "the picture is drawn over itself"
    assert "epsilon 0.0527 of 1" in terminal.screen
    assert "Next: tunewarden promote model-" in terminal.screen


def test_ctrl_c_ends_watching_and_leaves_the_job_alone(desk: Desk) -> None:
    made = desk.props.job()
    terminal = Terminal(desk, "jobs", "watch", made["id"], "--every", "0.2")
    terminal.until("waits for people")
    os.killpg(terminal.process.pid, signal.SIGINT)
    assert terminal.end() == 130
    assert "The job goes on" in terminal.screen
    assert "Traceback" not in terminal.screen
    assert desk.json("ann", "jobs", "show", made["id"])["governance"]["state"] == "awaiting-approval"


def test_without_colours_and_on_a_dumb_terminal_there_are_plain_lines(desk: Desk) -> None:
    made = desk.json("ann", "jobs", "cancel", desk.props.job()["id"], "--yes")
    plain = Terminal(desk, "jobs", "watch", made["id"], TERM="dumb")
    assert plain.end() == 0
    assert "\x1b" not in plain.screen
    assert "approval: stopped (cancelled)" in plain.screen
    colourless = Terminal(desk, "jobs", "watch", made["id"], NO_COLOR="1")
    assert colourless.end() == 0
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", colourless.screen)


def test_a_script_learns_that_a_job_did_not_succeed(desk: Desk) -> None:
    made = desk.json("ann", "jobs", "cancel", desk.props.job()["id"], "--yes")
    assert desk.run("ann", "jobs", "watch", made["id"]).exit_code == 0
    assert desk.run("ann", "jobs", "watch", made["id"], "--exit-status").exit_code == 7
