"""The log as an auditor sees it: the memory driver and SQL give the same bytes, and proofs that verify."""

import pytest
from sqlalchemy import Engine

from tunewarden.domain.errors import Corrupted, NotFound
from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, PrincipalId
from tunewarden.drivers import sql_log
from tunewarden.drivers.memory import FixedClock, MemorySealedLog, MemoryState, memory_work
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_proofs import SqlSealedLog
from tunewarden.usecases.ports import SealedLog, SignedTreeHead, Work
from tunewarden_audit.merkle import Tree, leaf_hash

SIZE = 21


def fill(work: Work) -> None:
    with work(PrincipalId("prn-1")) as unit:
        for number in range(SIZE):
            unit.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
        unit.commit()


@pytest.fixture
def memory(clock: FixedClock) -> MemorySealedLog:
    state = MemoryState()
    fill(memory_work(state, clock))
    return MemorySealedLog(state)


@pytest.fixture
def sql(engine: Engine, clock: FixedClock) -> SqlSealedLog:
    fill(SqlWork(engine, clock))
    return SqlSealedLog(engine)


def test_memory_and_sql_hold_the_same_bytes_and_prove_them_alike(memory: SealedLog, sql: SealedLog) -> None:
    entries = [sql.entry(index) for index in range(SIZE)]
    assert [memory.entry(index) for index in range(SIZE)] == entries
    for size in range(1, SIZE + 1):
        tree = Tree([leaf_hash(entry) for entry in entries[:size]])
        expected = {index: tuple(tree.inclusion_proof(index)) for index in range(size)}
        for log in (memory, sql):
            proofs = log.inclusion_proofs(range(size), size)
            assert {index: tuple(proof) for index, proof in proofs.items()} == expected


def test_an_entry_that_is_not_there_is_not_found(memory: SealedLog, sql: SealedLog) -> None:
    for log in (memory, sql):
        with pytest.raises(NotFound):
            log.entry(SIZE)


def test_a_log_shorter_than_its_head_proves_nothing(sql: SealedLog) -> None:
    with pytest.raises(Corrupted, match="holds 21 entries, 22 were expected"):
        sql.inclusion_proofs([0], SIZE + 1)


def test_the_head_is_the_newest_that_was_signed(engine: Engine, sql: SealedLog, clock: FixedClock) -> None:
    assert sql.head() is None
    sql_log.store_tree_head(engine, 3, b"r" * 32, "note of 3\n", clock())
    sql_log.store_tree_head(engine, 9, b"s" * 32, "note of 9\n", clock())
    assert sql.head() == SignedTreeHead(size=9, note="note of 9\n")
