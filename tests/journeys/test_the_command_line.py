"""`tunewarden serve` as it is shipped, in a home that was not there, and what people type in another window beside it.

Three real processes; the commands are those that README.md lists. It ends before the training, which
`test_the_main_path.py` has: whoever asked withdraws, and Ctrl-C ends everything.
"""

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psutil
import pytest
from click.testing import Result
from typer.testing import CliRunner

from tunewarden.entry.cli import app
from tunewarden.entry.cli.client.uploading import PART

CAST = {"dana": "steward", "ann": "requester", "bob": "approver", "pia": "privacy-officer", "otto": "auditor"}
SECRET = "CANARY fell from a ladder"
_PATIENCE_SECONDS = 180.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Where `tunewarden serve` runs, and where everybody else types."""

    process: subprocess.Popen[bytes]
    home: Path
    said: Path
    address: str

    def children(self) -> list[psutil.Process]:
        """What it started: api, worker, sealer, and whatever those start."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def names(self) -> list[str]:
        """Of the processes that it started itself."""
        return sorted(one.cmdline()[-1] for one in psutil.Process(self.process.pid).children())

    def run(self, who: str, *arguments: object, typed: str | None = None) -> Result:
        """A command of somebody's, with what they are logged in with and nothing else."""
        said = {
            "XDG_CONFIG_HOME": str(self.home.parent / who),
            "TUNEWARDEN_HOME": str(self.home),
            "TUNEWARDEN_API_URL": "",
            "TUNEWARDEN_API_KEY": "",
        }
        return CliRunner().invoke(app, [str(one) for one in arguments], input=typed, env=said)

    def must(self, who: str, *arguments: object, typed: str | None = None) -> str:
        """What a command prints that has to succeed."""
        done = self.run(who, *arguments, typed=typed)
        assert done.exit_code == 0, f"{arguments}: {done.output} {done.exception!r}"
        return str(done.stdout)

    def json(self, who: str, *arguments: object) -> Any:
        return json.loads(self.must(who, *arguments, "--json"))

    def lines(self, who: str, *arguments: object) -> list[Any]:
        return [json.loads(line) for line in self.must(who, *arguments, "--json").splitlines()]

    def log_in(self) -> None:
        """A key for each of the cast, made at the machine, and a login with it."""
        for name, role in CAST.items():
            made = self.json("operator", "operator", "keys", "create", "--role", role, "--name", name)
            told = self.must(name, "login", self.address, "--key-file", "-", typed=made["key"] + "\n")
            assert made["key"] not in told
            assert self.address in told


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Window]:
    """`tunewarden serve` in a home that is not there yet, with a group of processes of its own, as a terminal has."""
    home, port = tmp_path / "home", free_port()
    said = {"TUNEWARDEN_HOME": str(home), "TUNEWARDEN_PORT": str(port)}
    with (tmp_path / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tunewarden", "serve"],
            env={**os.environ, **said},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    made = Window(process=process, home=home, said=tmp_path / "serve.log", address=f"http://127.0.0.1:{port}")
    try:
        until(lambda: ready(made), made)
        yield made
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def ready(window: Window) -> bool:
    """The api answers, and the worker looks for work."""
    assert window.process.poll() is None, window.said.read_text()
    try:
        answered = httpx.get(f"{window.address}/readyz").status_code == 200
    except httpx.TransportError:
        return False
    return answered and "worker_started" in window.said.read_text()


def until(is_so: Any, window: Window) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, window.said.read_text()
        time.sleep(0.2)


def table(folder: Path) -> Path:
    """One row of each of 120 persons."""
    rows = [f"{SECRET} {number}.,{'yn'[number % 2]},P-{number:03}" for number in range(120)]
    path = folder / "notes.csv"
    path.write_text("\n".join(["note,burn,patient", *rows, ""]))
    return path


def test_what_people_type_beside_a_served_platform_and_ctrl_c(window: Window, tmp_path: Path) -> None:
    """One walk, because starting three processes is dear."""
    assert window.names() == ["api", "sealer", "worker"]
    window.log_in()
    dataset = registered(window, tmp_path)
    uploaded(window, tmp_path, dataset)
    job = asked(window, tmp_path / "plan.toml", dataset)
    decided(window, job)
    read(window, job, tmp_path)
    stopped(window)


def registered(window: Window, folder: Path) -> str:
    """The steward looks at a table, and registers it."""
    file = table(folder)
    window.must("dana", "data", "check", file, "--text", "note", "--label", "burn", "--person", "patient")
    said = ("--name", "CANARY Notes", "--purpose", "research", "--basis", "public-task", "--retain-until", "2099-12-31")
    said += ("--sensitivity", "special-category", "--epsilon", "10", "--delta", "0.0001")
    columns = ("--text", "note", "--label", "burn", "--person", "patient")
    made = window.json("dana", "data", "register", file, *said, *columns)
    (version,) = made["versions"]
    assert (version["rows"], version["persons"]) == (120, 120)
    (listed,) = window.lines("dana", "data", "list")
    assert listed["id"] == made["id"]
    return str(made["id"])


def uploaded(window: Window, folder: Path, dataset: str) -> None:
    """More records for the dataset in one piece, and a file of two parts that nothing is made of."""
    more = folder / "CANARY more.csv"
    more.write_text(table(folder).read_text().replace("P-", "Q-"))
    made = window.json("dana", "data", "upload", more, "--dataset", dataset)
    assert [(version["rows"], version["persons"]) for version in made["versions"]] == [(120, 120)] * 2
    large = folder / "CANARY large.jsonl"
    large.write_bytes(json.dumps({"text": SECRET}).encode().ljust(1023) + b"\n")
    large.write_bytes(large.read_bytes() * (PART // 1024 + 1))
    sent = window.json("dana", "data", "upload", large, "--as", "large.jsonl")
    assert (sent["filename"], sent["bytes"]) == ("large.jsonl", large.stat().st_size)
    assert sent["digest"] == "sha256:" + hashlib.sha256(large.read_bytes()).hexdigest()
    assert list((window.home.parent / "dana" / "tunewarden" / "uploads").iterdir()) == [], (
        "nothing is left to go on with"
    )
    assert sent["id"] in [one["id"] for one in window.lines("dana", "data", "list", "--files")]
    assert sent["id"] not in [one["id"] for one in window.lines("ann", "data", "list", "--files")]


def asked(window: Window, plan: Path, dataset: str) -> str:
    """The requester writes a plan, looks what would come of it, and asks for exactly that."""
    said = ("--model", "all-minilm-l6-v2", "--dataset", dataset, "--purpose", "research", "--epsilon", "3")
    assert f"tunewarden plan validate {plan}" in window.must("ann", "plan", "new", plan, *said)
    digest = window.json("ann", "plan", "validate", plan)["digest"]
    other = window.run("ann", "jobs", "create", plan, "--expect", "sha256:" + "0" * 64)
    assert (other.exit_code, other.stdout) == (4, "")
    assert "plan_differs" in other.stderr
    made = window.json("ann", "jobs", "create", plan, "--expect", digest)
    assert (made["status"], made["governance"]["plan"]) == ("queued", digest)
    return str(made["id"])


def decided(window: Window, job: str) -> None:
    """Never by who asked; by one other person of the two whom special categories need; and then it is withdrawn."""
    own = window.run("ann", "approve", job, "--yes")
    assert own.exit_code == 1, own.output
    assert "access_denied" in own.stderr
    (waiting,) = window.lines("bob", "approvals")
    assert waiting["id"] == job
    assert f"{job} is approved" in window.must("bob", "approve", job, "--yes")
    shown = window.json("ann", "jobs", "show", job)
    assert shown["governance"]["state"] == "awaiting-approval", "the privacy officer has not endorsed it yet"
    (listed,) = window.lines("ann", "jobs", "list")
    assert (listed["id"], listed["status"]) == (job, "queued")
    assert window.json("ann", "jobs", "cancel", job, "--yes")["status"] == "cancelled"


def read(window: Window, job: str, folder: Path) -> None:
    """The auditor reads what happened, and verifies all of it without the platform."""
    happened = [one["message"] for one in window.lines("ann", "jobs", "events", job)][::-1]
    assert happened[0] == "RequestSubmitted"
    assert {"BudgetReserved", "RequestApproved"} <= {*happened}
    last = max(one["data"]["index"] for one in window.lines("ann", "jobs", "events", job))
    until(lambda: window.run("otto", "audit", "entry", last).exit_code == 0, window)
    entries = window.lines("otto", "audit", "entries", "--limit", "1000")
    assert [one["index"] for one in entries] == list(range(len(entries)))
    assert {"KeyCreated", "DatasetRegistered", "ActionRefused"} <= {one["type"] for one in entries}
    assert window.run("ann", "audit", "entries").exit_code == 3, "the log is not for requesters"
    files, key = folder / "files", window.home / "log.vkey"
    (written,) = re.findall(r"^(\d+) entries in ", window.must("operator", "log", "tiles", files))
    assert int(written) >= len(entries), "and perhaps the refusal of just now"
    verified = window.json("otto", "audit", "verify", files, "--key", key, "--conduct")
    assert verified["ok"], verified["lines"]
    (tile,) = (path for path in (files / "tile" / "entries").rglob("*") if path.is_file())
    content = bytearray(tile.read_bytes())
    content[content.index(b"RequestSubmitted")] ^= 1
    tile.write_bytes(content)
    assert window.run("otto", "audit", "verify", files, "--key", key, "--conduct").exit_code == 6


def stopped(window: Window) -> None:
    """Ctrl-C reaches every process of the terminal at once. All end, nothing is started again, nobody complains."""
    started, others = window.said.read_text().count("process_started"), window.children()
    os.killpg(window.process.pid, signal.SIGINT)
    assert window.process.wait(60) == 0
    _, alive = psutil.wait_procs(others, timeout=10)
    assert alive == []
    said = window.said.read_text()
    assert said.count("process_started") == started == 3
    for word in ("Traceback", "Aborted", "process_ended", SECRET, "CANARY"):
        assert word not in said, said
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{window.address}/healthz")
