"""Proofs out of stored tiles: they are those of the whole tree, and an altered database proves nothing."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import Engine, delete, select

from tunewarden.domain.errors import Corrupted, NotFound
from tunewarden.drivers import sql_log, sql_tiles
from tunewarden.drivers.memory import MemorySealedLog, MemoryState
from tunewarden.drivers.sql_engine import connect, migrate, reading
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.drivers.sql_schema import TILES
from tunewarden.usecases.ports import SealedLog, SignedTreeHead
from tunewarden_audit.merkle import Tree, leaf_hash
from tunewarden_audit.note import SignerKey, TreeHead, sign_note

KEY = SignerKey.generate("log.example/tiles")
NOW = datetime(2026, 11, 24, tzinfo=UTC)
LARGE = 65_536 + 1_000
ENTRIES = [b"entry %d" % index for index in range(LARGE)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]


def fill(engine: Engine, size: int) -> None:
    with engine.begin() as connection:
        sql_log.insert_entries(connection, [sql_log.new_entry(*pair) for pair in enumerate(ENTRIES[:size])])


def sign(engine: Engine, size: int) -> str:
    root = Tree(LEAVES[:size]).root()
    note = sign_note(TreeHead(KEY.name, size, root).text(), KEY)
    sql_log.store_tree_head(engine, size, root, note, NOW)
    return note


def stored(engine: Engine) -> list[tuple[int, int, int]]:
    """Level, index and width of every stored tile."""
    with reading(engine).connect() as connection:
        rows = connection.execute(select(TILES).order_by(TILES.c.level, TILES.c.n)).all()
    return [(row.level, row.n, len(row.data) // 32) for row in rows]


@pytest.fixture(params=["sqlite", "postgres"])
def either(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database of each kind with 700 entries."""
    engine = connect(request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database"))
    fill(engine, 700)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file with a full tile of level 1 and a bit, tiles stored, heads signed for a few sizes."""
    path = tmp_path_factory.mktemp("large") / "log.db"
    migrate(f"sqlite:///{path}")
    engine = connect(f"sqlite:///{path}")
    fill(engine, LARGE)
    for size in (65_535, 65_536, 65_537, LARGE):
        sign(engine, size)
    sql_tiles.extend(engine, LARGE)
    engine.dispose()
    return path


@pytest.fixture
def owned(large: Path, tmp_path: Path) -> Iterator[tuple[sqlite3.Connection, SqlSealedLog]]:
    """The large log, and its database as somebody has it who owns the file."""
    path = shutil.copy(large, tmp_path / "log.db")
    engine = connect(f"sqlite:///{path}")
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript("DROP TRIGGER entries_no_update; DROP TRIGGER entries_no_delete")
        yield raw, SqlSealedLog(engine)
    engine.dispose()


def test_the_two_drivers_prove_continuations_alike(either: Engine) -> None:
    state = MemoryState(entries=ENTRIES[:21])
    logs: Sequence[SealedLog] = (MemorySealedLog(state), SqlSealedLog(either))
    for size in range(1, 22):
        tree = Tree(LEAVES[:size])
        for old_size in range(1, size + 1):
            for log in logs:
                assert list(log.consistency_proof(old_size, size)) == tree.consistency_proof(old_size)


def test_the_two_drivers_give_bodies_and_heads_alike(either: Engine) -> None:
    memory, sql = MemorySealedLog(MemoryState(entries=ENTRIES[:700])), SqlSealedLog(either)
    memory.signed = SignedTreeHead(size=300, note=sign(either, 300))
    for log in (memory, sql):
        assert list(log.bodies(690, 20)) == ENTRIES[690:700]
        assert list(log.bodies(3, 2)) == ENTRIES[3:5]
        assert list(log.bodies(700, 5)) == []
        assert log.head_of(300) == memory.signed
        assert log.head_of(299) is None
        assert list(log.leaves(690, 20)) == list(zip(LEAVES[690:700], ENTRIES[690:700], strict=True))
        assert [list(log.leaves(at, 2)) for at in (699, 700)] == [[(LEAVES[699], ENTRIES[699])], []]
        assert [list(log.heads(below, 5)) for below in (None, 301, 300)] == [[memory.signed], [memory.signed], []]
        assert list(log.heads(None, 0)) == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_proofs_are_those_of_the_whole_tree_however_far_the_tiles_are(either: Engine, data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 700), "size")
    index, old_size = data.draw(st.integers(0, size - 1), "index"), data.draw(st.integers(1, size), "old size")
    with either.begin() as connection:
        connection.execute(delete(TILES))
    for extended in sorted(data.draw(st.lists(st.integers(0, 700), max_size=3), "extended to")):
        sql_tiles.extend(either, extended)
    sign(either, size)
    log, tree = SqlSealedLog(either), Tree(LEAVES[:size])
    assert log.inclusion_proofs([index], size)[index] == tree.inclusion_proof(index)
    assert log.consistency_proof(old_size, size) == tree.consistency_proof(old_size)


@pytest.mark.parametrize("size", [65_535, 65_536, 65_537, LARGE])
def test_proofs_of_a_large_log_are_those_of_the_whole_tree(large: Path, size: int) -> None:
    engine = connect(f"sqlite:///{large}")
    log, tree = SqlSealedLog(engine), Tree(LEAVES[:size])
    indices = [0, 1, 255, 256, 65_534, size // 2, size - 257, size - 2, size - 1]
    assert log.inclusion_proofs(indices, size) == {index: tree.inclusion_proof(index) for index in indices}
    for old_size in (1, 255, 256, 257, 65_535, size - 1, size):
        assert log.consistency_proof(old_size, size) == tree.consistency_proof(old_size)
    engine.dispose()


def test_tiles_hold_full_subtrees_only_and_grow_where_they_ended(either: Engine) -> None:
    for size, expected in [(0, []), (255, []), (256, [(1, 0, 1)]), (600, [(1, 0, 2)]), (511, [(1, 0, 2)])]:
        sql_tiles.extend(either, size)
        assert stored(either) == expected


def test_a_large_log_has_the_tiles_of_its_levels(large: Path) -> None:
    engine = connect(f"sqlite:///{large}")
    assert stored(engine) == [(1, 0, 256), (1, 1, 3), (2, 0, 1)]
    engine.dispose()


def test_entries_below_stored_tiles_are_not_read_again(owned: tuple[sqlite3.Connection, SqlSealedLog]) -> None:
    raw, log = owned
    _change(raw, "UPDATE entries SET body = x'00', leaf_hash = zeroblob(32) WHERE idx = 7")
    assert log.inclusion_proofs([LARGE - 1], LARGE)
    assert log.consistency_proof(65_536, LARGE)


def test_extending_reads_only_what_is_not_below_a_stored_hash(
    owned: tuple[sqlite3.Connection, SqlSealedLog], tmp_path: Path
) -> None:
    raw, _ = owned
    _change(raw, "UPDATE entries SET body = x'00' WHERE idx = 7")
    _change(raw, "DELETE FROM tiles WHERE level = 1 AND n = 1")
    engine = connect(f"sqlite:///{tmp_path / 'log.db'}")
    sql_tiles.extend(engine, LARGE)
    assert stored(engine) == [(1, 0, 256), (1, 1, 3), (2, 0, 1)]
    with pytest.raises(Corrupted, match="Entry 7 is not what"):
        sql_tiles.rebuild(engine, LARGE)
    engine.dispose()


def _change(raw: sqlite3.Connection, statement: str) -> None:
    with raw:
        assert raw.execute(statement).rowcount


_FORGED = (  # an entry that fits its own leaf hash
    "UPDATE entries SET body = x'00', "
    "leaf_hash = x'96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7' WHERE idx = 7"
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tiles SET data = zeroblob(8192) WHERE level = 1 AND n = 0",
        "UPDATE tiles SET data = zeroblob(32) WHERE level = 2",
        "UPDATE tiles SET data = (SELECT data FROM tiles WHERE n = 1) WHERE level = 1 AND n = 0",
        "UPDATE tiles SET data = substr(data, 1, 33) WHERE level = 1 AND n = 0",
        "UPDATE tiles SET data = zeroblob(8224) WHERE level = 1 AND n = 0",
        "UPDATE entries SET leaf_hash = zeroblob(32) WHERE idx = 7",
        "UPDATE entries SET body = x'00' WHERE idx = 7",
        _FORGED,
        "DELETE FROM entries WHERE idx = 200",
        "DELETE FROM entries WHERE idx = (SELECT max(idx) FROM entries)",
        "UPDATE tree_heads SET note = replace(note, '66536', '66535')",
        "UPDATE tree_heads SET note = (SELECT note FROM tree_heads WHERE size = 65536) WHERE size = 66536",
        "UPDATE tree_heads SET note = 'no note' WHERE size = 66536",
    ],
)
def test_an_altered_database_proves_nothing(owned: tuple[sqlite3.Connection, SqlSealedLog], statement: str) -> None:
    raw, log = owned
    assert log.inclusion_proofs([7, LARGE - 1], LARGE)
    _change(raw, statement)
    with pytest.raises(Corrupted):
        log.inclusion_proofs([7, LARGE - 1], LARGE)


@pytest.mark.parametrize(
    ("old_size", "statement"),
    [
        (5, _FORGED),
        (5, "UPDATE tiles SET data = zeroblob(8192) WHERE level = 1 AND n = 0"),
        (5, "UPDATE tiles SET data = zeroblob(96) WHERE level = 1 AND n = 1"),
        (65_537, "UPDATE tiles SET data = zeroblob(96) WHERE level = 1 AND n = 1"),
        (65_537, "UPDATE tiles SET data = zeroblob(32) WHERE level = 2"),
        (65_537, "UPDATE tree_heads SET note = replace(note, '65537', '65538')"),
    ],
)
def test_an_altered_database_proves_no_continuation(
    owned: tuple[sqlite3.Connection, SqlSealedLog], old_size: int, statement: str
) -> None:
    raw, log = owned
    assert log.consistency_proof(old_size, LARGE)
    _change(raw, statement)
    with pytest.raises(Corrupted):
        log.consistency_proof(old_size, LARGE)


def test_another_old_root_than_the_one_signed_then_is_noticed(either: Engine) -> None:
    sign(either, 700)
    other = Tree([leaf_hash(b"other %d" % index) for index in range(300)]).root()
    sql_log.store_tree_head(either, 300, other, sign_note(TreeHead(KEY.name, 300, other).text(), KEY), NOW)
    with pytest.raises(Corrupted, match="size 300"):
        SqlSealedLog(either).consistency_proof(300, 700)


def test_a_rebuild_mends_tiles_but_not_entries(owned: tuple[sqlite3.Connection, SqlSealedLog], tmp_path: Path) -> None:
    raw, log = owned
    engine = connect(f"sqlite:///{tmp_path / 'log.db'}")
    _change(raw, "UPDATE tiles SET data = zeroblob(8192) WHERE level = 1 AND n = 0")
    with pytest.raises(Corrupted, match="does not prove entry 7 under") as refused:
        log.inclusion_proofs([7], LARGE)
    assert "tunewarden log rebuild" in refused.value.remedy
    sql_tiles.rebuild(engine, LARGE)
    assert log.inclusion_proofs([7], LARGE)[7] == Tree(LEAVES).inclusion_proof(7)
    _change(raw, _FORGED)
    sql_tiles.rebuild(engine, LARGE)
    with pytest.raises(Corrupted):
        log.inclusion_proofs([7], LARGE)
    engine.dispose()


def test_without_a_signed_head_stored_tiles_are_not_used(either: Engine) -> None:
    sql_tiles.extend(either, 700)
    with either.begin() as connection:
        connection.execute(TILES.update().values(data=b"\0" * 64))
    assert SqlSealedLog(either).inclusion_proofs([3], 600)[3] == Tree(LEAVES[:600]).inclusion_proof(3)


def test_where_a_body_is_gone_its_leaf_hash_stands_for_it(owned: tuple[sqlite3.Connection, SqlSealedLog]) -> None:
    raw, log = owned
    _change(raw, "UPDATE entries SET body = NULL WHERE idx = 7")
    assert log.inclusion_proofs([6, 7], LARGE) == {index: Tree(LEAVES).inclusion_proof(index) for index in (6, 7)}
    assert list(log.leaves(6, 2)) == [(LEAVES[6], ENTRIES[6]), (LEAVES[7], None)]
    with pytest.raises(NotFound):
        log.bodies(6, 2)


def test_where_a_body_is_gone_its_leaf_hash_cannot_lie(owned: tuple[sqlite3.Connection, SqlSealedLog]) -> None:
    raw, log = owned
    _change(raw, "UPDATE entries SET body = NULL, leaf_hash = zeroblob(32) WHERE idx = 7")
    with pytest.raises(Corrupted, match="does not prove entry 6"):
        log.inclusion_proofs([6], LARGE)
