"""Dropping the bodies of entries: memory, SQLite and PostgreSQL alike; hashes and proofs stay."""

import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine

from tunewarden.domain.entries import entry_bytes
from tunewarden.domain.errors import Corrupted, NotFound, TunewardenError, UnrecordedChange
from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, PrincipalId, PruneId
from tunewarden.drivers import sql_log, sql_retention, sql_sealing
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_engine import connect, reading
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.usecases.ports import Views, Work
from tunewarden_audit.merkle import Tree, leaf_hash, verify_inclusion

ANN = PrincipalId("prn-1")
PRUNE = PruneId("prune-1")
FACT = DatasetRetired(dataset=DatasetId("ds-new"))


def fill(work: Work, count: int) -> None:
    with work(ANN) as unit:
        for number in range(count):
            unit.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
        unit.commit()


def drop(work: Work, *indices: int) -> None:
    with work(ANN) as unit:
        unit.drop_bodies(PRUNE, indices)
        unit.record(FACT)
        unit.commit()


def test_a_dropped_entry_is_skipped_and_the_others_keep_their_index(work: Work, view: Views) -> None:
    fill(work, 5)
    drop(work, 1, 2, 4)
    with work(ANN) as unit:
        assert [entry.index for entry in unit.entries()] == [0, 3, 5]
        assert unit.dropped_bodies() == {PRUNE: [1, 2, 4]}
    with view() as seen:
        assert [entry.index for entry in seen.entries(1)] == [3, 5]
        assert [entry.index for entry in seen.entries(1, 5)] == [3]
        assert [list(seen.entries(4, 5)), list(seen.entries(3, 3)), list(seen.entries(9, 12))] == [[], [], []]
        assert seen.size() == 6
        assert seen.dropped_bodies() == {PRUNE: [1, 2, 4]}


def test_the_log_goes_on_at_the_next_index_when_its_last_entry_was_dropped(work: Work) -> None:
    fill(work, 2)
    drop(work, 0, 1)
    drop(work)
    with work(ANN) as unit:
        assert [entry.index for entry in unit.entries()] == [2, 3]


def test_a_unit_of_work_that_is_left_without_commit_drops_nothing(work: Work) -> None:
    fill(work, 2)
    with work(ANN) as unit:
        unit.drop_bodies(PRUNE, [0])
        unit.record(FACT)
    with work(ANN) as unit:
        assert len(list(unit.entries())) == 2
        assert unit.dropped_bodies() == {}
        unit.drop_bodies(PRUNE, [0])
        with pytest.raises(UnrecordedChange):
            unit.commit()


@pytest.fixture(params=["database", "postgres_database"])
def database_url(request: pytest.FixtureRequest) -> str:
    found: str = request.getfixturevalue(request.param)
    return found


def test_hashes_and_proofs_are_those_of_before(database_url: str, clock: FixedClock) -> None:
    engine = connect(database_url)
    work = SqlWork(engine, clock)
    fill(work, 300)
    before = list(sql_sealing.leaf_hashes(engine, 0, 300))
    tree = Tree(before)
    sql_log.store_tree_head(engine, 300, tree.root(), f"log\n300\n{_base64(tree.root())}\n\nsig\n", clock())
    drop(work, 0, 7, 255, 256, 299)
    assert list(sql_sealing.leaf_hashes(engine, 0, 300)) == before
    assert len(sql_sealing.unsigned_bodies(engine, 300, 2)) == 1
    log = SqlSealedLog(engine)
    proofs = log.inclusion_proofs([6, 7, 255, 298], 300)
    for index, path in proofs.items():
        verify_inclusion(index, 300, before[index], list(path), tree.root())
    assert leaf_hash(log.entry(6)) == before[6]
    assert [(leaf, body is None) for leaf, body in log.leaves(6, 3)] == [
        (before[6], False),
        (before[7], True),
        (before[8], False),
    ]
    with pytest.raises(NotFound, match=before[7].hex()):
        log.entry(7)
    with pytest.raises(NotFound, match="Entry 0 "):
        log.bodies(0, 300)
    engine.dispose()


def _base64(data: bytes) -> str:
    import base64

    return base64.b64encode(data).decode()


def test_an_entry_that_was_never_signed_cannot_lose_its_body_unnoticed(engine: Engine, clock: FixedClock) -> None:
    work = SqlWork(engine, clock)
    fill(work, 3)
    drop(work, 1)
    with pytest.raises(Corrupted, match="lost its body before it was signed"):
        sql_sealing.unsigned_bodies(engine, 0, 10)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET body = NULL WHERE idx = 0",  # nobody said that it may go
        "UPDATE entries SET idx = 9 WHERE idx = 1",
        "UPDATE entries SET leaf_hash = leaf_hash || leaf_hash WHERE idx = 1",
        "UPDATE entries SET body = leaf_hash WHERE idx = 1",  # nor does a body come back as something else
        "DELETE FROM entries WHERE idx = 1",
        "DELETE FROM pruned",
        "UPDATE pruned SET idx = 0",
    ],
)
def test_nothing_else_of_an_entry_can_change_by_mistake(database_url: str, clock: FixedClock, statement: str) -> None:
    engine = connect(database_url)
    work = SqlWork(engine, clock)
    fill(work, 2)
    drop(work, 1)
    with pytest.raises(TunewardenError), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    with SqlViews(engine)() as view:
        assert [entry.index for entry in view.entries()] == [0, 2]
    engine.dispose()


def test_a_body_that_was_taken_away_behind_our_back_is_under_no_pruning(
    database: str, engine: Engine, clock: FixedClock
) -> None:
    fill(SqlWork(engine, clock), 2)
    raw = sqlite3.connect(database.removeprefix("sqlite:///"))
    raw.execute("DROP TRIGGER entries_no_update")
    raw.execute("UPDATE entries SET body = NULL WHERE idx = 0")
    raw.commit()
    raw.close()
    with SqlViews(engine)() as view:
        assert view.dropped_bodies() == {"": [0]}


def test_a_log_of_before_the_migration_keeps_every_entry(tmp_path: Path, clock: FixedClock) -> None:
    from alembic import command
    from alembic.config import Config

    import tunewarden.drivers as drivers
    from tunewarden.drivers.sql_engine import migrate

    url = f"sqlite:///{tmp_path / 'old.db'}"
    engine = connect(url)
    config = Config()
    config.set_main_option("script_location", str(Path(str(drivers.__file__)).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    bodies = [entry_bytes(DatasetRetired(dataset=DatasetId(f"ds-{n}")), actor=ANN, at=clock()) for n in range(700)]
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        sql_log.insert_entries(connection, [sql_log.new_entry(index, body) for index, body in enumerate(bodies)])
    migrate(url)
    assert SqlSealedLog(engine).bodies(0, 700) == bodies
    with reading(engine).connect() as connection:
        assert sql_retention.dropped_bodies(connection) == {}
    engine.dispose()


def test_postgres_refuses_a_truncate_of_what_explains_the_dropped_ones(postgres_database: str) -> None:
    with psycopg.connect(postgres_database) as raw, pytest.raises(psycopg.errors.RestrictViolation):
        raw.execute("TRUNCATE pruned")
