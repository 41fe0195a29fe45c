"""Rings for those who wait for news of a training request: one look at the log a second, however many wait.

It lives in the event loop of its process, looks in a thread that it holds only for the look, and does nothing while
nobody waits.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi.concurrency import run_in_threadpool

from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.names import RequestId
from tunewarden.entry.diagnostics import logger
from tunewarden.usecases.following import touched
from tunewarden.usecases.ports import Views

_SECONDS = 1.0


class Bell:
    """Of one process and one event loop. A ring may be about nothing; none is missed."""

    def __init__(self, view: Views, seconds: float = _SECONDS) -> None:
        self._view, self._seconds = view, seconds
        self._listeners: dict[RequestId, set[asyncio.Event]] = {}
        self._looking: asyncio.Task[None] | None = None
        self._seen = 0

    @asynccontextmanager
    async def listening(self, request: RequestId) -> AsyncIterator[asyncio.Event]:
        """An event that is set once something is written about the request after this was entered."""
        rung = asyncio.Event()
        self._listeners.setdefault(request, set()).add(rung)
        try:
            if self._looking is None:
                self._looking = asyncio.create_task(self._look())
            yield rung
        finally:
            self._listeners[request].discard(rung)
            if not self._listeners[request]:
                del self._listeners[request]
            if not self._listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def ring(self, requests: frozenset[str] | None = None) -> None:
        """For who waits for one of these; for everybody where None."""
        for request, waiting in self._listeners.items():
            if requests is None or request in requests:
                for rung in waiting:
                    rung.set()

    async def _look(self) -> None:
        """The first look only finds where the log ends; what was written just before it rings for everybody."""
        is_first = True
        while True:
            try:
                size, requests = await run_in_threadpool(self._touched)
            except TunewardenError as error:
                logger.warning("log_not_looked_at", code=error.code)
            except Exception as error:
                # Else nobody would be rung for any more, without a sign. Only the type: the text may hold data.
                logger.error("bell_crashed", error=type(error).__name__)
            else:
                self._seen = size
                self.ring(None if is_first else requests)
                is_first = False
            await asyncio.sleep(self._seconds)

    def _touched(self) -> tuple[int, frozenset[str] | None]:
        with self._view() as view:
            return touched(view, self._seen)


async def rings(rung: asyncio.Event, seconds: float) -> bool:
    """Whether it rang within so many seconds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await rung.wait()
    return rung.is_set()
