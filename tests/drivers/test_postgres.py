"""What is particular to PostgreSQL: the server must flush, tables are those of the statements, entries stay."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from tests.postgres_cluster import Cluster

from tunewarden.domain.errors import Refused, Unavailable
from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, PrincipalId
from tunewarden.drivers import sql_log
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_engine import connect, migrate, reading
from tunewarden.drivers.sql_schema import METADATA

ANN = PrincipalId("prn-1")

WRITER = """
import sys
from datetime import UTC, datetime
from tunewarden.domain.events import DatasetRetired
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect
work = SqlWork(connect(sys.argv[1]), lambda: datetime.now(UTC))
for number in range(20):
    with work("prn-1") as unit:
        unit.record(DatasetRetired(dataset=f"ds-{sys.argv[2]}-{number}"))
        print(unit.commit().index)
"""


def test_the_migrations_make_exactly_the_tables_that_the_statements_use(postgres_database: str) -> None:
    engine = connect(postgres_database)
    with reading(engine).connect() as connection:
        asked = {"include_name": _is_of_a_table}
        assert compare_metadata(MigrationContext.configure(connection, opts=asked), METADATA) == []
    engine.dispose()


def _is_of_a_table(name: str | None, kind: str, _parents: object) -> bool:
    """An index over an expression is none; `test_log_index.py` asks the database whether it takes it."""
    return (kind, name) != ("index", "entries_about")


def test_several_processes_may_migrate_at_once(cluster: Cluster) -> None:
    url = cluster.empty_database()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(migrate, [url] * 4))
    migrate(url)


def test_processes_that_write_at_once_leave_no_gap(postgres_database: str) -> None:
    def run(writer: int) -> list[int]:
        command = [sys.executable, "-c", WRITER, postgres_database, str(writer)]
        return [int(line) for line in subprocess.run(command, capture_output=True, check=True).stdout.split()]

    with ThreadPoolExecutor(3) as threads:
        indices = sorted(index for done in threads.map(run, range(3)) for index in done)
    assert indices == list(range(60))


@pytest.mark.parametrize("statement", ["UPDATE entries SET body = ''", "DELETE FROM entries", "TRUNCATE entries"])
def test_entries_cannot_be_changed_or_deleted_by_mistake(
    postgres_database: str, clock: FixedClock, statement: str
) -> None:
    engine = connect(postgres_database)
    with SqlWork(engine, clock)(ANN) as unit:
        unit.record(DatasetRetired(dataset=DatasetId("ds-1")))
        unit.commit()
    with psycopg.connect(postgres_database) as raw, pytest.raises(psycopg.errors.RestrictViolation):
        raw.execute(statement.encode())
    with reading(engine).connect() as connection:
        assert len(list(sql_log.read_bodies(connection))) == 1
    engine.dispose()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_does_not_flush_is_refused(cluster: Cluster, setting: str) -> None:
    cluster.run(f"ALTER SYSTEM SET {setting} = off")
    cluster.run("SELECT pg_reload_conf()")
    try:
        _eventually_refused(cluster, setting)
    finally:
        cluster.run(f"ALTER SYSTEM RESET {setting}")
        cluster.run("SELECT pg_reload_conf()")
        _eventually_on(cluster, setting)


def _shown(cluster: Cluster, setting: str) -> str:
    with psycopg.connect(cluster.url("postgres")) as raw:
        (found,) = raw.execute(f"SHOW {setting}".encode()).fetchone() or ("",)
        return str(found)


def _eventually_refused(cluster: Cluster, setting: str) -> None:
    while _shown(cluster, setting) != "off":
        pass
    with pytest.raises(Refused, match=f"{setting} = off") as caught:
        connect(cluster.url("postgres"))
    assert caught.value.who == "administrator"


def _eventually_on(cluster: Cluster, setting: str) -> None:
    while _shown(cluster, setting) != "on":
        pass


def test_a_server_that_is_not_there_is_unavailable_and_its_password_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        connect(f"postgresql://ann:hunter2@/db?host={tmp_path}")
    assert "hunter2" not in f"{caught.value} {caught.value.__cause__}"


def test_a_server_that_was_restarted_is_found_again(
    cluster: Cluster, postgres_database: str, clock: FixedClock
) -> None:
    engine = connect(postgres_database)
    work, views = SqlWork(engine, clock), SqlViews(engine)
    for index in range(3):
        with work(ANN) as unit:
            unit.record(DatasetRetired(dataset=DatasetId("ds-1")))
            assert unit.commit().index == index
        with views() as view:
            assert len(list(view.entries())) == index + 1
        # Until it is gone: one that is about to go would answer once more, or not.
        ours = "FROM pg_stat_activity WHERE application_name = 'tunewarden'"
        cluster.run(f"SELECT pg_terminate_backend(pid, 10000) {ours}")
    engine.dispose()


def test_a_server_that_goes_away_in_the_middle_gives_no_receipt(
    cluster: Cluster, postgres_database: str, clock: FixedClock
) -> None:
    engine = connect(postgres_database)
    work = SqlWork(engine, clock)
    with work(ANN) as unit:
        assert not unit.datasets.all()
        unit.record(DatasetRetired(dataset=DatasetId("ds-1")))
        cluster.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'tunewarden'")
        with pytest.raises(Unavailable, match="57P01"):
            unit.commit()
    with work(ANN) as unit:
        unit.record(DatasetRetired(dataset=DatasetId("ds-2")))
        assert unit.commit().index == 0
    engine.dispose()


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(Unavailable) as caught:
        connect("postgresql://ann:hunter2@h/db")
    assert "tunewarden[postgres]" in caught.value.remedy
    assert "hunter2" not in str(caught.value)
