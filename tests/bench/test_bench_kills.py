"""Killed twenty times with signal 9: everything finishes, and no ledger ever shows less than what ran.

Each training of two workers is killed four times: the process that charges, the worker that adds the noise, the one
that helps, or the first one right between noise and checkpoint; each at a random moment. `KILLS` says how often.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import psutil
import pytest
from tests.bench.conftest import Rows as BenchRows
from tests.conftest import ROOT
from tests.steps.train.conftest import base

__all__ = ["base"]

pytestmark = pytest.mark.bench
_KILLS = int(os.environ.get("KILLS", "20"))
_OF_ONE = 4
_LONGEST_ATTEMPT_SECONDS = 300


class Killed:
    """One training and what was done to it."""

    def __init__(self, home: Path, base: Path) -> None:
        self.home, self.base = home, base
        self.request = ""
        self.request = str(json.loads(self._answer("prepare")))

    def look(self) -> dict[str, object]:
        seen: dict[str, object] = json.loads(self._answer("look"))
        return seen

    def start(self, dies_after: int = 0) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "KILLING_DIES_AFTER": str(dies_after), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            self._command("train"), cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def _answer(self, what: str) -> str:
        done = subprocess.run(
            self._command(what), cwd=ROOT, capture_output=True, text=True, check=True, timeout=_LONGEST_ATTEMPT_SECONDS
        )
        return done.stdout.splitlines()[-1]

    def _command(self, what: str) -> list[str]:
        return [sys.executable, "-m", "tests.bench.killing", str(self.home), str(self.base), what, self.request]


def kill(killed: Killed) -> str:
    """Start an attempt and kill something of it; who it was. A training that was quicker counts as one that was hit
    too late, as in life.
    """
    victim = random.choice(("the job's process", "first worker", "second worker", "between noise and checkpoint"))
    process = killed.start(random.randint(1, 12) if victim == "between noise and checkpoint" else 0)
    before = killed.look()["ran"]
    if victim == "the job's process":
        _wait(lambda: process.poll() is not None or bool(_workers(process.pid)))
        time.sleep(random.uniform(0.0, 8.0))
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        psutil.wait_procs(family, timeout=60)  # Ray's own processes end with who started them
    elif victim.endswith("worker"):
        _wait(lambda: process.poll() is not None or _ran(killed) > before or random.random() < 0.01)
        time.sleep(random.uniform(0.0, 2.0))
        found = _workers(process.pid) if process.poll() is None else []
        if len(found) == 2:
            found[victim == "second worker"].kill()
    process.wait(_LONGEST_ATTEMPT_SECONDS)
    return victim


def _ran(killed: Killed) -> int:
    path = killed.home / f"ran-{killed.request}"
    return path.stat().st_size if path.exists() else 0


def _workers(pid: int) -> list[psutil.Process]:
    """Oldest first."""
    try:
        found = [p for p in psutil.Process(pid).children(recursive=True) if "RayTrainWorker" in " ".join(p.cmdline())]
        return sorted(found, key=lambda process: process.create_time())
    except psutil.NoSuchProcess:
        return []


def _wait(until: Callable[[], bool]) -> None:
    end = time.monotonic() + _LONGEST_ATTEMPT_SECONDS
    while not until():
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.05)


def test_twenty_kills(rows: BenchRows, base: Path, tmp_path: Path) -> None:
    finished, repeated = 0, list[float]()
    for number in range(-(-_KILLS // _OF_ONE)):
        home = tmp_path / str(number)
        home.mkdir()
        killed, cost = Killed(home, base), Decimal(0)
        for _ in range(min(_OF_ONE, _KILLS - number * _OF_ONE)):
            victim = kill(killed)
            seen = killed.look()
            assert int(str(seen["ran"])) <= int(str(seen["charged"])), victim
            assert Decimal(str(seen["epsilon"])) >= cost, "epsilon never becomes less"
            cost = Decimal(str(seen["epsilon"]))
        if killed.look()["state"] != "trained":
            assert killed.start().wait(_LONGEST_ATTEMPT_SECONDS) == 0
        seen = killed.look()
        assert seen["state"] == "trained"
        assert int(str(seen["planned"])) <= int(str(seen["ran"])) <= int(str(seen["charged"]))
        assert Decimal(str(seen["epsilon"])) >= cost
        finished += 1
        repeated.append(int(str(seen["charged"])) / int(str(seen["planned"])))
    rows.add(
        "updates charged over updates planned, after four kills of a training",
        repeated,
        unit="ratio",
        goal=2.0,
        bound="at_most",
        baseline=f"{_KILLS} kills, {finished} trainings, all finished; charged >= ran after each",
    )
