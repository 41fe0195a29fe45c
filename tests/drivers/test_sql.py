"""What is particular to the database: durability, the log's tables, migrations and errors."""

import gc
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine

from tunewarden.domain.datasets import Dataset
from tunewarden.domain.errors import Corrupted, Malformed, Unavailable
from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, PrincipalId
from tunewarden.drivers import sql_log, sql_sealing
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_engine import connect, migrate, reading
from tunewarden.drivers.sql_schema import METADATA
from tunewarden_audit.merkle import leaf_hash

ANN = PrincipalId("prn-1")


@pytest.fixture
def path(database: str) -> Path:
    return Path(database.removeprefix("sqlite:///"))


def append(engine: Engine, clock: FixedClock, count: int) -> None:
    with SqlWork(engine, clock)(ANN) as unit:
        for number in range(count):
            unit.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
        unit.commit()


def tamper(path: Path, statement: str) -> None:
    """As somebody who owns the database file would."""
    connection = sqlite3.connect(path)
    with connection:
        connection.executescript(f"DROP TRIGGER entries_no_update; DROP TRIGGER entries_no_delete; {statement}")
    connection.close()


# An index over an expression is no part of a table here; `test_log_index.py` asks the database whether it takes it.
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index entries_about")
def test_the_migrations_make_exactly_the_tables_that_the_statements_use(engine: Engine) -> None:
    with reading(engine).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_four_processes_may_migrate_at_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'fresh.db'}"
    code = f"from tunewarden.drivers.sql_engine import migrate; migrate({url!r})"
    with ThreadPoolExecutor(4) as threads:
        results = threads.map(lambda _: subprocess.run([sys.executable, "-c", code], check=False).returncode, range(4))
        assert list(results) == [0] * 4
    migrate(url)


def test_the_database_is_readable_for_its_owner_only(engine: Engine, clock: FixedClock, path: Path) -> None:
    append(engine, clock, 1)
    files = list(path.parent.glob("state.db*"))
    assert len(files) == 3, "the database, its write-ahead log and its shared memory"
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_commits_are_flushed_to_the_disk_before_they_are_confirmed(engine: Engine) -> None:
    with engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0}


def test_no_receipt_is_out_before_the_kernel_has_flushed_its_entry(database: str, tmp_path: Path) -> None:
    """What the kernel was asked to do, as `strace` saw it: a flush of the write-ahead log before every receipt."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not on the PATH")
    writer = """
import os, sys
from datetime import UTC, datetime
from tunewarden.domain.events import DatasetRetired
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect
work = SqlWork(connect(sys.argv[1]), lambda: datetime.now(UTC))
for _ in range(5):
    with work("prn-1") as unit:
        unit.record(DatasetRetired(dataset="ds-1"))
        os.write(1, b"receipt %d" % unit.commit().index)
"""
    trace = tmp_path / "trace"
    watch = ["strace", "-f", "-y", "-e", "trace=fsync,fdatasync,write", "-e", "signal=none", "-o", str(trace)]
    watched = subprocess.run([*watch, sys.executable, "-c", writer, database], check=False, capture_output=True)
    if b"PTRACE" in watched.stderr:
        pytest.skip("nobody may be traced here")
    assert watched.returncode == 0
    flushed, found = False, 0
    for line in trace.read_text(errors="replace").splitlines():
        flushed |= "sync(" in line and "state.db-wal>" in line and line.endswith("= 0")
        if '"receipt ' in line:
            assert flushed, line
            flushed, found = False, found + 1
    assert found == 5


def test_a_unit_of_work_and_a_view_leave_nothing_to_the_garbage_collector(engine: Engine, clock: FixedClock) -> None:
    append(engine, clock, 1)
    gc.disable()
    try:
        with SqlWork(engine, clock)(ANN) as unit:
            assert not unit.datasets.all()
            unit.record(DatasetRetired(dataset=DatasetId("ds-1")))
            unit.commit()
        with SqlViews(engine)() as view:
            assert not view.datasets.all()
        left = weakref.ref(unit), weakref.ref(view)
        del unit, view
        assert [one() for one in left] == [None, None]
    finally:
        gc.enable()


def test_a_killed_process_loses_nothing_that_was_confirmed_and_keeps_nothing_that_was_not(
    database: str, engine: Engine
) -> None:
    writer = """
