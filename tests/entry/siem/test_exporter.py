"""At least once, in order, sealed entries only; a dead sink waits, a poisoned event does not stop the others."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tunewarden.domain.errors import Refused, TunewardenError, Unavailable
from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, PrincipalId, PruneId
from tunewarden.drivers import sql_log, sql_sealing
from tunewarden.drivers.sinks import Delivery, Outgoing
from tunewarden.drivers.sql import SqlWork
from tunewarden.drivers.sql_engine import connect, migrate
from tunewarden.drivers.sql_log import new_entry
from tunewarden.drivers.sql_sinks import HISTORY, Cursor, DeadLetter, SqlSinks, from_now
from tunewarden.entry.settings import Settings
from tunewarden.entry.siem.config import Sink
from tunewarden.entry.siem.exporter import Export, run

NOW = datetime(2026, 11, 21, 2, 3, 4, tzinfo=UTC)
ORIGIN = "log.example"


@dataclass(slots=True)
class Scripted:
    """A receiver that keeps what it takes, and fails as a test says."""

    taken: list[str] = field(default_factory=list)
    fails: Callable[[str], TunewardenError | None] = lambda _: None

    def deliver(self, events: Sequence[Outgoing]) -> Delivery:
        for accepted, event in enumerate(events):
            identifier = json.loads(event.line)["id"].removeprefix(f"{ORIGIN}#")
            error = self.fails(identifier)
            if error is not None:
                return Delivery(accepted=accepted, error=error)
            self.taken.append(identifier)
        return Delivery(accepted=len(events))

    def close(self) -> None: ...


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(home=tmp_path, origin=ORIGIN, poll_interval_seconds=0.01)
    migrate(made.database)
    return made


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    engine = connect(settings.database)
    yield engine
    engine.dispose()


def export(engine: Engine, receiver: Scripted, start: str = "history", name: str = "siem") -> Export:
    sink = Sink(name=name, to="file:///nowhere", format="cloudevents", start=start)  # type: ignore[arg-type]
    return Export(sink=sink, sinks=SqlSinks(engine), origin=ORIGIN, receiver=receiver, idle_seconds=9.0)


def fill(engine: Engine, count: int) -> None:
    with SqlWork(engine, lambda: NOW)(PrincipalId("prn-1")) as work:
        for number in range(count):
            work.record(DatasetRetired(dataset=DatasetId(f"ds-{number}")))
        work.commit()


def seal(engine: Engine, size: int) -> None:
    sql_log.store_tree_head(engine, size, bytes([size % 256]) * 32, f"{ORIGIN}\n{size}\nroot\n\nsignature\n", NOW)


def turns(served: Export, most: int = 50) -> list[float]:
    """Turn until nothing is to be done; the pauses."""
    pauses = []
    while not pauses or (pauses[-1] != served.idle_seconds and len(pauses) < most):
        pauses.append(served.turn())
    return pauses


def test_only_sealed_entries_leave_and_every_head_follows_what_it_covers(engine: Engine) -> None:
    receiver = Scripted()
    served = export(engine, receiver)
    fill(engine, 5)
    assert served.turn() == 9.0
    assert receiver.taken == []
    seal(engine, 2)
    seal(engine, 3)
    turns(served)
    assert receiver.taken == ["0", "1", "head-2", "2", "head-3"]
    seal(engine, 5)
    turns(served)
    assert receiver.taken[5:] == ["3", "4", "head-5"]
    turns(served)
    assert len(receiver.taken) == 8, "nothing is sent twice while nothing fails"


def test_a_sink_that_starts_now_gets_nothing_from_before(engine: Engine) -> None:
    fill(engine, 3)
    seal(engine, 2)
    receiver = Scripted()
    served = export(engine, receiver, start="now")
    turns(served)
    assert receiver.taken == []
    seal(engine, 3)
    turns(served)
    assert receiver.taken == ["2", "head-3"]


def test_a_cursor_outlives_the_process_and_moves_only_after_the_sink_has_the_event(engine: Engine) -> None:
    fill(engine, 4)
    seal(engine, 4)
    down = Scripted(fails=lambda event: Unavailable("sink_down", "Down.") if event == "2" else None)
    served = export(engine, down)
    assert served.turn() == 1.0
    assert SqlSinks(engine).find("siem") == Cursor(next_index=2, next_head=1, error="sink_down")
    up = Scripted()
    turns(export(engine, up))
    assert up.taken == ["2", "3", "head-4"]
    assert SqlSinks(engine).find("siem") == Cursor(next_index=4, next_head=5)


def test_a_sink_that_is_down_is_asked_with_growing_pauses_for_ever_and_loses_nothing(engine: Engine) -> None:
    fill(engine, 1)
    seal(engine, 1)
    receiver = Scripted(fails=lambda _: Unavailable("sink_down", "Down."))
    served = export(engine, receiver)
    assert [served.turn() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert SqlSinks(engine).dead_letters("siem") == []
    receiver.fails = lambda _: None
    turns(served)
    assert receiver.taken == ["0", "head-1"]


def test_a_sink_that_is_down_for_weeks_is_still_asked(engine: Engine) -> None:
    fill(engine, 1)
    seal(engine, 1)
    receiver = Scripted(fails=lambda _: Unavailable("sink_down", "Down."))
    served = export(engine, receiver)
    served.failures = 30_000  # three weeks
    assert served.turn() == 60
    receiver.fails = lambda _: None
    turns(served)
    assert receiver.taken == ["0", "head-1"]


def test_a_sink_that_makes_headway_is_asked_again_soon(engine: Engine) -> None:
    fill(engine, 3)
    seal(engine, 3)
    receiver = Scripted(fails=lambda event: Unavailable("sink_down", "Down.") if event not in receiver.taken else None)
    served = export(engine, receiver)
    assert [served.turn() for _ in range(4)] == [1, 2, 4, 8]
    receiver.fails = lambda event: Unavailable("sink_down", "Down.") if event == "2" else None
    assert served.turn() == 1, "it took two"


def test_a_sink_that_refuses_everything_loses_nothing(engine: Engine) -> None:
    """A wrong token or index answers 400 to each event; that is no poison, and must not bury the whole log."""
    fill(engine, 3)
    seal(engine, 3)
    receiver = Scripted(fails=lambda _: Refused("sink_answered_400", "No."))
    served = export(engine, receiver)
    for _ in range(20):
        served.turn()
    assert SqlSinks(engine).dead_letters("siem") == []
    assert SqlSinks(engine).find("siem") == Cursor(next_index=0, next_head=1, error="sink_answered_400")
    receiver.fails = lambda event: Refused("sink_answered_400", "No.") if event in {"1", "2"} else None
    for _ in range(30):
        served.turn()
    assert SqlSinks(engine).dead_letters("siem") == [DeadLetter(event="entry 1", code="sink_answered_400")]
    assert receiver.taken == ["0"], "two in a row: a person must look, and may let it go on behind them"
    SqlSinks(engine).set("siem", Cursor(next_index=3, next_head=3))
    turns(served)
    assert receiver.taken == ["0", "head-3"]


@pytest.mark.parametrize("refuses", [False, True])
def test_a_cursor_that_was_moved_while_events_were_under_way_stays_where_it_was_put(
    engine: Engine, refuses: bool
) -> None:
    """`log sinks start` against a running exporter: whoever asks for the history gets it."""
    fill(engine, 3)
    seal(engine, 3)
    stored = SqlSinks(engine)

    def while_sending(event: str) -> TunewardenError | None:
        if event == "2":
            stored.set("siem", HISTORY)
            return Refused("sink_answered_422", "No.") if refuses else None
        return None

    receiver = Scripted(fails=while_sending)
    served = export(engine, receiver)
    stored.set("siem", Cursor(next_index=2, next_head=3))
    served.attempts, served.takes = 4, True
    served.turn()
    assert stored.find("siem") == HISTORY
    assert stored.dead_letters("siem") == []


def test_a_poisoned_event_becomes_a_dead_letter_after_five_attempts_and_the_sink_goes_on(engine: Engine) -> None:
    fill(engine, 3)
    seal(engine, 3)
    receiver = Scripted(fails=lambda event: Refused("sink_answered_422", "No.") if event in {"1", "head-3"} else None)
    served = export(engine, receiver)
    pauses = turns(served)
    assert receiver.taken == ["0", "2"]
    assert sum(pause for pause in pauses[:-1]) == 2 * (1 + 2 + 4 + 8)
    assert SqlSinks(engine).dead_letters("siem") == [
        DeadLetter(event="entry 1", code="sink_answered_422"),
        DeadLetter(event="head 3", code="sink_answered_422"),
    ]
    assert SqlSinks(engine).find("siem") == Cursor(next_index=3, next_head=4, error="sink_answered_422")


def test_an_entry_that_this_version_cannot_read_is_never_passed_over(engine: Engine) -> None:
    fill(engine, 1)
    unknown = b'{"actor":"prn-1","at":"2026-11-21T02:03:04.000Z","fact":{},"type":"FromTheFuture","v":1}'
    with engine.begin() as connection:
        sql_log.insert_entries(connection, [new_entry(1, unknown)])
    fill(engine, 1)
    seal(engine, 3)
    receiver = Scripted()
    served = export(engine, receiver)
    assert [served.turn() for _ in range(7)] == [1, 2, 4, 8, 16, 32, 60]
    assert receiver.taken == ["0"]
    assert SqlSinks(engine).find("siem") == Cursor(next_index=1, next_head=1, error="entry_unknown")
    assert SqlSinks(engine).dead_letters("siem") == []


def test_an_altered_entry_stops_the_export_before_it_and_the_sinks_say_so(engine: Engine) -> None:
    fill(engine, 3)
    seal(engine, 3)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER entries_no_update")
        connection.exec_driver_sql("UPDATE entries SET body = CAST('{}' AS BLOB) WHERE idx = 1")
    receiver = Scripted()
    served = export(engine, receiver)
    assert served.turn() == 1
    assert receiver.taken == []
    assert SqlSinks(engine).find("siem") == Cursor(next_index=0, next_head=1, error="entry_altered")


def test_an_entry_that_lost_its_body_leaves_with_its_leaf_hash_alone(engine: Engine) -> None:
    fill(engine, 2)
    with SqlWork(engine, lambda: NOW)(PrincipalId("prn-1")) as work:
        work.drop_bodies(PruneId("prune-1"), [1])
        work.record(DatasetRetired(dataset=DatasetId("ds-9")))
        work.commit()
    seal(engine, 3)
    lines: list[dict[str, object]] = []
    receiver = Scripted()
    served = export(engine, receiver)
    served.receiver = type("Keeping", (), {"deliver": lambda _, events: keep(lines, events)})()
    served.turn()
    assert [line["type"] for line in lines] == [
        "tunewarden.DatasetRetired",
        "tunewarden.EntryPruned",
        "tunewarden.DatasetRetired",
    ]
    assert lines[1]["data"] == {"actor": "", "fact": {}}
    assert lines[1]["leafhash"] == list(sql_sealing.leaf_hashes(engine, 0, 2))[1].hex()


def keep(lines: list[dict[str, object]], events: Sequence[Outgoing]) -> Delivery:
    lines += [json.loads(event.line) for event in events]
    return Delivery(accepted=len(events))


def test_a_sink_can_be_sent_the_history_again_or_start_now(engine: Engine) -> None:
    fill(engine, 2)
    seal(engine, 2)
    receiver, sinks = Scripted(), SqlSinks(engine)
    served = export(engine, receiver)
    turns(served)
    sinks.set("siem", HISTORY)
    turns(served)
    assert receiver.taken == ["0", "1", "head-2"] * 2
    fill(engine, 1)
    seal(engine, 3)
    sinks.set("siem", from_now(sinks))
    turns(served)
    assert len(receiver.taken) == 6


def test_more_than_a_hundred_entries_leave_in_order(engine: Engine) -> None:
    fill(engine, 250)
    seal(engine, 250)
    receiver = Scripted()
    turns(export(engine, receiver))
    assert receiver.taken == [*map(str, range(250)), "head-250"]


def test_a_dead_sink_holds_no_other_one_up(settings: Settings, engine: Engine, tmp_path: Path) -> None:
    fill(engine, 3)
    seal(engine, 3)
    (tmp_path / "sinks.toml").write_text(
        f"""
