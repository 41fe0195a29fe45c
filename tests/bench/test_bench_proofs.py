"""Proofs about a log of a million entries: a whole log read offline, and one entry proven by the platform."""

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.bench.conftest import Rows, seconds

from tunewarden.drivers import sql_log, sql_tiles
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden_audit import canonical
from tunewarden_audit.export import write_tiles
from tunewarden_audit.merkle import Frontier, leaf_hash, verify_inclusion
from tunewarden_audit.note import SignerKey, TreeHead, sign_note
from tunewarden_audit.recipe import Grade
from tunewarden_audit.static_log import verify_tiles

pytestmark = pytest.mark.bench

SIZE = 1_000_000
KEY = SignerKey.generate("log.example/bench")
_ENTRY = (
    '{"actor":"prn-%032x","at":"2026-11-24T09:00:00.000Z","fact":{"adapter":"sha256:%064x","dataset":"ds-%032x",'
    '"dataset_version":"sha256:%064x","evidence":"sha256:%064x","model":"mdl-%032x","plan":"sha256:%064x",'
    '"request":"ftjob-%032x"},"type":"ModelRegistered","v":1}'
)


def entry(index: int) -> bytes:
    """About 600 bytes, like the longer ones of the platform, and no two alike."""
    return (_ENTRY % ((index,) * 8)).encode()


def leaves(start: int, count: int) -> list[tuple[bytes, bytes | None]]:
    bodies = [entry(index) for index in range(start, start + count)]
    return [(leaf_hash(body), body) for body in bodies]


@pytest.fixture(scope="module")
def head() -> TreeHead:
    assert canonical.encode(canonical.decode(entry(7))) == entry(7)
    return TreeHead(KEY.name, SIZE, Frontier().extend(leaf_hash(entry(index)) for index in range(SIZE)).root())


@pytest.fixture
def static(tmp_path: Path, head: TreeHead) -> Iterator[Path]:
    write_tiles(tmp_path, sign_note(head.text(), KEY), [KEY.verifier], leaves)
    yield tmp_path
    shutil.rmtree(tmp_path)  # 650 MB


@pytest.fixture
def log(tmp_path: Path, head: TreeHead) -> Iterator[SqlSealedLog]:
    url = f"sqlite:///{tmp_path / 'log.db'}"
    migrate(url)
    engine = connect(url)
    for start in range(0, SIZE, 10_000):
        with engine.begin() as connection:
            indices = range(start, start + 10_000)
            sql_log.insert_entries(connection, [sql_log.new_entry(index, entry(index)) for index in indices])
    sql_log.store_tree_head(engine, SIZE, head.root, sign_note(head.text(), KEY), datetime.now(UTC))
    sql_tiles.extend(engine, SIZE)
    yield SqlSealedLog(engine)
    engine.dispose()
    shutil.rmtree(tmp_path)  # 900 MB


def test_how_long_a_million_entries_take_to_verify_offline(static: Path, rows: Rows) -> None:
    def verify() -> None:
        assert verify_tiles(static, [KEY.verifier]).verdict is Grade.CONSISTENT

    times = [seconds(verify) for _ in range(3)]
    rows.add("1,000,000 entries verified offline, one core", times, unit="s", goal=15, bound="at_most")


def test_how_long_one_proof_takes_among_a_million_entries(log: SqlSealedLog, head: TreeHead, rows: Rows) -> None:
    proofs, continuations = [], []
    for index in range(1, SIZE, 9_973):
        began = time.perf_counter()
        proof = log.inclusion_proofs([index], SIZE)[index]
        proofs.append((time.perf_counter() - began) * 1000)
        verify_inclusion(index, SIZE, leaf_hash(entry(index)), proof, head.root)
        continuations.append(seconds(lambda size=index: log.consistency_proof(size, SIZE)) * 1000)  # type: ignore[misc]
    rows.add("one inclusion proof from 1,000,000 entries, SQLite", proofs, unit="ms", goal=5, bound="at_most")
    rows.add("one consistency proof to 1,000,000 entries, SQLite", continuations, unit="ms", goal=5, bound="at_most")
