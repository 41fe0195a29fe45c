"""Group commit: many callers, one flush; each has its own entry, and a failed commit fails them all."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Connection, Engine, event

from tunewarden.domain.datasets import Dataset
from tunewarden.domain.errors import Corrupted, TunewardenError, Unavailable
from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, PrincipalId
from tunewarden.drivers.memory import FixedClock
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_group import Turns
from tunewarden.usecases.ports import Receipt, Views, Work

ANN = PrincipalId("prn-1")
CALLERS = 64
EACH = 5


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = connect(request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database"))
    yield engine
    engine.dispose()


def append(work: Work, name: str) -> Receipt:
    with work(ANN) as unit:
        unit.record(DatasetRetired(dataset=DatasetId(name)))
        return unit.commit()


def put(registered: Callable[..., Dataset], work: Work, name: str) -> Receipt:
    with work(ANN) as unit:
        unit.datasets.put(registered(id=DatasetId(name)))
        unit.record(DatasetRetired(dataset=DatasetId(name)))
        return unit.commit()


def names(view: Views) -> list[str]:
    with view() as now:
        return [entry.event.dataset for entry in now.entries() if isinstance(entry.event, DatasetRetired)]


def commits(engine: Engine) -> list[Connection]:
    """Grows by one with every COMMIT of a transaction."""
    seen: list[Connection] = []
    event.listen(engine, "commit", seen.append)
    return seen


def test_every_receipt_names_its_own_entry_and_indices_have_no_gap(
    shared: Engine, clock: FixedClock, registered: Callable[..., Dataset]
) -> None:
    work, flushed = SqlWork(shared, clock), commits(shared)

    def call(caller: int) -> list[tuple[int, str]]:
        one = append if caller % 3 else partial(put, registered)
        return [(one(work, name).index, name) for name in (f"ds-{caller}-{turn}" for turn in range(EACH))]

    with ThreadPoolExecutor(CALLERS) as threads:
        receipts = dict(receipt for done in threads.map(call, range(CALLERS)) for receipt in done)
    assert receipts.keys() == set(range(CALLERS * EACH))
    assert names(SqlViews(shared)) == [receipts[index] for index in range(CALLERS * EACH)]
    assert len(flushed) < CALLERS * EACH, "callers who wait anyway share a flush"


def test_an_entry_that_stood_in_line_is_dated_when_it_is_appended(shared: Engine, clock: FixedClock) -> None:
    work = SqlWork(shared, clock)
    with ThreadPoolExecutor(1) as threads, work(ANN) as unit:
        assert not unit.datasets.all()  # has the turn
        waiting = threads.submit(append, work, "ds-behind")
        with suppress(TimeoutError):
            waiting.result(0.1)  # until it stands in line
        clock.advance(timedelta(seconds=1))
        unit.record(DatasetRetired(dataset=DatasetId("ds-before")))
        assert (unit.commit().index, waiting.result().index) == (0, 1)
    with SqlViews(shared)() as view:
        assert [entry.at for entry in view.entries()] == [clock.now, clock.now]


def test_units_that_fail_undo_themselves_and_nothing_else(
    shared: Engine, clock: FixedClock, registered: Callable[..., Dataset]
) -> None:
    work = SqlWork(shared, clock)

    def call(caller: int) -> None:
        with suppress(ZeroDivisionError), work(ANN) as unit:
            unit.datasets.put(registered(id=DatasetId(f"ds-{caller}")))
            unit.record(DatasetRetired(dataset=DatasetId(f"ds-{caller}")))
            if caller % 3 == 0:
                raise ZeroDivisionError
            unit.commit()

    with ThreadPoolExecutor(CALLERS) as threads:
        list(threads.map(call, range(CALLERS)))
    kept = {f"ds-{caller}" for caller in range(CALLERS) if caller % 3}
    assert set(names(SqlViews(shared))) == kept
    with SqlViews(shared)() as view:
        assert {dataset.id for dataset in view.datasets.all()} == kept


def test_who_stands_behind_a_first_unit_that_is_undone_begins_a_transaction_of_their_own(shared: Engine) -> None:
    """The lock is gone with the one before: another process may have written meanwhile."""
    turns, seen = Turns(shared), list[Connection]()
    group = turns.enter()
    with ThreadPoolExecutor(1) as threads:
        event.listen(shared, "begin", seen.append)
        behind = threads.submit(turns.enter)
        while not turns._line:
            pass
        group.change()
        group.undo()
        turns.leave()
        following = behind.result()
    assert following is not group
    assert len(seen) == 1
    turns.leave()


def test_an_entry_that_cannot_be_written_fails_its_own_caller_alone(shared: Engine, clock: FixedClock) -> None:
    work = SqlWork(shared, clock)

    def call(caller: int) -> None:
        if caller % 3:
            append(work, f"ds-{caller}")
        else:
            with pytest.raises(Corrupted, match="larger than an entry may be"):
                append(work, "d" * 70_000)

    with ThreadPoolExecutor(CALLERS) as threads:
        list(threads.map(call, range(CALLERS)))
    assert set(names(SqlViews(shared))) == {f"ds-{caller}" for caller in range(CALLERS) if caller % 3}


def test_a_group_that_is_full_is_committed_although_others_wait(shared: Engine, clock: FixedClock) -> None:
    work, flushed, together = SqlWork(shared, clock), commits(shared), threading.Barrier(8)

    def call(caller: int) -> None:
        with work(ANN) as unit:
            for _ in range(600):
                unit.record(DatasetRetired(dataset=DatasetId(f"ds-{caller}")))
            together.wait()
            unit.commit()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(call, range(8)))
    assert len(flushed) >= 4, "1,000 entries are reached with every second caller"
    assert len(names(SqlViews(shared))) == 4_800


def test_who_waits_too_long_is_told_so_and_the_line_goes_on(shared: Engine) -> None:
    turns = Turns(shared, busy_seconds=0.05)
    group = turns.enter()
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(turns.enter), *(threads.submit(turns.append, lambda: [b"{}"]) for _ in range(3))]
        assert all(isinstance(future.exception(), Unavailable) for future in waiting)
    assert turns.finish(group, [b"{}"]).index == 0
    assert turns.append(lambda: [b"{}"]).index == 1
    turns.enter()
    turns.leave()
    assert turns.append(lambda: [b"{}", b"{}"]).index == 3


def test_with_callers_who_give_up_at_every_moment_the_log_holds_what_was_receipted(shared: Engine) -> None:
    turns = Turns(shared, busy_seconds=0.001)

    def call(caller: int) -> list[int]:
        receipts = []
        for turn in range(EACH):
            with suppress(Unavailable):
                if (caller + turn) % 3 == 0:
                    turns.enter()
                    turns.leave()
                elif (caller + turn) % 3 == 1:
                    receipts.append(turns.finish(turns.enter(), [b"{}"]).index)
                else:
                    receipts.append(turns.append(lambda: [b"{}"]).index)
        return receipts

    with ThreadPoolExecutor(CALLERS) as threads:
        receipts = [index for done in threads.map(call, range(CALLERS)) for index in done]
    assert sorted(receipts) == list(range(len(receipts)))
    assert turns.append(lambda: [b"{}"]).index == len(receipts), "the turn is free, and nothing else was kept"


def test_an_error_nobody_thought_of_reaches_its_own_caller_and_the_line_goes_on(shared: Engine) -> None:
    turns = Turns(shared)
    with ThreadPoolExecutor(8) as threads:
        group = turns.enter()
        good = [threads.submit(turns.append, lambda: [b"{}"]) for _ in range(4)]
        bad = [threads.submit(turns.append, lambda: [bytes(1 // 0)]) for _ in range(4)]
        assert turns.finish(group, [b"{}"]).index == 0
    assert sorted(future.result().index for future in good) == [1, 2, 3, 4]
    assert all(isinstance(future.exception(), ZeroDivisionError) for future in bad)


def test_an_interrupt_while_entries_are_written_gives_the_turn_back(shared: Engine) -> None:
    def interrupted() -> list[bytes]:
        raise KeyboardInterrupt

    turns = Turns(shared, busy_seconds=0.05)
    with pytest.raises(KeyboardInterrupt):
        turns.append(interrupted)
    assert turns.append(lambda: [b"{}"]).index == 0


def test_a_transaction_that_cannot_begin_fails_one_caller_and_not_the_line(shared: Engine, clock: FixedClock) -> None:
    work, broken = SqlWork(shared, clock), [True]

    @event.listens_for(shared, "begin")
    def once(_: Connection) -> None:
        if broken:
            broken.clear()
            raise Unavailable("database_unavailable", "The server is restarting.")

    def call(caller: int) -> int | None:
        try:
            return append(work, f"ds-{caller}").index
        except Unavailable:
            return None

    with ThreadPoolExecutor(CALLERS) as threads:
        indices = list(threads.map(call, range(CALLERS)))
    assert indices.count(None) == 1
    assert {index for index in indices if index is not None} == set(range(CALLERS - 1))


def test_a_unit_sees_the_state_and_the_log_of_those_before_it_in_its_group(
    shared: Engine, clock: FixedClock, registered: Callable[..., Dataset]
) -> None:
    work = SqlWork(shared, clock)

    def call(_: int) -> int:
        with work(ANN) as unit:
            seen, known = len(list(unit.entries())), len(unit.datasets.all())
            assert seen == known
            unit.datasets.put(registered(id=DatasetId(f"ds-{seen}")))
            unit.record(DatasetRetired(dataset=DatasetId(f"ds-{seen}")))
            return unit.commit().index

    with ThreadPoolExecutor(16) as threads:
        assert sorted(threads.map(call, range(48))) == list(range(48))


def test_a_commit_that_fails_fails_everybody_in_the_group_and_keeps_nothing(
    shared: Engine, clock: FixedClock, registered: Callable[..., Dataset]
) -> None:
    work, gate, entered = SqlWork(shared, clock), threading.Event(), threading.Event()
    broken = [True]

    @event.listens_for(shared, "commit")
    def power_cut(_: Connection) -> None:
        if broken:
            raise Unavailable("database_unavailable", "The disk is full.")

    def first() -> None:
        with work(ANN) as unit:
            unit.datasets.put(registered(id=DatasetId("ds-first")))
            unit.record(DatasetRetired(dataset=DatasetId("ds-first")))
            entered.set()
            gate.wait()
            unit.commit()

    with ThreadPoolExecutor(8) as threads:
        waiting = [threads.submit(first)]
        entered.wait()
        waiting += [threads.submit(append, work, f"ds-{number}") for number in range(5)]
        gate.set()
        errors = [future.exception() for future in waiting]
    assert all(isinstance(error, Unavailable) for error in errors)
    assert names(SqlViews(shared)) == []
    broken.clear()
    assert append(work, "ds-again").index == 0
    with SqlViews(shared)() as view:
        assert view.datasets.find(DatasetId("ds-first")) is None


def test_a_failed_statement_fails_the_group_rather_than_half_of_it(shared: Engine, clock: FixedClock) -> None:
    work = SqlWork(shared, clock)
    with pytest.raises(TunewardenError, match="database"), work(ANN) as unit:
        unit.open().exec_driver_sql("SELECT nothing FROM nowhere")  # type: ignore[attr-defined]
    assert append(work, "ds-2").index == 0


def test_a_view_waits_for_no_writer_and_sees_one_moment(shared: Engine, clock: FixedClock) -> None:
    work, views = SqlWork(shared, clock), SqlViews(shared)
    append(work, "ds-1")
    with work(ANN) as unit, views() as view:
        unit.record(DatasetRetired(dataset=DatasetId("ds-2")))
        assert len(list(view.entries())) == 1
        unit.commit()
        assert len(list(view.entries())) == 1, "what came after it began is not in it"
    assert len(names(views)) == 2
