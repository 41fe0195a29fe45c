"""A request that comes twice is done once: by the header `Idempotency-Key`, or where a client repeats by itself.

Every POST with a key or token of a caller is marked by who asks, what and with which body. What it did is kept with its
effect (`usecases.repeats`), for a day where it has a key and for ten minutes where it has none; the answer follows,
sealed. A repetition is let in like any other request, and then gets the first answer, with `Idempotency-Replayed`.
Where the first answer was lost with its process, it is sent to where the thing is to be read (303, RFC 9110 15.4.4).

Only what was done is kept: what was refused is decided, and written down, each time anew. An answer with a key in it is
never kept. Forms of pages are not looked at: browsers do not repeat them. Not promised: that the same request twice
without a key is recognised while the blob key is rotated; and of two equal ones that were both meant, a repetition gets
the answer of the later.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from tunewarden.domain.canonical import encode
from tunewarden.domain.errors import Conflict, Malformed, TunewardenError
from tunewarden.domain.events import Event
from tunewarden.domain.names import PrincipalId
from tunewarden.entry.api.first_answers import FirstAnswer, FirstAnswers
from tunewarden.entry.diagnostics import logger
from tunewarden.usecases.ports import Clock, Envelopes, Platform, Principal, UnitOfWork
from tunewarden.usecases.repeats import Kept, Repeats, in_flight, is_worth_keeping

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_WITH_KEY, _WITHOUT = timedelta(hours=24), timedelta(minutes=10)
_WRITTEN_WITHIN = timedelta(seconds=5)  # another process that lives has written an answer by then
_RETRIES = "x-stainless-retry-count"
_REPLAYED = "idempotency-replayed"

Proceed = Callable[[Request], Awaitable[Response]]


class Repeated(Exception):
    """What is asked was done before."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


@dataclass(slots=True, kw_only=True)
class Ticket:
    """One request on its way. `kept` is what its units of work keep, once the request is known as a whole."""

    once: "Once"
    request: Request
    who: tuple[str, str]
    key: str
    began: datetime
    kept: Kept | None = None
    is_done: bool = False
    made: list[str] = field(default_factory=list)

    def through(self, platform: Platform) -> Platform:
        """The same platform; what is done through it is kept."""

        def work(actor: PrincipalId) -> UnitOfWork:
            unit = platform.work(actor)
            unit.keeping(self._keep)
            return unit

        def new_id(prefix: str) -> str:
            self.made.append(platform.new_id(prefix))
            return self.made[-1]

        return replace(platform, work=work, new_id=new_id)

    def present(self, body: str) -> None:
        """Now its body is known, by digest. Raises `Repeated`, `InFlight`, and `Malformed` for a key that was used."""
        url = self.request.url
        whole = self.once.mark("request", *self.who, self.request.method, url.path, url.query, body)
        identifier = self.once.mark("key", self.who[0], self.key) if self.key else whole
        alone = bool(self.key) or _is_repetition(self.request)
        now = self.began
        kept = Kept(
            id=identifier,
            fingerprint=whole,
            by=self.request.state.request_id,
            alone=alone,
            began=now,
            at=now,
            until=now + (_WITH_KEY if self.key else _WITHOUT),
        )
        self.once.begin(self.request, kept)
        self.kept = kept

    def _keep(self, events: Sequence[Event]) -> Kept | None:
        if self.kept is None or not is_worth_keeping(events):
            return None
        self.is_done = True
        return replace(self.kept, at=self.once.clock(), made=tuple(self.made))