[[sinks]]
name = "dead"
to = "syslog+tcp://127.0.0.1:1"
format = "cef"

[[sinks]]
name = "nameless"
to = "syslog+tcp://a..example:1"
format = "cef"

[[sinks]]
name = "no-token"
to = "https://127.0.0.1:1"
format = "ocsf"
token_file = "{tmp_path}/missing"

[[sinks]]
name = "alive"
to = "file://{tmp_path}/events.jsonl"
format = "ocsf"
"""
    )
    stopping, sinks = threading.Event(), SqlSinks(engine)
    served = threading.Thread(
        target=run, args=(settings.model_copy(update={"sinks_file": tmp_path / "sinks.toml"}), stopping)
    )
    served.start()
    while sinks.find("alive") != Cursor(next_index=3, next_head=4):
        stopping.wait(0.01)
    while not all((found := sinks.find(name)) is not None and found.error for name in ("dead", "nameless")):
        stopping.wait(0.01)
    stopping.set()
    served.join()
    assert sinks.find("dead") == Cursor(next_index=0, next_head=1, error="sink_syslog_unreachable")
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["metadata"]["uid"] for event in events] == [f"{ORIGIN}#{place}" for place in (0, 1, 2, "head-3")]


def test_without_sinks_there_is_nothing_to_run(settings: Settings) -> None:
    assert run(settings, threading.Event()) == 0
