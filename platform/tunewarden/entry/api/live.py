"""Events of a training request as they happen: server-sent events (WHATWG HTML, 9.2) that the OpenAI client can read.

A stream holds no thread while it waits, and no place among the requests that are answered at once; how many there are
is bounded for each principal and in all. Whoever reads slowly is waited for, and nobody else with them. At each look,
every fifteen seconds at the latest, the key is looked at and access asked anew. A stream ends with `[DONE]` once the
request is over, and else with an error: after an hour, when the process ends, or when who reads may not any more.

No line `id:` unless it is asked for, and comments without an empty line after them: the client's decoder takes either
for an event without data (measured on 1.109.1, 2.54.0 and 3.52.0).
"""

import json
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from tunewarden.domain.entries import Entry
from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.names import PrincipalId, RequestId
from tunewarden.entry.api.bell import Bell, rings
from tunewarden.entry.api.errors import FailsTooOften, NotAuthenticated, TooMany, client_error, status_of
from tunewarden.entry.diagnostics import logger
from tunewarden.usecases.following import News

EVENT = "fine_tuning.job.event"
DONE = "data: [DONE]\n\n"
_KEEP_ALIVE = ": ka\n"

Look = Callable[[int], News]
"""From which index on -> what is there, for whoever asks. Called in a thread."""
Render = Callable[[Entry], Mapping[str, Any]]


@dataclass(slots=True, kw_only=True)
class Live:
    """The streams of one process, all in its event loop.

    Attributes:
        most, most_each: how many there may be at once, and of one principal.
        asked_seconds: after so long without news access is asked again, and the line kept alive.
        longest_seconds: of one stream; who has not read its end `grace_seconds` later is cut off.
    """

    bell: Bell
    most: int
    most_each: int
    asked_seconds: float = 15.0
    longest_seconds: float = 3600.0
    grace_seconds: float = 30.0
    monotonic: Callable[[], float] = time.monotonic
    _open: Counter[PrincipalId] = field(default_factory=Counter)
    _is_closing: bool = False

    @property
    def open(self) -> int:
        """How many there are."""
        return self._open.total()

    def take(self, principal: PrincipalId) -> bool:
        """Whether there was a place for one more of this principal; whoever has one gives it back."""
        if self._is_closing or self.open >= self.most or self._open[principal] >= self.most_each:
            return False
        self._open[principal] += 1
        return True

    def give_back(self, principal: PrincipalId) -> None:
        """Exactly once for each that was taken."""
        self._open[principal] -= 1
        if not self._open[principal]:
            del self._open[principal]

    def close(self) -> None:
        """No stream begins any more, and each that is there ends now. To be called in the event loop."""
        self._is_closing = True
        self.bell.ring()

    async def stream(
        self, request: RequestId, look: Look, render: Render, *, start: int, with_ids: bool
    ) -> AsyncGenerator[str, None]:
        """What happens to the request from index `start` of the log on."""
        until = self.monotonic() + self.longest_seconds
        async with self.bell.listening(request) as rung:
            while True:
                rung.clear()
                found = await self._found(look, start)
                if not isinstance(found, News):
                    yield found
                    return
                for entry in found.entries:
                    yield _event(render(entry), with_id=with_ids)
                    start = entry.index + 1
                if not found.is_all:
                    continue
                start = max(start, found.looked)
                if found.is_over:
                    yield DONE
                    return
                if self._is_closing:
                    yield _error(503, "stream_interrupted", "This process ends.", _GO_ON)
                    return
                if self.monotonic() >= until:
                    yield _error(503, "stream_over", "A stream has its time, and that of this one is over.", _GO_ON)
                    return
                if not await rings(rung, self.asked_seconds):
                    yield _KEEP_ALIVE

    async def _found(self, look: Look, start: int) -> News | str:
        """What is new; or, as a last event, why nothing more is told."""
        try:
            return await run_in_threadpool(look, start)
        except (FailsTooOften, NotAuthenticated):
            return _error(401, "invalid_api_key", "This needs an API key that works.")
        except TooMany:  # who asks too often is told a little later
            return News(entries=(), is_all=True, looked=start, is_over=False)
        except TunewardenError as error:
            status = status_of(error)
            return _error(status, error.code, error.reason, error.remedy, who=error.who)
        except Exception as error:
            # The answer has begun, so no handler can end it. Only the type: the text may hold data.
            logger.error("stream_crashed", error=type(error).__name__)
            return _error(500, "internal_error", "Something went wrong here.")


_GO_ON = "Ask again with `after`, and the id of the last event."


class EventStream(StreamingResponse):
    """The answer that carries a stream where there is a place for one, and else the answer `full`.

    The place is taken and given back here, so it is given back however the answer ends, and whether it began or not.
    """

    def __init__(self, live: Live, principal: PrincipalId, told: AsyncGenerator[str, None], full: Response) -> None:
        super().__init__(told, media_type="text/event-stream", headers={"x-accel-buffering": "no"})
        self._live, self._principal, self._told, self._full = live, principal, told, full

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See `StreamingResponse`. Raises `TimeoutError` where it is cut off: it must not look as if it had ended."""
        if not self._live.take(self._principal):
            await self._full(scope, receive, send)
            return
        try:
            with anyio.fail_after(self._live.longest_seconds + self._live.grace_seconds):
                await super().__call__(scope, receive, send)
        finally:
            self._live.give_back(self._principal)
            await self._told.aclose()


def _event(data: Mapping[str, Any], *, with_id: bool) -> str:
    identifier = f"id: {data['id']}\n" if with_id else ""
    return f"event: {EVENT}\n{identifier}data: {json.dumps(data, separators=(',', ':'))}\n\n"


def _error(status: int, code: str, detail: str, remedy: str = "", *, who: str = "") -> str:
    told = {"error": client_error(status, code, detail, remedy=remedy, who=who)}
    return f"data: {json.dumps(told, separators=(',', ':'))}\n\n"
