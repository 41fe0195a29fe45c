"""Measurements: each adds a row; at the end one table is printed and `bench.json` is written."""

import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pytest
from rich.console import Console
from rich.table import Table
from tests.audit.conftest import Forge, bundle_bytes, files, forge, golden

__all__ = ["Forge", "bundle_bytes", "files", "forge", "golden"]

RESULT = Path(__file__).parents[2] / "bench.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured figure.

    Attributes:
        value, low, high: median and range over `n` repetitions within one process.
        goal, bound: what is hoped for, and on which side of it is good.
        baseline: what `value` was measured against or beside, in words; empty where nothing was.
    """

    name: str
    value: float
    unit: str
    goal: float
    bound: Literal["at_most", "at_least"]
    baseline: str
    n: int
    low: float
    high: float

    @property
    def reached(self) -> bool:
        return self.value <= self.goal if self.bound == "at_most" else self.value >= self.goal


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes, by the wall."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def fsync_beside(folder: Path) -> str:
    """How long 200 flushes of 4 KiB take under `folder`, in words, to stand beside what the disk had to do just now."""
    with (folder / "probe").open("ab") as file:

        def flush() -> None:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())

        times = sorted(seconds(flush) * 1000 for _ in range(200))
    return f"fsync {times[100]:.2g} ms ({times[0]:.2g}-{times[-1]:.2g})"


def interleaved(one: Callable[[], object], other: Callable[[], object], repetitions: int) -> list[float]:
    """Ratios of the time of `one` over that of `other`, taken in turns, after a first round that does not count."""
    one(), other()
    return [seconds(one) / seconds(other) for _ in range(repetitions)]


class Rows(list[Row]):
    """What was measured so far."""

    def add(
        self,
        name: str,
        values: Sequence[float],
        *,
        unit: str,
        goal: float,
        bound: Literal["at_most", "at_least"],
        baseline: str = "",
    ) -> None:
        row = Row(
            name=name,
            value=statistics.median(values),
            unit=unit,
            goal=goal,
            bound=bound,
            baseline=baseline,
            n=len(values),
            low=min(values),
            high=max(values),
        )
        self.append(row)


def _shown(number: float) -> str:
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


@pytest.fixture(scope="session")
def rows(request: pytest.FixtureRequest) -> Iterator[Rows]:
    collected = Rows()
    yield collected
    RESULT.write_text(json.dumps([asdict(row) for row in collected], indent=2) + "\n")
    table = Table(title="bench", title_justify="left")
    for heading in ("measured", "median", "range", "n", "unit", "goal", "against"):
        table.add_column(heading)
    for row in collected:
        sign = "<=" if row.bound == "at_most" else ">="
        goal = f"{sign} {_shown(row.goal)} {'reached' if row.reached else 'NOT REACHED'}"
        spread = f"{_shown(row.low)}-{_shown(row.high)}"
        table.add_row(row.name, _shown(row.value), spread, str(row.n), row.unit, goal, row.baseline)
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        Console(width=170).print("", table)
