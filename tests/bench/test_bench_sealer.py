"""The sealer: how long an acknowledged entry waits for a signed head that covers it."""

import bisect
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.bench.conftest import Rows, fsync_beside
from tests.conftest import OTTO

from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_log import latest_tree_head
from tunewarden.entry.settings import Settings

pytestmark = pytest.mark.bench

_WRITERS, _PAUSE_SECONDS, _ROUND_SECONDS, _ROUNDS = 16, 0.02, 4.0, 5
_LOOK_SECONDS = 0.002
_PATIENCE_SECONDS = 30.0


@contextmanager
def sealing(settings: Settings) -> Iterator[None]:
    """A sealer in a process of its own, as it always is."""
    environment = {**os.environ, "TUNEWARDEN_HOME": str(settings.home)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tunewarden", "sealer"], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def append_for(engine: Engine, seconds: float) -> list[tuple[float, int]]:
    """When each entry was acknowledged, and its index; by many writers at their own pace."""
    work = SqlWork(engine, lambda: datetime.now(UTC))
    acknowledged: list[tuple[float, int]] = []
    until = time.monotonic() + seconds

    def write() -> None:
        while time.monotonic() < until:
            with work(OTTO.id) as unit:
                unit.record(DatasetRetired(dataset=DatasetId("ds-1")))
                receipt = unit.commit()
            acknowledged.append((time.monotonic(), receipt.index))
            time.sleep(_PAUSE_SECONDS)

    writers = [threading.Thread(target=write) for _ in range(_WRITERS)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    return acknowledged


def watch(engine: Engine, seen: list[tuple[int, float]], stop: threading.Event) -> None:
    """The size of each new head, and when it was first there to be read."""
    while not stop.wait(_LOOK_SECONDS):
        head = latest_tree_head(engine)
        if head is not None and (not seen or head.size > seen[-1][0]):
            seen.append((head.size, time.monotonic()))


def test_how_long_an_acknowledged_entry_waits_for_its_signature(tmp_path: Path, rows: Rows) -> None:
    settings = Settings(home=tmp_path)
    migrate(settings.database)
    engine = connect(settings.database)
    seen: list[tuple[int, float]] = []
    stop = threading.Event()
    watcher = threading.Thread(target=watch, args=(engine, seen, stop))
    highest, middles, rates = [], [], []
    with sealing(settings):
        watcher.start()
        append_for(engine, 0.1)  # until its process has started
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not seen and time.monotonic() < deadline:
            time.sleep(0.1)
        for _ in range(_ROUNDS):
            acknowledged = append_for(engine, _ROUND_SECONDS)
            deadline = time.monotonic() + _PATIENCE_SECONDS
            last = max(index for _, index in acknowledged)
            while seen[-1][0] <= last and time.monotonic() < deadline:
                time.sleep(0.01)
            waits = sorted(_signed_at(seen, index) - at for at, index in acknowledged)
            highest.append(1000 * waits[int(0.99 * len(waits))])
            middles.append(1000 * statistics.median(waits))
            rates.append(len(waits) / _ROUND_SECONDS)
        stop.set()
        watcher.join()
    load = f"{_WRITERS} writers, {statistics.median(rates):.0f} entries/s, {fsync_beside(tmp_path)}"
    rows.add("append to signed, p99", highest, unit="ms", goal=1000, bound="at_most", baseline=load)
    rows.add("append to signed, median", middles, unit="ms", goal=500, bound="at_most", baseline=load)


def _signed_at(seen: list[tuple[int, float]], index: int) -> float:
    """When the first head that covers the entry was there."""
    return seen[bisect.bisect_right(seen, index, key=lambda head: head[0])][1]
