"""What every store of sessions and of uses promises, in memory, in SQLite and in PostgreSQL alike."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from tests.drivers.examples import NOW

from tunewarden.domain.names import PrincipalId
from tunewarden.drivers.memory_sessions import MemoryKeyUses, MemorySessions
from tunewarden.drivers.sessions import SqlKeyUses, SqlSessions
from tunewarden.drivers.sql_engine import connect
from tunewarden.usecases.sessions import KeyUses, Session, Sessions

ONE = Session(id="a" * 64, principal=PrincipalId("oidc-1"), begun_at=NOW, used_at=NOW)
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Kept:
    sessions: Sessions
    uses: KeyUses


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def kept(request: pytest.FixtureRequest) -> Iterator[Kept]:
    if request.param == "memory":
        yield Kept(MemorySessions(), MemoryKeyUses())
        return
    engine = connect(request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database"))
    yield Kept(SqlSessions(engine), SqlKeyUses(engine))
    engine.dispose()


def test_a_session_is_there_from_its_beginning_to_its_end(kept: Kept) -> None:
    assert kept.sessions.find(ONE.id) is None
    kept.sessions.begin(ONE)
    kept.sessions.begin(replace(ONE, id="b" * 64))
    assert kept.sessions.find(ONE.id) == ONE
    kept.sessions.end(ONE.id)
    kept.sessions.end(ONE.id)
    assert kept.sessions.find(ONE.id) is None
    assert kept.sessions.find("b" * 64) is not None


def test_a_use_moves_forward_only_and_brings_back_nothing_that_ended(kept: Kept) -> None:
    kept.sessions.begin(ONE)
    kept.sessions.use(ONE.id, NOW + MINUTE)
    kept.sessions.use(ONE.id, NOW)
    assert kept.sessions.find(ONE.id) == replace(ONE, used_at=NOW + MINUTE)
    kept.sessions.end(ONE.id)
    kept.sessions.use(ONE.id, NOW + MINUTE)
    assert kept.sessions.find(ONE.id) is None


def test_sweeping_takes_what_began_or_was_used_before_and_nothing_else(kept: Kept) -> None:
    old = replace(ONE, id="b" * 64, begun_at=NOW - MINUTE)
    idle = replace(ONE, id="c" * 64, used_at=NOW - MINUTE)
    for session in (ONE, old, idle):
        kept.sessions.begin(session)
    kept.sessions.sweep(begun_before=NOW, used_before=NOW)
    assert [kept.sessions.find(one.id) is None for one in (ONE, old, idle)] == [False, True, True]


def test_the_last_use_of_a_key_is_kept(kept: Kept) -> None:
    assert kept.uses.all() == {}
    kept.uses.use("a" * 64, NOW)
    kept.uses.use("a" * 64, NOW + MINUTE)
    kept.uses.use("a" * 64, NOW)
    kept.uses.use("b" * 64, NOW)
    assert kept.uses.all() == {"a" * 64: NOW + MINUTE, "b" * 64: NOW}
