"""The log: how fast facts become durable, signed and verified."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.bench.conftest import Rows, seconds
from tests.conftest import OTTO

from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_sealing import leaf_hashes

pytestmark = pytest.mark.bench


def test_how_fast_units_of_work_become_durable(tmp_path: Path, rows: Rows) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    work = SqlWork(connect(url), lambda: datetime.now(UTC))
    probe = tmp_path / "probe"

    def commit() -> None:
        with work(OTTO.id) as unit:
            unit.record(DatasetRetired(dataset=DatasetId("ds-1")))
            unit.commit()

    def flush() -> None:
        with probe.open("ab") as file:
            file.write(b"x" * 4096)
            os.fsync(file.fileno())

    commit(), flush()
    ratios = []
    for _ in range(20):
        taken = seconds(lambda: [commit() for _ in range(20)])
        ratios.append(taken / seconds(lambda: [flush() for _ in range(20)]))
    rows.add(
        "durable unit of work over one fsync of the same disk",
        ratios,
        unit="ratio",
        goal=10,
        bound="at_most",
        baseline="write of 4 KiB and fsync",
    )


def test_how_fast_a_log_is_read_and_hashed_again(tmp_path: Path, rows: Rows) -> None:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    engine = connect(url)
    count = 20_000
    with SqlWork(engine, lambda: datetime.now(UTC))(OTTO.id) as unit:
        for number in range(count):
            unit.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
        unit.commit()
    rates = [count / seconds(lambda: list(leaf_hashes(engine, 0, count))) for _ in range(5)]
    rows.add("entries read and hashed again", rates, unit="1/s", goal=50_000, bound="at_least")
