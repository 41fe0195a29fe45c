"""A body has a length that is known beforehand, and comes in time: before anybody is known, it holds nothing up."""

import asyncio
import socket
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fastapi import Request, Response
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.conftest import Stage
from tests.entry.conftest import Served

from tunewarden.entry.api import passage as passages
from tunewarden.entry.api.coming import Coming
from tunewarden.entry.api.metrics import Metrics
from tunewarden.entry.api.passage import Passage
from tunewarden.entry.running import Running
from tunewarden.entry.settings import Settings

TWO_LENGTHS = b"content-length: 5\r\ntransfer-encoding: chunked\r\n"


def raw(served: Served, head: bytes, body: bytes) -> bytes:
    """What a server answers to these bytes, from its first line to the end."""
    where = urlsplit(served.address)
    with socket.create_connection((where.hostname, where.port), timeout=10) as line:
        line.sendall(b"POST /v1/datasets HTTP/1.1\r\nhost: x\r\nconnection: close\r\n" + head + b"\r\n" + body)
        received = b""
        while piece := line.recv(65536):
            received += piece
    return received


def test_a_body_whose_length_is_said_in_two_ways_is_refused_unread(served: Served) -> None:
    """A server goes by the transfer coding then (RFC 9112 section 6.3), under which a body may be as long as it likes.

    Nobody has said who they are here, so what is not refused would be kept in memory for whoever asks.
    """
    assert raw(served, TWO_LENGTHS, b"5\r\n{   }\r\n0\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    one_length = b"content-length: 2\r\ncontent-type: application/json\r\n"
    assert raw(served, one_length, b"{}").startswith(b"HTTP/1.1 401 ")


def test_a_length_that_no_number_holds_is_refused(served: Served) -> None:
    answer = raw(served, b"content-length: 99999999999999999999\r\n", b"")
    assert answer.partition(b"\r\n")[0].split()[1] in {b"400", b"413"}


def test_a_body_that_does_not_come_is_refused(stage: Stage, tmp_path: Path) -> None:
    way = passage(stage, tmp_path, Coming(seconds=0.01))
    assert asyncio.run(asked(way, [("/v1/datasets", nothing_comes), ("/v1/datasets", all_of_it)])) == [408, 204]


def test_a_body_on_its_way_keeps_no_place_from_others(stage: Stage, tmp_path: Path) -> None:
    """There is one place."""

    async def both(way: Passage) -> list[int]:
        slow = asyncio.create_task(asked(way, [("/v1/datasets", nothing_comes)]))
        await asyncio.sleep(0)
        others = await asked(way, [("/v1/datasets", all_of_it), ("/healthz", all_of_it)])
        assert not slow.done()
        slow.cancel()
        return others

    assert asyncio.run(both(passage(stage, tmp_path, Coming()))) == [204, 204]


def test_whether_the_process_lives_is_read_without_a_place_and_nothing_is_sent_there_without_one(
    stage: Stage, tmp_path: Path
) -> None:
    inner: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if not inner:
            inner.append(0)
            inner[:] = [
                *await asked(way, [("/healthz", all_of_it)]),
                *await asked(way, [("/healthz", all_of_it)], method="GET"),
            ]
        await Response(status_code=204)(scope, receive, send)

    way = passage(stage, tmp_path, Coming(), app)
    assert asyncio.run(asked(way, [("/v1/datasets", all_of_it)])) == [204]
    assert inner == [503, 204]


@pytest.mark.parametrize(("bounds", "too_many"), [({"most": 3}, 2), ({"room": 20}, 1)], ids=["number", "bytes"])
def test_of_too_many_bodies_on_their_way_those_that_have_waited_longest_give_way(
    bounds: dict[str, int], too_many: int
) -> None:
    """Of each of five, five bytes come, one body after the other; the rest comes when all have waited."""

    async def all_five() -> list[bytes | None]:
        coming, go = Coming(**bounds), asyncio.Event()
        reading = []
        for _ in range(5):
            reading.append(asyncio.create_task(coming.whole(Request(SCOPE, in_two_halves(go)))))
            await settled()
        assert [one.done() for one in reading] == [True] * too_many + [False] * (5 - too_many)
        go.set()
        bodies = await asyncio.gather(*reading)
        # All room is there again.
        assert await coming.whole(Request(SCOPE, in_two_halves(go))) == b"abcdefghij"
        return bodies

    assert asyncio.run(all_five()) == [None] * too_many + [b"abcdefghij"] * (5 - too_many)


def test_what_was_given_up_or_broken_off_takes_no_room() -> None:
    async def one_after_the_other() -> None:
        coming, go = Coming(most=2, room=12, seconds=0.01), asyncio.Event()
        for _ in range(3):
            assert await coming.whole(Request(SCOPE, in_two_halves(go))) is None
            with pytest.raises(ClientDisconnect):
                await coming.whole(Request(SCOPE, left_in_the_middle()))
        go.set()
        waiting = asyncio.create_task(coming.whole(Request(SCOPE, nothing_comes)))
        await settled()
        assert await coming.whole(Request(SCOPE, in_two_halves(go))) == b"abcdefghij"
        assert not waiting.done(), "there was room for both"
        waiting.cancel()

    asyncio.run(one_after_the_other())


def test_only_small_json_is_looked_at_where_all_requests_wait_for_it(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []
    here = threading.get_ident()
    monkeypatch.setattr(passages, "require_json", lambda _: threads.append(threading.get_ident() == here))
    way = passage(stage, tmp_path, Coming())
    for size in (2, 2_048, 2_049, 1024 * 1024):
        asyncio.run(asked(way, [("/v1/datasets", sent_at_once(b"[" + b" " * (size - 2) + b"]"))]))
    assert threads == [True, True, False, False]


def test_an_upload_is_not_waited_for_before_it_is_known_whose_it_is(stage: Stage, tmp_path: Path) -> None:
    """Here the application, which would ask who it is, asks nobody and reads nothing."""
    way = passage(stage, tmp_path, Coming(seconds=0.01))
    uploads = ["/v1/files", "/v1/uploads/upload-1/parts"]
    assert asyncio.run(asked(way, [(path, nothing_comes) for path in uploads])) == [204, 204]


def passage(stage: Stage, home: Path, coming: Coming, app: ASGIApp | None = None) -> Passage:
    """With one place, around an application that answers 204 if no other is given."""
    return Passage(
        app or Response(status_code=204),
        settings=Settings(home=home, requests_at_once=1),
        running=Running(),
        metrics=Metrics(stage.platform.view, lambda: True),
        coming=coming,
    )


async def asked(way: Passage, requests: list[tuple[str, Receive]], method: str = "POST") -> list[int]:
    """The status of each answer, one after the other."""
    statuses: list[int] = []

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    for path, receive in requests:
        headers = [(b"content-length", b"2"), (b"content-type", b"application/json")]
        head = {"method": method, "path": path, "query_string": b"", "headers": headers}
        await way({"type": "http", **head}, receive, send)
    return statuses


SCOPE: Scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": []}


async def nothing_comes() -> Message:
    """Nor is the line closed."""
    await asyncio.Event().wait()
    raise AssertionError


def sent_at_once(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


all_of_it = sent_at_once(b"{}")


def in_two_halves(go: asyncio.Event) -> Receive:
    """The second one when it is time."""
    halves = [b"abcde", b"fghij"]

    async def receive() -> Message:
        if len(halves) < 2:
            await go.wait()
        return {"type": "http.request", "body": halves.pop(0), "more_body": bool(halves)}

    return receive


def left_in_the_middle() -> Receive:
    messages: list[Message] = [
        {"type": "http.request", "body": b"abcde", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    return receive


async def settled() -> None:
    """Everything that can go on has gone on."""
    for _ in range(10):
        await asyncio.sleep(0)
