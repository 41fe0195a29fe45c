"""What is kept of requests, in memory, SQLite and PostgreSQL alike: with the effect or not at all, and not twice."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, strategies as st
from tests.drivers.conftest import NOW

from tunewarden.domain.errors import InFlight
from tunewarden.domain.events import ActionRefused, DatasetRetired
from tunewarden.domain.names import Action, DatasetId, PrincipalId
from tunewarden.drivers.memory import FixedClock, MemoryState, memory_views, memory_work
from tunewarden.drivers.memory_repeats import MemoryRepeats
from tunewarden.drivers.sql import SqlViews, SqlWork
from tunewarden.drivers.sql_engine import connect
from tunewarden.drivers.sql_repeats import SqlRepeats
from tunewarden.usecases.ports import Views, Work
from tunewarden.usecases.repeats import Answered, Kept, Repeats, is_worth_keeping, require_once

ANN = PrincipalId("prn-1")
FACT = DatasetRetired(dataset=DatasetId("ds-1"))
MINUTE = timedelta(minutes=1)
ONE = Kept(
    id="a" * 64,
    fingerprint="b" * 64,
    by="req_1",
    alone=True,
    began=NOW,
    at=NOW,
    until=NOW + MINUTE,
    made=("ds-1", "prom-2"),
)


@dataclass(frozen=True, slots=True)
class Kit:
    work: Work
    view: Views
    repeats: Repeats

    def do(self, kept: Kept | None) -> None:
        with self.work(ANN) as unit:
            unit.keeping(lambda _: kept)
            unit.record(FACT)
            unit.commit()

    def size(self) -> int:
        with self.view() as view:
            return view.size()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def kit(request: pytest.FixtureRequest, clock: FixedClock) -> Iterator[Kit]:
    if request.param == "memory":
        state = MemoryState()
        yield Kit(memory_work(state, clock), memory_views(state), MemoryRepeats(state.repeats, state.lock))
        return
    engine = connect(request.getfixturevalue("database" if request.param == "sqlite" else "postgres_database"))
    yield Kit(SqlWork(engine, clock), SqlViews(engine), SqlRepeats(engine))
    engine.dispose()


def test_what_a_unit_of_work_keeps_is_there_when_it_commits_until_its_time_is_over(kit: Kit) -> None:
    kit.do(None)
    assert kit.repeats.find(ONE.id, NOW) is None
    kit.do(ONE)
    assert kit.repeats.find(ONE.id, NOW) == ONE
    assert kit.repeats.find(ONE.id, ONE.until - timedelta(milliseconds=1)) == ONE
    assert kit.repeats.find(ONE.id, ONE.until) is None
    assert kit.repeats.find("c" * 64, NOW) is None


def test_what_is_not_committed_keeps_nothing(kit: Kit) -> None:
    with kit.work(ANN) as unit:
        unit.keeping(lambda _: ONE)
        unit.record(FACT)
    with suppress(ZeroDivisionError), kit.work(ANN) as unit:
        unit.keeping(lambda _: ONE)
        unit.record(FACT)
        raise ZeroDivisionError
    assert kit.repeats.find(ONE.id, NOW) is None


def test_what_was_done_meanwhile_undoes_the_whole_unit_of_work(kit: Kit) -> None:
    kit.do(ONE)
    with pytest.raises(InFlight):
        kit.do(replace(ONE, by="req_2"))
    assert kit.repeats.find(ONE.id, NOW) == ONE
    assert kit.size() == 1
    kit.do(None)
    assert kit.size() == 2, "others go on"


def test_a_request_with_several_units_of_work_keeps_the_last(kit: Kit) -> None:
    kit.do(ONE)
    kit.do(replace(ONE, made=(*ONE.made, "ds-3")))
    assert kit.repeats.find(ONE.id, NOW) == replace(ONE, made=(*ONE.made, "ds-3"))


@pytest.mark.parametrize("found_alone", [True, False])
@pytest.mark.parametrize("alone", [True, False])
def test_of_several_alike_that_are_each_meant_the_last_is_kept_and_no_other_is_done_twice(
    kit: Kit, found_alone: bool, alone: bool
) -> None:
    found = replace(ONE, alone=found_alone, answer="00")
    mine = replace(ONE, by="req_2", alone=alone, made=("ds-7",), answer=None)
    kit.do(found)
    if found_alone or alone:
        with pytest.raises(InFlight):
            kit.do(mine)
        assert kit.repeats.find(ONE.id, NOW) == found
    else:
        kit.do(mine)
        assert kit.repeats.find(ONE.id, NOW) == mine


def test_what_is_over_is_in_nobodys_way_and_goes(kit: Kit) -> None:
    kit.do(ONE)
    later = replace(ONE, by="req_2", began=ONE.until, at=ONE.until, until=ONE.until + MINUTE)
    kit.do(later)
    assert kit.repeats.find(ONE.id, NOW) == later, "it is in the place of what is over"
    kit.repeats.sweep(later.until - timedelta(milliseconds=1))
    assert kit.repeats.find(later.id, NOW) == later
    kit.repeats.sweep(later.until)
    assert kit.repeats.find(later.id, NOW) is None


def test_an_answer_is_kept_for_the_request_that_got_it_and_for_no_other(kit: Kit) -> None:
    kit.do(ONE)
    kit.repeats.answered([Answered(id=ONE.id, by="req_2", answer="00"), Answered(id="c" * 64, by="x", answer="00")])
    assert kit.repeats.find(ONE.id, NOW) == ONE
    kit.repeats.answered([Answered(id=ONE.id, by=ONE.by, answer="01")])
    assert kit.repeats.find(ONE.id, NOW) == replace(ONE, answer="01")
    kit.repeats.answered([Answered(id=ONE.id, by=ONE.by, answer=None)])
    assert kit.repeats.find(ONE.id, NOW) == replace(ONE, answer=None, is_secret=True)


def test_only_refusals_are_not_worth_keeping() -> None:
    refusal = ActionRefused(action=Action.APPROVE_REQUEST, resource="request", code="access_denied", rule="")
    assert not is_worth_keeping([refusal])
    assert is_worth_keeping([FACT])
    assert is_worth_keeping([refusal, FACT])


instants = st.integers(0, 5).map(lambda minutes: NOW + minutes * MINUTE)


@given(found_at=instants, began=instants, took=st.integers(0, 3), alone=st.booleans(), their_alone=st.booleans())
def test_two_that_may_not_both_be_done_are_not(
    found_at: datetime, began: datetime, took: int, alone: bool, their_alone: bool
) -> None:
    mine = replace(ONE, by="req_2", alone=alone, began=began, at=began + took * MINUTE)
    found = replace(ONE, alone=their_alone, at=found_at, until=found_at + timedelta(hours=1))
    both_meant = not alone and (not their_alone or found_at < began)
    if both_meant:
        require_once(found, mine)
    else:
        with pytest.raises(InFlight):
            require_once(found, mine)
    require_once(replace(found, by=mine.by), mine)
    require_once(replace(found, until=mine.at), mine)
    require_once(None, mine)
