"""Buckets, counted failures and noted uses, each alone with a clock that a test moves."""

import threading
from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given, strategies as st
from tests.conftest import NOW, Stage

from tunewarden.domain.errors import Unavailable
from tunewarden.domain.events import LoginsRefused
from tunewarden.domain.identities import LoginFailure
from tunewarden.entry.api import limits
from tunewarden.entry.api.failures import Failures
from tunewarden.entry.api.limits import Buckets
from tunewarden.entry.api.uses import Uses


class Seconds:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    per_minute=st.integers(1, 50),
    waits=st.lists(st.floats(0, 30, allow_nan=False), max_size=60),
)
def test_nobody_gets_more_than_a_minutes_worth_and_what_the_time_since_gives(
    per_minute: int, waits: list[float]
) -> None:
    seconds = Seconds()
    buckets, taken = Buckets(per_minute, seconds), 0
    for wait in waits:
        seconds.now += wait
        if buckets.take("ann") == 0:
            taken += 1
        assert taken <= per_minute * (1 + seconds.now / 60) + 1e-6


@given(per_minute=st.integers(1, 1000))
def test_who_waits_as_long_as_was_said_is_served(per_minute: int) -> None:
    seconds = Seconds()
    buckets = Buckets(per_minute, seconds)
    for _ in range(per_minute):
        assert buckets.take("ann") == 0
    wait = buckets.take("ann")
    assert 0 < wait <= 60 / per_minute + 1e-9
    seconds.now += wait + 1e-6
    assert buckets.take("ann") == 0
    assert buckets.take("bob") == 0


def test_a_flood_of_names_does_not_fill_the_memory() -> None:
    buckets = Buckets(5, Seconds())
    for number in range(limits._MOST + 500):
        buckets.take(f"2001:db8::{number:x}")
    assert len(buckets._left) == limits._MOST


def test_no_failure_is_lost_or_counted_twice_and_entries_are_a_minute_apart(stage: Stage) -> None:
    seconds = Seconds()
    failures = Failures(stage.platform.work, seconds)
    noted: Counter[LoginFailure] = Counter()
    for step in range(600):
        seconds.now = step
        failure = list(LoginFailure)[step % 3]
        failures.note(failure)
        noted[failure] += 1
    failures.close()
    events = [entry.event for entry in stage.entries()]
    found: Counter[LoginFailure] = Counter()
    for event in events:
        assert isinstance(event, LoginsRefused)
        found[event.failure] += event.count
    assert found == noted
    assert len(events) <= 3 * (600 / 60 + 2)


def test_failures_of_many_threads_are_all_counted(stage: Stage) -> None:
    failures = Failures(stage.platform.work, Seconds())
    threads = [threading.Thread(target=failures.note, args=(LoginFailure.KEY_UNKNOWN,)) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failures.close()
    counts = [entry.event.count for entry in stage.entries() if isinstance(entry.event, LoginsRefused)]
    assert sum(counts) == 50
    assert len(counts) <= 2


def test_where_the_log_cannot_be_written_to_the_count_is_kept(stage: Stage) -> None:
    is_down = True

    def work(actor: Any) -> Any:
        if is_down:
            raise Unavailable("database_unavailable", "It is down.")
        return stage.platform.work(actor)

    failures = Failures(work, Seconds())
    for _ in range(3):
        failures.note(LoginFailure.KEY_UNKNOWN)
    is_down = False
    failures.close()
    assert [entry.event for entry in stage.entries()] == [LoginsRefused(failure=LoginFailure.KEY_UNKNOWN, count=3)]


def test_a_use_is_written_at_most_once_a_minute_and_never_in_the_way() -> None:
    seconds, written, may_write = Seconds(), [], threading.Event()

    def write(what: str, now: Any) -> None:
        may_write.wait(10)
        written.append((what, now))

    uses = Uses(write, seconds)
    for number in range(200):
        uses.note("a", NOW + timedelta(seconds=number))  # returns at once although nothing can be written
    uses.note("b", NOW)
    seconds.now = 60
    uses.note("a", NOW + timedelta(hours=1))
    assert written == []
    may_write.set()
    uses.close()
    assert written == [("a", NOW), ("b", NOW), ("a", NOW + timedelta(hours=1))]


def test_a_use_that_cannot_be_written_is_none() -> None:
    def write(_: str, __: Any) -> None:
        raise Unavailable("database_unavailable", "It is down.")

    uses = Uses(write, Seconds())
    written = uses.note("a", NOW)
    assert written is not None
    assert written.result(10) is None
    uses.close()
