"""Appending to the log: how fast facts become durable, how long a caller waits, how much room an entry takes."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import chain
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, make_url
from tests.bench.conftest import Rows, fsync_beside, seconds
from tests.conftest import OTTO, digest

from tunewarden.domain.events import RequestApproved
from tunewarden.domain.names import DatasetId, RequestId
from tunewarden.domain.privacy import Ledger
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_sealing import unsigned_bodies
from tunewarden.usecases.ports import Work

pytestmark = pytest.mark.bench
WRITERS, EACH, ROUNDS = 64, 200, 5
GOALS = {"sqlite": 10_000, "postgresql": 5_000}
GOALS_ALONE = {"sqlite": 1_000, "postgresql": 300}
FACT = RequestApproved(request=RequestId("ftjob-" + "0" * 32), plan=digest("a plan"))
LEDGER = Ledger(dataset=DatasetId("ds-" + "0" * 32), limit=Decimal(8), delta=Decimal("0.0001"))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        found: str = request.getfixturevalue("cluster").database()
        return found
    file = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(file)
    return file


@pytest.fixture
def engine(url: str) -> Iterator[Engine]:
    engine = connect(url)
    yield engine
    engine.dispose()


def append(work: Work) -> float:
    """One whole unit of work; returns how long its caller waited, in milliseconds."""
    began = time.perf_counter()
    with work(OTTO.id) as unit:
        unit.record(FACT)
        unit.commit()
    return (time.perf_counter() - began) * 1000


def change(work: Work) -> float:
    """The same for one that reads something, changes it and records that."""
    began = time.perf_counter()
    with work(OTTO.id) as unit:
        unit.ledgers.put(replace(unit.ledgers.get(LEDGER.dataset), limit=Decimal(9)))
        unit.record(FACT)
        unit.commit()
    return (time.perf_counter() - began) * 1000


def under_load(one: Callable[[Work], float], work: Work, each: int) -> tuple[float, float]:
    """Units of work a second, and the 99th percentile of the milliseconds that a caller waited."""
    with ThreadPoolExecutor(WRITERS) as threads:
        began = time.perf_counter()
        waited = sorted(chain(*threads.map(lambda _: [one(work) for _ in range(each)], range(WRITERS))))
        taken = time.perf_counter() - began
    return len(waited) / taken, waited[int(len(waited) * 0.99)]


def stored_bytes(url: str) -> int:
    """What the database takes, tables and indices, as it lies there once the write-ahead log is written back."""
    if url.startswith("sqlite"):
        path = Path(str(make_url(url).database))
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()
        return path.stat().st_size
    with psycopg.connect(url, autocommit=True) as raw:
        (size,) = raw.execute("SELECT pg_total_relation_size('entries')").fetchone() or (0,)
        return int(size)


def test_how_fast_many_callers_append(engine: Engine, tmp_path: Path, rows: Rows) -> None:
    name = engine.dialect.name
    work = SqlWork(engine, lambda: datetime.now(UTC))
    under_load(append, work, EACH)
    rates, waits = zip(*(under_load(append, work, EACH) for _ in range(ROUNDS)), strict=True)
    with SqlViews(engine)() as view:
        indices = [entry.index for entry in view.entries()]
    assert indices == list(range(WRITERS * EACH * (ROUNDS + 1)))
    what, beside = f"{name}, {WRITERS} callers at once", fsync_beside(tmp_path)
    rows.add(f"durable units of work, {what}", rates, unit="1/s", goal=GOALS[name], bound="at_least", baseline=beside)
    rows.add(f"99 of 100 have their receipt, {what}", waits, unit="ms", goal=50, bound="at_most", baseline=beside)


def test_how_fast_many_callers_change_state(engine: Engine, tmp_path: Path, rows: Rows) -> None:
    work = SqlWork(engine, lambda: datetime.now(UTC))
    with work(OTTO.id) as unit:
        unit.ledgers.put(LEDGER)
        unit.record(FACT)
        unit.commit()
    rates = [under_load(change, work, 10)[0] for _ in range(ROUNDS)]
    rows.add(
        f"durable units that read and change state, {engine.dialect.name}, {WRITERS} callers at once",
        rates,
        unit="1/s",
        goal=200,
        bound="at_least",
        baseline=fsync_beside(tmp_path),
    )


def test_how_fast_one_caller_appends(engine: Engine, tmp_path: Path, rows: Rows) -> None:
    work = SqlWork(engine, lambda: datetime.now(UTC))
    rates = [100 / seconds(lambda: [append(work) for _ in range(100)]) for _ in range(ROUNDS + 1)][1:]
    rows.add(
        f"durable units of work, {engine.dialect.name}, one caller",
        rates,
        unit="1/s",
        goal=GOALS_ALONE[engine.dialect.name],
        bound="at_least",
        baseline=fsync_beside(tmp_path),
    )


@pytest.mark.parametrize(("entries", "goal"), [(1, 1.1), (1_000, 1.25)])
def test_how_much_longer_a_processor_is_busy_because_of_the_index(
    tmp_path: Path, rows: Rows, entries: int, goal: float
) -> None:
    """`entries_about`, over what an entry is about. SQLite alone: there the database's work is done in this process."""
    indexed, plain = (_filled(tmp_path / name) for name in ("indexed.db", "plain.db"))
    with plain.begin() as connection:
        connection.exec_driver_sql("DROP INDEX entries_about")
    units = max(1, 2_000 // entries)
    ratios = [_busy(indexed, units, entries) / _busy(plain, units, entries) for _ in range(2 * ROUNDS + 1)][1:]
    for engine in (indexed, plain):
        engine.dispose()
    rows.add(
        f"processor time of appending, {entries:,} in a unit, over that without the index `entries_about`, sqlite",
        ratios,
        unit="ratio",
        goal=goal,
        bound="at_most",
        baseline="the same units without the index, in turns; 50,000 entries before",
    )


def _filled(path: Path) -> Engine:
    """A log in which 5,000 requests have ten entries each."""
    migrate(f"sqlite:///{path}")
    engine = connect(f"sqlite:///{path}")
    _busy(engine, 1, 50_000)
    return engine


def _busy(engine: Engine, units: int, entries: int) -> float:
    """Seconds of a processor for so many units of work of so many entries, each about another request than the last."""
    work, began = SqlWork(engine, lambda: datetime.now(UTC)), time.process_time()
    for _ in range(units):
        with work(OTTO.id) as unit:
            for _ in range(entries):
                unit.record(replace(FACT, request=RequestId(f"ftjob-{random.randrange(5_000):032x}")))
            unit.commit()
    return time.process_time() - began


def test_how_much_room_an_entry_takes(url: str, engine: Engine, rows: Rows) -> None:
    before, count = stored_bytes(url), 20_000
    with SqlWork(engine, lambda: datetime.now(UTC))(OTTO.id) as unit:
        for _ in range(count):
            unit.record(FACT)
        unit.commit()
    bodies = sum(map(len, unsigned_bodies(engine, 0, count)))
    engine.dispose()
    beyond = (stored_bytes(url) - before - bodies) / count
    rows.add(
        f"bytes of an entry beyond its body, {engine.dialect.name}",
        [beyond],
        unit="bytes",
        goal=120,
        bound="at_most",
        baseline=f"body of {bodies // count} bytes",
    )
