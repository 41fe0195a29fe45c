"""An update of a training: what it costs that each person's gradient is clipped, in time and in memory."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.bench.conftest import Rows as BenchRows, interleaved
from tests.bench.updates import ghost, plain, private, subject

pytestmark = [pytest.mark.bench, pytest.mark.filterwarnings("ignore")]
_ROWS, _TIMES = 32, 7
_ROOT = Path(__file__).parents[2]
_PLAIN = "the same LoRA update without clipping and noise"


@pytest.mark.parametrize("micro_batch", [8, 32])
@pytest.mark.parametrize("model", ["minilm", "llama"])
def test_what_privacy_costs_an_update_in_time(rows: BenchRows, model: str, micro_batch: int) -> None:
    def made(way: Callable[..., Callable[[], None]], **asked: bool) -> Callable[[], None]:
        return way(subject(model, _ROWS, 1), micro_batch, **asked)

    bare = made(plain)
    for name, update, goal in (
        ("private update", made(private), 1.05),
        ("private update without its noise", made(private, noise=False), 1.05),
        ("private update by Opacus, rows", made(private, by_opacus=True), 1.25),
        ("update by Opacus' ghost clipping of rows", made(ghost), 2.0),
    ):
        rows.add(
            f"{name}, {model}, micro-batches of {micro_batch}",
            interleaved(update, bare, _TIMES),
            unit="ratio of time",
            goal=goal,
            bound="at_most",
            baseline=_PLAIN,
        )


@pytest.mark.parametrize("model", ["minilm", "llama"])
def test_what_a_person_costs_over_a_record(rows: BenchRows, model: str) -> None:
    of_persons = private(subject(model, _ROWS // 4, 4), 8)
    of_records = private(subject(model, _ROWS // 4, 4), 8, of_records=True)
    rows.add(
        f"private update of persons with four rows each, {model}, micro-batches of 8",
        interleaved(of_persons, of_records, _TIMES),
        unit="ratio of time",
        goal=1.05,
        bound="at_most",
        baseline="the same rows, each a unit of its own",
    )


@pytest.mark.parametrize("micro_batch", [8, 32])
@pytest.mark.parametrize("model", ["minilm", "llama"])
def test_what_privacy_costs_an_update_in_memory(rows: BenchRows, model: str, micro_batch: int) -> None:
    asked = ("--model", model, "--persons", str(_ROWS), "--micro-batch", str(micro_batch), "--updates", "1")
    ratios = []
    for _ in range(3):
        taken = {}
        for way in ("plain", "private"):
            found = alone(*asked, "--way", way)
            taken[way] = found["peak_bytes"] - found["before_bytes"] + found["weights_bytes"]
        ratios.append(taken["private"] / taken["plain"])
    rows.add(
        f"peak memory of a private update, {model}, micro-batches of {micro_batch}",
        ratios,
        unit="ratio of weights and all that is beside them",
        goal=1.10,
        bound="at_most",
        baseline=_PLAIN,
    )


def test_the_script_for_a_billion_parameters_runs_with_a_tiny_model(rows: BenchRows) -> None:
    """`python -m tests.bench.updates --model billion` is for a machine with a graphics processor."""
    ratios = []
    for _ in range(3):
        bare, guarded = (alone("--model", "tiny", "--way", way, "--updates", "5") for way in ("plain", "private"))
        ratios.append(guarded["tokens_per_second"] / bare["tokens_per_second"])
    assert statistics.median(ratios) > 0
    rows.add(
        "tokens a second of the script for large models, tiny Llama",
        ratios,
        unit="ratio",
        goal=0.5,
        bound="at_least",
        baseline=f"{_PLAIN}; so small that what is fixed counts most",
    )


def alone(*asked: str) -> dict[str, Any]:
    """What one way takes in a process of its own."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.updates", *asked]
    done = subprocess.run(
        command, cwd=_ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, check=True, timeout=600
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
