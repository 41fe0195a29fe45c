"""Whatever becomes of a request, its answer ends as it should, its place is free again, and nothing of it is told."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs
from tests.conftest import Stage
from tests.entry.api.conftest import Open

from tunewarden.entry.api.metrics import Metrics
from tunewarden.entry.api.passage import Passage
from tunewarden.entry.running import Running
from tunewarden.entry.settings import Settings

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
MORE: Message = {"type": "http.response.body", "body": b"a", "more_body": True}
END: Message = {"type": "http.response.body", "body": b"", "more_body": False}
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def passage(stage: Stage, home: Path, app: Application) -> Passage:
    """With one place."""
    return Passage(
        app,
        settings=Settings(home=home, requests_at_once=1),
        running=Running(),
        metrics=Metrics(stage.platform.view, lambda: True),
    )


async def asked(way: Passage, *received: Message, method: str = "GET", body: bytes = b"") -> list[Message]:
    """What is sent for one request; what is received after these messages is that the client has left."""
    sent: list[Message] = []
    coming = iter(received)

    async def receive() -> Message:
        return next(coming, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-length", str(len(body)).encode())] if body else []
    scope = {"type": "http", "method": method, "path": "/x", "query_string": b"", "headers": headers}
    await way(scope, receive, send)
    return sent


def statuses(sent: list[Message]) -> list[int]:
    return [message["status"] for message in sent if "status" in message]


def test_what_crashes_before_its_answer_is_answered_and_after_it_stays_without_an_end(
    stage: Stage, tmp_path: Path
) -> None:
    async def at_once(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ValueError("CANARY")

    async def halfway(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(dict(START))
        await send(MORE)
        raise ValueError("CANARY")

    with capture_logs() as told:
        for app, expected, is_whole in ((at_once, [500], True), (halfway, [200], False)):
            way = passage(stage, tmp_path, app)
            for _ in range(2):  # its one place is free again
                sent = asyncio.run(asked(way))
                assert statuses(sent) == expected
                assert (not sent[-1].get("more_body", False)) is is_whole
                assert "CANARY" not in repr(sent)
    assert [(one["event"], one["error"]) for one in told] == [("request_crashed", "ValueError")] * 4
    assert "CANARY" not in repr(told)


def test_a_place_is_free_once_an_answer_has_begun_however_slowly_it_is_read(stage: Stage, tmp_path: Path) -> None:
    inner: list[int] = []

    async def slow(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({**START, "headers": []})
        if not inner:
            inner.append(0)
            inner[0] = statuses(await asked(way))[0]
        await send(END)

    way = passage(stage, tmp_path, slow)
    assert statuses(asyncio.run(asked(way))) == [200]
    assert inner == [200]


def test_who_leaves_in_the_middle_of_a_request_is_answered_by_nobody_and_keeps_no_place(
    stage: Stage, tmp_path: Path
) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise AssertionError("it was let through")

    way = passage(stage, tmp_path, app)
    half: Message = {"type": "http.request", "body": b"{", "more_body": True}
    with capture_logs() as told:
        for _ in range(2):
            assert asyncio.run(asked(way, half, method="POST", body=b"{}")) == []
    assert told == []


def test_the_application_gets_the_body_that_was_looked_at_and_then_what_comes_after_it(
    stage: Stage, tmp_path: Path
) -> None:
    got: list[Message] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        got.extend([await receive(), await receive()])
        await send(dict(START))
        await send(END)

    pieces: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.request", "body": b"}", "more_body": False},
    ]
    asyncio.run(asked(passage(stage, tmp_path, app), *pieces, method="POST", body=b"{}"))
    assert got == [{"type": "http.request", "body": b"{}", "more_body": False}, {"type": "http.disconnect"}]


def test_whoever_asks_for_the_description_while_it_is_made_gets_the_whole(opened: Open) -> None:
    """A process that was just started is asked by many at once, and places of faults and of things come from it."""
    app: Any = opened().client.app
    together = Barrier(8)

    def ask(_: int) -> int:
        together.wait(10)
        return len(json.dumps(app.openapi()))

    with ThreadPoolExecutor(8) as pool:
        sizes = set(pool.map(ask, range(8)))
    assert sizes == {len(json.dumps(app.openapi()))}


def test_the_framework_tells_no_collector_anything_whatever_the_environment_says(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    app: Any = opened().client.app
    for what in ("tracing", "metrics", "logs", "auto_configure"):
        assert app._telemetry[what] is False, what