class Once:
    """Of one api. Safe to use from several threads; several processes are kept apart by the units of work."""

    def __init__(self, repeats: Repeats, words: Callable[[bytes], str], envelopes: Envelopes, clock: Clock) -> None:
        self.clock = clock
        self._repeats, self._words, self._answers = repeats, words, FirstAnswers(repeats, envelopes)
        self._under_way: Counter[str] = Counter()
        self._lock = Lock()

    def mark(self, *words: str) -> str:
        """Of these words in this order, and of no others."""
        return self._words(encode(list(words)))

    def ticket(self, request: Request, principal: Principal) -> Ticket:
        """Of a POST whose caller is known. Raises `Malformed` for a header that is no key."""
        keys = request.headers.getlist("idempotency-key")
        if len(keys) > 1 or not all(_KEY.fullmatch(key) for key in keys):
            raise Malformed(
                "idempotency_key_malformed",
                "The header Idempotency-Key stands there once, with 1 to 255 visible characters of ASCII.",
                param="Idempotency-Key",
            )
        who = (str(principal.id), str(principal.within or ""))
        ticket = Ticket(once=self, request=request, who=who, key="".join(keys), began=self.clock())
        request.state.ticket = ticket
        if (body := getattr(request.state, "body", None)) is not None:
            ticket.present(body)
        return ticket

    def begin(self, request: Request, mine: Kept) -> None:
        """It is under way from here on. Raises as `Ticket.present` does."""
        with self._lock:
            if mine.alone and self._under_way[mine.id]:
                raise in_flight()
            self._under_way[mine.id] += 1
        try:
            found = self._repeats.find(mine.id, mine.began) if mine.alone else None
            if found is not None:
                _require_same(found, mine)
                raise Repeated(self._first(request, found))
        except BaseException:
            self._end(mine)
            raise

    async def answer(self, request: Request, proceed: Proceed, *, is_streamed: bool) -> Response:
        """The answer to any request, kept where it is of something that was done."""
        if request.method != "POST":
            return await proceed(request)
        if not is_streamed:
            request.state.body = hashlib.sha256(await request.body()).hexdigest()
        try:
            response = await proceed(request)
            kept = _kept(request)
            if kept is not None and request.state.ticket.is_done and response.status_code < 500:
                return await self._answered(kept, response)
            return response
        finally:
            if (kept := _kept(request)) is not None:
                self._end(kept)

    def sweep(self) -> None:
        """Forget what is over; what cannot be forgotten now is later."""
        try:
            self._repeats.sweep(self.clock())
        except TunewardenError as error:
            logger.warning("repeats_unswept", code=error.code)

    def close(self) -> None:
        """Write down what is only in memory."""
        self._answers.close()

    def _first(self, request: Request, found: Kept) -> Response:
        """The first answer, or where to read it. Raises `Conflict` where it cannot be given again."""
        first = None if found.is_secret else self._answers.of(found)
        if found.is_secret or (first is not None and first.is_secret):
            raise Conflict(
                "secret_shown_once",
                "This was done before, and its answer held a key, which is shown once and kept nowhere.",
                remedy="If the answer was lost, take that key away and make another one.",
            )
        if first is not None:
            return Response(first.body, status_code=first.status, headers={**first.headers, _REPLAYED: "true"})
        if (where := _where(request, found)) is not None:
            return RedirectResponse(where, status_code=303, headers={_REPLAYED: "true"})
        if self.clock() - found.at < _WRITTEN_WITHIN:
            raise in_flight()
        raise Conflict("done_already", "This was done before, and its answer was lost.", remedy="Look what it did.")

    async def _answered(self, kept: Kept, response: Response) -> Response:
        pieces = cast("Any", response).body_iterator  # of what the middleware got: a stream, whatever the route gave
        body = b"".join([piece if isinstance(piece, bytes) else piece.encode() async for piece in pieces])
        whole = Response(body, status_code=response.status_code)
        whole.raw_headers = response.raw_headers
        with suppress(UnicodeDecodeError):  # all that is answered to a POST is JSON
            said = FirstAnswer(status=whole.status_code, headers=dict(whole.headers), body=body.decode("utf-8"))
            self._answers.put(kept, said)
        return whole

    def _end(self, kept: Kept) -> None:
        with self._lock:
            self._under_way[kept.id] -= 1
            if self._under_way[kept.id] <= 0:
                del self._under_way[kept.id]


def install(app: FastAPI) -> None:
    """What is answered to a request that was done before."""

    @app.exception_handler(Repeated)
    def repeated(_: Request, error: Repeated) -> Response:
        return error.answer


def _kept(request: Request) -> Kept | None:
    ticket: Ticket | None = getattr(request.state, "ticket", None)
    return None if ticket is None else ticket.kept


def _require_same(found: Kept, mine: Kept) -> None:
    if found.fingerprint != mine.fingerprint:
        raise Malformed(
            "idempotency_key_reused",
            "Another request was made with this Idempotency-Key.",
            remedy="Take a fresh key for each request.",
            param="Idempotency-Key",
        )


def _is_repetition(request: Request) -> bool:
    count = request.headers.get(_RETRIES, "")
    return count.isascii() and count.isdecimal() and int(count[:9]) > 0


def _where(request: Request, found: Kept) -> str | None:
    """Where what a request made, or acted on, is to be read, seen from its path; None where nowhere."""
    template, path = request.scope["route"].path, request.url.path
    readable = {place for place, ways in request.app.openapi()["paths"].items() if "get" in ways}
    if found.made:
        is_there = any(place.rpartition("/")[0] == template and place.endswith("}") for place in readable)
        return f"{path.rpartition('/')[2]}/{found.made[0]}" if is_there else None
    over = path.rpartition("/")[0]
    return f"../{over.rpartition('/')[2]}" if template.rpartition("/")[0] in readable else None
