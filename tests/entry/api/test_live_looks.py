"""Streams of events without a server: what is looked at is said by the test."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from itertools import count
from typing import Any

import pytest
from fastapi.responses import PlainTextResponse
from tests.conftest import ANN, NOW, Stage

from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import NotFound
from tunewarden.domain.events import RequestEnded
from tunewarden.domain.names import RequestId
from tunewarden.domain.training import State
from tunewarden.entry.api.bell import Bell
from tunewarden.entry.api.errors import FailsTooOften, TooMany
from tunewarden.entry.api.live import EventStream, Live
from tunewarden.usecases.following import News

JOB = RequestId("ftjob-1")


def entry(index: int) -> Entry:
    fact = RequestEnded(request=JOB, state=State.CANCELLED, because="")
    return Entry(index=index, at=NOW, actor=ANN.id, event=fact)


def render(one: Entry) -> dict[str, Any]:
    return {"id": f"ftevent-{one.index}"}


def live_over(stage: Stage, **more: Any) -> Live:
    return Live(bell=Bell(stage.platform.view, seconds=0.001), most=9, most_each=9, asked_seconds=0.001, **more)


def read(live: Live, look: Callable[[int], News], most: int = 100) -> list[str]:
    async def collect() -> list[str]:
        told = live.stream(JOB, look, render, start=0, with_ids=False)
        found = []
        async for piece in told:
            found.append(piece)
            if len(found) == most:
                break
        await told.aclose()
        return found

    return asyncio.run(collect())


QUIET = News(entries=(), is_all=True, looked=0, is_over=False)


def test_a_stream_with_no_news_is_kept_alive_by_a_comment_with_no_empty_line_after_it(stage: Stage) -> None:
    said = iter([QUIET] * 9 + [News(entries=(entry(4),), is_all=True, looked=5, is_over=True)])
    told = "".join(read(live_over(stage), lambda _: next(said)))
    assert told.startswith(": ka\n" * 2)
    event = 'event: fine_tuning.job.event\ndata: {"id":"ftevent-4"}\n\ndata: [DONE]\n\n'
    assert told.replace(": ka\n", "") == event


def test_each_look_goes_on_where_the_one_before_ended_and_there_may_be_more_than_one_look_gives(stage: Stage) -> None:
    asked: list[int] = []

    def look(start: int) -> News:
        asked.append(start)
        return News(entries=(entry(start), entry(start + 3)), is_all=start >= 8, looked=0, is_over=True)

    told = read(live_over(stage), look)
    assert asked == [0, 4, 8]
    assert [piece.partition("data: ")[2].strip() for piece in told] == [
        *(f'{{"id":"ftevent-{index}"}}' for index in (0, 3, 4, 7, 8, 11)),
        "[DONE]",
    ]


def test_what_was_looked_through_is_not_looked_through_again(stage: Stage) -> None:
    asked: list[int] = []

    def look(start: int) -> News:
        asked.append(start)
        told = (entry(start),) if start == 0 else ()
        return News(entries=told, is_all=True, looked=1000 * len(asked), is_over=len(asked) == 3)

    read(live_over(stage), look)
    assert asked == [0, 1000, 2000]


def test_whoever_is_not_let_in_any_more_is_not_taken_for_one_who_asks_too_often(stage: Stage) -> None:
    def look(_: int) -> News:
        raise FailsTooOften(1.0)

    (only,) = read(live_over(stage), look)
    assert json.loads(only.removeprefix("data: "))["error"]["code"] == "invalid_api_key"


def test_a_stream_has_its_time_and_says_how_to_go_on(stage: Stage) -> None:
    seconds = count()
    live = live_over(stage, longest_seconds=3.0, monotonic=lambda: float(next(seconds)))
    *before, last = read(live, lambda _: QUIET)
    assert set(before) == {": ka\n"}
    assert json.loads(last.removeprefix("data: "))["error"]["code"] == "stream_over"


def test_who_asks_too_often_is_told_a_little_later_and_who_may_not_any_more_why(stage: Stage) -> None:
    answers: list[Exception | News] = [TooMany(1.0), QUIET, NotFound("request_not_found", "There is no such request.")]

    def look(_: int) -> News:
        said = answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    *_, last = read(live_over(stage), look)
    assert answers == []
    assert json.loads(last.removeprefix("data: "))["error"] == {
        "message": "There is no such request.",
        "type": "not_found_error",
        "param": None,
        "code": "request_not_found",
    }


def test_what_nobody_foresaw_ends_the_stream_and_its_text_is_not_told(stage: Stage) -> None:
    def look(_: int) -> News:
        raise ZeroDivisionError("the text of a record")

    (only,) = read(live_over(stage), look)
    assert json.loads(only.removeprefix("data: "))["error"]["code"] == "internal_error"
    assert "record" not in only


def test_a_bell_that_cannot_look_goes_on_when_it_can_again(stage: Stage) -> None:
    is_broken = [True]

    def view() -> Any:
        if is_broken:
            is_broken.clear()
            raise ZeroDivisionError
        return stage.platform.view()

    async def hear() -> bool:
        async with Bell(view, seconds=0.001).listening(JOB) as rung:
            async with asyncio.timeout(10):
                await rung.wait()
        return rung.is_set()

    assert asyncio.run(hear())


def test_a_reader_who_never_reads_is_cut_off_and_the_place_is_given_back(stage: Stage) -> None:
    live = live_over(stage, longest_seconds=0.01, grace_seconds=0.0)
    ended: list[bool] = []

    async def endless() -> AsyncGenerator[str, None]:
        try:
            while True:
                yield "data: {}\n\n"
        finally:
            ended.append(True)

    async def nobody_reads(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def answer() -> None:
        told = endless()
        stream = EventStream(live, ANN.id, told, PlainTextResponse("full"))
        with pytest.raises(TimeoutError):
            await stream({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, nobody_reads)
        assert ended, "nobody waits for the collector of garbage"

    asyncio.run(answer())
    assert live.open == 0
