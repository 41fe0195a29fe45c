"""Bodies that are on their way, before it is known whose they are and before their requests have a place."""

import asyncio
from dataclasses import dataclass

from fastapi import Request

_MOST = 1024
_ROOM = 64 * 1024 * 1024  # bytes that have come of them
_SECONDS = 30.0


@dataclass(slots=True, eq=False)
class _Body:
    until: asyncio.Timeout
    held: int = 0  # bytes


class Coming:
    """Reads bodies whole, in bounded time, number and memory. Of one process, which has one event loop.

    Whoever sends byte by byte would keep others out for as long as they like, however few bodies one address may have
    on their way. So it is never the new one that is refused: who has waited longest gives way, and who sends at once is
    read, unless more than so many others come in that time.
    """

    def __init__(self, *, most: int = _MOST, room: int = _ROOM, seconds: float = _SECONDS) -> None:
        """Room for so many bodies, of which so many bytes have come together; each has so many seconds."""
        self._most, self._room, self.seconds = most, room, seconds
        self._bodies: dict[_Body, None] = {}  # who has waited longest is first
        self._held = 0

    async def whole(self, request: Request) -> bytes | None:
        """The body; None where it did not come in time. Raises `ClientDisconnect`.

        Not looked at: how long it is, to which the server holds it, as its request says beforehand.
        """
        content = bytearray()  # pieces of two bytes would each take twenty times as much
        body = _Body(asyncio.timeout(self.seconds))
        try:
            async with body.until:
                self._bodies[body] = None
                self._make_room()
                async for piece in request.stream():
                    content += piece
                    if body in self._bodies:
                        body.held += len(piece)
                        self._held += len(piece)
                        self._make_room()
        except TimeoutError:
            return None
        finally:
            self._leave(body)
        return bytes(content)

    def _make_room(self) -> None:
        while len(self._bodies) > self._most or self._held > self._room:
            first = next(iter(self._bodies))
            self._leave(first)
            if not first.until.expired():
                first.until.reschedule(0)  # now

    def _leave(self, body: _Body) -> None:
        if body in self._bodies:
            del self._bodies[body]
            self._held -= body.held
