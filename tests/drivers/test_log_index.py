"""Entries about requests are found without reading the log: the same in memory, in SQLite and in PostgreSQL."""

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from tests.domain.test_events import example
from tests.drivers.examples import NOW

from tunewarden.domain.entries import Entry, entry_bytes
from tunewarden.domain.events import EVENT_TYPES, ActionRefused, Event, GateJudged, RequestEnded, about
from tunewarden.domain.names import PrincipalId, PruneId, RequestId
from tunewarden.domain.retention_events import HoldPlaced
from tunewarden.drivers import sql_log
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_engine import connect, reading
from tunewarden.usecases.ports import View, Views, Work

ANN = PrincipalId("prn-1")
ONE = RequestId("requestid-1")
TWO, NONE = RequestId("ftjob-2"), RequestId("ftjob-3")
TRAP = RequestId('x","request":"ftjob-3')


def write(work: Work, *events: Event) -> None:
    with work(ANN) as unit:
        for one in events:
            unit.record(one)
        unit.commit()


def judged(request: RequestId) -> Event:
    found = example(GateJudged)
    assert isinstance(found, GateJudged)
    return replace(found, request=request)


def refused(resource: str) -> Event:
    found = example(ActionRefused)
    assert isinstance(found, ActionRefused)
    return replace(found, resource=resource)


def held(resource: str) -> Event:
    found = example(HoldPlaced)
    assert isinstance(found, HoldPlaced)
    return replace(found, resource=resource)


def test_every_event_about_a_request_is_found_by_it_and_no_other(work: Work, view: Views) -> None:
    write(work, *(example(kind) for kind in EVENT_TYPES.values()))
    write(work, judged(TWO), refused(TWO), refused(TRAP), held(TWO), held(NONE))
    with view() as now:
        whole = list(now.entries())
        assert len({about(entry.event) for entry in whole}) > 3
        for wanted in ([ONE], [TWO], [ONE, TWO], [NONE], []):
            for kind in (None, GateJudged, RequestEnded):
                for start in (0, 20, len(whole) - 4, len(whole)):
                    found = list(now.entries_about(wanted, kind, start))
                    assert found == [entry for entry in whole if _is_meant(entry, wanted, kind, start)]


def _is_meant(entry: Entry, wanted: list[RequestId], kind: type[Event] | None, start: int) -> bool:
    is_kind = kind is None or type(entry.event) is kind
    return about(entry.event) in wanted and is_kind and entry.index >= start


def test_an_entry_that_lost_its_body_is_about_nothing_any_more(work: Work, view: Views) -> None:
    write(work, judged(TWO), judged(TWO))
    with work(ANN) as unit:
        unit.drop_bodies(PruneId("prune-1"), [0])
        unit.record(judged(ONE))
        unit.commit()
    with view() as now:
        assert [entry.index for entry in now.entries_about([TWO])] == [1]


# How much of the log the database looks at: SQLite counts its own steps, PostgreSQL says how it would go about it.

PAGE = [RequestId(f"ftjob-{number:032x}") for number in range(100)]


def fill(path: Path, start: int, count: int) -> None:
    """Judgements of requests that nobody asks about, by one statement: what counts is that they are there."""
    before, after = entry_bytes(judged(RequestId("#")), actor=ANN, at=NOW).decode().split("#")
    with sqlite3.connect(path) as raw:
        raw.execute(
            "INSERT INTO entries WITH RECURSIVE n(value) AS (SELECT ?3 UNION ALL SELECT value + 1 FROM n LIMIT ?4) "
            "SELECT value, zeroblob(32), CAST(?1 || 'ftother-' || value || ?2 AS BLOB) FROM n",
            (before, after, start, count),
        )
    raw.close()


def steps_of_sqlite(view: View) -> tuple[int, list[Entry]]:
    """Hundreds of instructions of SQLite's own machine that it takes to find the judgements of a page of jobs."""
    hundreds = [0]

    def count() -> int:
        hundreds[0] += 1
        return 0

    raw: Any = view.open().connection.driver_connection  # type: ignore[attr-defined]
    raw.set_progress_handler(count, 100)
    found = list(view.entries_about(PAGE, GateJudged))
    raw.set_progress_handler(None, 0)
    return hundreds[0], found


def test_a_page_of_jobs_costs_the_same_however_long_the_log_is(
    engine: Engine, database: str, clock: FixedClock
) -> None:
    work, views = SqlWork(engine, clock), SqlViews(engine)
    write(work, *(judged(one) for one in PAGE))
    taken = []
    for start, count in ((100, 900), (1_000, 99_000)):
        fill(Path(database.removeprefix("sqlite:///")), start, count)
        with views() as view:
            assert view.size() == start + count
            steps, found = steps_of_sqlite(view)
        assert [about(entry.event) for entry in found] == PAGE
        taken.append(steps)
    assert 0 < taken[1] <= taken[0] + 5
    assert taken[1] < 1_000, "a log of 100,000 entries has no place in so few instructions"


def test_postgres_takes_the_index(postgres_database: str, clock: FixedClock) -> None:
    engine = connect(postgres_database)
    write(SqlWork(engine, clock), *(judged(one) for one in PAGE[:3]))
    with reading(engine).connect() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")  # of three entries it would read all
        plan = _plan(connection)
    engine.dispose()
    assert "entries_about" in plan


def _plan(connection: Connection) -> str:
    """How the statement would be run by which entries are found."""
    said: list[tuple[str, Any]] = []

    def see(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        said.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", see)
    list(sql_log.bodies_about(connection, PAGE[:2], b"GateJudged", 0))
    event.remove(connection, "before_cursor_execute", see)
    ((statement, parameters),) = said
    return "\n".join(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).scalars())