import sys
from datetime import UTC, datetime
from tunewarden.domain.events import DatasetRetired
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect
work = SqlWork(connect(sys.argv[1]), lambda: datetime.now(UTC))
while True:
    with work("prn-1") as unit:
        unit.record(DatasetRetired(dataset="ds-1"))
        unit.record(DatasetRetired(dataset="ds-2"))
        print(unit.commit().index, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", writer, database], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as lines:
        confirmed = [int(next(lines)) for _ in range(20)][-1]
        os.kill(process.pid, signal.SIGKILL)
        confirmed = max([confirmed, *(int(line) for line in lines if line.endswith("\n"))])
    process.wait()
    with reading(engine).connect() as connection:
        found = [index for index, _ in sql_log.read_bodies(connection)]
    assert found == list(range(len(found)))
    assert len(found) >= confirmed + 1
    assert len(found) % 2 == 0, "both entries of a unit of work or neither"


def test_entries_cannot_be_changed_or_deleted_by_mistake(engine: Engine, clock: FixedClock) -> None:
    append(engine, clock, 1)
    for statement in ("UPDATE entries SET body = x'00'", "DELETE FROM entries"):
        with pytest.raises(Corrupted, match="SQLITE_CONSTRAINT_TRIGGER"), engine.begin() as connection:
            connection.exec_driver_sql(statement)


def test_an_altered_entry_is_noticed_on_reading(engine: Engine, clock: FixedClock, path: Path) -> None:
    append(engine, clock, 3)
    tamper(path, "UPDATE entries SET body = (SELECT body FROM entries WHERE idx = 0) WHERE idx = 1")
    with pytest.raises(Corrupted, match="Entry 1"):
        sql_sealing.unsigned_bodies(engine, 0, 10)
    with SqlWork(engine, clock)(ANN) as unit, pytest.raises(Corrupted, match="Entry 1"):
        list(unit.entries())


def test_a_missing_entry_is_noticed_on_reading(engine: Engine, clock: FixedClock, path: Path) -> None:
    append(engine, clock, 3)
    tamper(path, "DELETE FROM entries WHERE idx = 1")
    with pytest.raises(Corrupted, match="Entry 1 of the log is missing"):
        list(sql_sealing.leaf_hashes(engine, 0, 3))


def test_a_deleted_tail_is_noticed_by_who_knows_the_size(engine: Engine, clock: FixedClock, path: Path) -> None:
    append(engine, clock, 3)
    tamper(path, "DELETE FROM entries WHERE idx = 2")
    with pytest.raises(Corrupted, match="holds 2 entries, 3 were expected"):
        list(sql_sealing.leaf_hashes(engine, 0, 3))


def test_a_body_under_the_key_of_another_thing_is_noticed(
    engine: Engine, clock: FixedClock, path: Path, registered: Callable[..., Dataset]
) -> None:
    with SqlWork(engine, clock)(ANN) as unit:
        unit.datasets.put(registered(id=DatasetId("ds-1")))
        unit.datasets.put(registered(id=DatasetId("ds-2")))
        unit.record(DatasetRetired(dataset=DatasetId("ds-1")))
        unit.commit()
    tamper(path, "UPDATE datasets SET body = (SELECT body FROM datasets WHERE id = 'ds-2') WHERE id = 'ds-1'")
    with SqlWork(engine, clock)(ANN) as unit, pytest.raises(Corrupted, match="key of another"):
        unit.datasets.get(DatasetId("ds-1"))


def test_the_sealer_sees_every_leaf_in_order_and_in_batches(engine: Engine, clock: FixedClock) -> None:
    append(engine, clock, 1203)
    bodies = sql_sealing.unsigned_bodies(engine, 0, 5000)
    expected = [leaf_hash(body) for body in bodies]
    assert len(expected) == 1203
    assert list(sql_sealing.leaf_hashes(engine, 0, 1203)) == expected
    assert list(sql_sealing.leaf_hashes(engine, 499, 700)) == expected[499:700]
    assert sql_sealing.unsigned_bodies(engine, 499, 3) == bodies[499:502]
    assert sql_sealing.unsigned_bodies(engine, 1203, 10) == []
    with SqlWork(engine, clock)(ANN) as unit:
        assert [entry.index for entry in unit.entries()] == list(range(1203))


def test_the_largest_tree_head_is_the_latest_and_is_kept_once(engine: Engine, clock: FixedClock) -> None:
    assert sql_log.latest_tree_head(engine) is None
    sql_log.store_tree_head(engine, 2, b"r" * 32, "note 2\n", clock())
    sql_log.store_tree_head(engine, 5, b"s" * 32, "note 5\n", clock())
    sql_log.store_tree_head(engine, 5, b"s" * 32, "note 5\n", clock() + timedelta(hours=1))
    assert sql_log.latest_tree_head(engine) == sql_log.StoredTreeHead(
        size=5, root=b"s" * 32, note="note 5\n", sealed_at=clock()
    )


def test_two_roots_for_one_size_are_a_fork(engine: Engine, clock: FixedClock) -> None:
    sql_log.store_tree_head(engine, 2, b"r" * 32, "note\n", clock())
    with pytest.raises(Corrupted, match="Two different roots"):
        sql_log.store_tree_head(engine, 2, b"s" * 32, "note\n", clock())


def test_readers_do_not_wait_for_a_writer(engine: Engine, clock: FixedClock) -> None:
    append(engine, clock, 2)
    with SqlWork(engine, clock)(ANN) as unit:
        unit.record(DatasetRetired(dataset=DatasetId("ds-1")))
        assert len(sql_sealing.unsigned_bodies(engine, 0, 10)) == 2
        unit.commit()
        assert len(sql_sealing.unsigned_bodies(engine, 0, 10)) == 3


def test_a_database_without_tables_is_unavailable_and_its_error_holds_no_values(
    tmp_path: Path, clock: FixedClock
) -> None:
    engine = connect(f"sqlite:///{tmp_path / 'empty.db'}")
    with pytest.raises(Unavailable) as caught, SqlWork(engine, clock)(ANN) as unit:
        unit.datasets.find(DatasetId("ds-secret"))
    assert "ds-secret" not in f"{caught.value} {caught.value.__cause__}"
    engine.dispose()


def test_a_database_in_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        connect(f"sqlite:///{tmp_path / 'missing' / 'state.db'}")


def test_a_file_that_is_no_database_is_corrupted(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_bytes(b"these are not the bytes of a database" * 100)
    with pytest.raises(Corrupted, match="SQLITE_NOTADB"):
        migrate(f"sqlite:///{tmp_path / 'state.db'}")


@pytest.mark.parametrize("url", ["mysql://u:hunter2@h/db", "sqlite://", "sqlite:///:memory:", "hunter2"])
def test_another_kind_of_database_is_refused_without_echoing_its_password(url: str) -> None:
    with pytest.raises(Malformed) as caught:
        connect(url)
    assert "hunter2" not in str(caught.value)
