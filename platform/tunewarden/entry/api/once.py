"""A request that comes twice is done once: by the header `Idempotency-Key`, or where a client repeats by itself.

Every POST with a key or token of a caller is marked by who asks, what and with which body. What it did is kept with its
effect (`usecases.repeats`), for a day where it has a key and for ten minutes where it has none; the answer follows,
sealed. A repetition is let in like any other request, and the access policy is asked again all that it was asked then,
about the things as they were; then it gets the first answer, with `Idempotency-Replayed`. Where the first answer was
lost with its process, it is sent to where the thing is to be read (303, RFC 9110 15.4.4).

Only what was done is kept: what was refused is decided, and written down, each time anew. An answer with a key in it is
never kept. Forms of pages are not looked at: browsers do not repeat them. Not promised: that a request is recognised
once the blob key under which it was marked is destroyed, or where two processes see another one of two blob keys as the
first; and of two equal requests that were both meant, a repetition gets the answer of the later.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Send

from tunewarden.domain.canonical import encode
from tunewarden.domain.errors import Conflict, Malformed, TunewardenError
from tunewarden.domain.events import Event
from tunewarden.domain.names import Action, PrincipalId
from tunewarden.entry.api.first_answers import LARGEST, Asked, FirstAnswer, FirstAnswers
from tunewarden.entry.diagnostics import logger
from tunewarden.usecases.ports import Clock, Decision, Envelopes, Platform, Principal, Resource, UnitOfWork
from tunewarden.usecases.refusals import permit, refusals_recorded
from tunewarden.usecases.repeats import Kept, Repeats, in_flight, is_worth_keeping

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_WITH_KEY, _WITHOUT = timedelta(hours=24), timedelta(minutes=10)
_WRITTEN_WITHIN = timedelta(seconds=5)  # another process that lives has written an answer by then
_RETRIES = "x-stainless-retry-count"
_REPLAYED = "idempotency-replayed"

Marks = Callable[..., tuple[tuple[str, ...], ...]]
"""Of each of some `bytes` a mark: those to be made now, then those that were made before."""


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
    principal: Principal
    platform: Platform
    key: str
    began: datetime
    kept: Kept | None = None
    is_done: bool = False
    made: list[str] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def through(self, platform: Platform) -> Platform:
        """The same platform; what is done through it is kept, and what the access policy allows for it."""

        def access(principal: Principal, action: Action, resource: Resource) -> Decision:
            decision = platform.access(principal, action, resource)
            if decision.allowed and principal.id == self.principal.id:
                self.asked.append(Asked(action=action, resource=resource))
            return decision

        def work(actor: PrincipalId) -> UnitOfWork:
            unit = platform.work(actor)
            unit.keeping(self._keep)
            return unit

        def new_id(prefix: str) -> str:
            self.made.append(platform.new_id(prefix))
            return self.made[-1]

        return replace(platform, work=work, new_id=new_id, access=access)

    def present(self, body: str) -> None:
        """Now its body is known, by digest.

        Raises `Repeated`, `InFlight`, `Malformed` for a key that was used, and as the access policy's refusals do.
        """
        url, who = self.request.url, (str(self.principal.id), str(self.principal.within or ""))
        words = [["request", *who, self.request.method, url.path, url.query, body]]
        if self.key:
            words.append(["key", who[0], self.key])
        marks, *earlier = self.once.marks(*words)
        alone = bool(self.key) or _is_repetition(self.request)
        now = self.began
        kept = Kept(
            id=marks[-1],
            fingerprint=marks[0],
            by=self.request.state.request_id,
            alone=alone,
            began=now,
            at=now,
            until=now + (_WITH_KEY if self.key else _WITHOUT),
        )
        self.once.begin(self, kept, [replace(kept, id=one[-1], fingerprint=one[0]) for one in earlier])
        self.kept = kept

    def _keep(self, events: Sequence[Event]) -> Kept | None:
        if self.kept is None or not is_worth_keeping(events):
            return None
        self.is_done = True
        return replace(self.kept, at=self.once.clock(), made=tuple(self.made))


class Once:
    """Of one api. Safe to use from several threads; several processes are kept apart by the units of work."""

    def __init__(self, repeats: Repeats, words: Marks, envelopes: Envelopes, clock: Clock) -> None:
        self.clock = clock
        self._repeats, self._words, self._answers = repeats, words, FirstAnswers(repeats, envelopes)
        self._under_way: Counter[str] = Counter()
        self._lock = Lock()

    def marks(self, *several: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """One of each of these words in their order, and of no others: those of now, and then those of before.

        At one look, since a blob key may be rotated at any moment.
        """
        return self._words(*(encode(words) for words in several))

    def ticket(self, request: Request, principal: Principal, platform: Platform) -> Ticket:
        """Of a POST whose caller is known. Raises `Malformed` for a header that is no key, and as `Ticket.present`."""
        keys = request.headers.getlist("idempotency-key")
        if len(keys) > 1 or not all(_KEY.fullmatch(key) for key in keys):
            raise Malformed(
                "idempotency_key_malformed",
                "The header Idempotency-Key stands there once, with 1 to 255 visible characters of ASCII.",
                param="Idempotency-Key",
            )
        ticket = Ticket(
            once=self,
            request=request,
            principal=principal,
            platform=platform,
            key="".join(keys),
            began=self.clock(),
        )
        request.state.ticket = ticket
        if (body := getattr(request.state, "body", None)) is not None:
            ticket.present(body)
        return ticket

    def begin(self, ticket: Ticket, mine: Kept, before: Sequence[Kept]) -> None:
        """It is under way from here on. Raises as `Ticket.present` does.

        Args:
            before: the same, marked as it was before.
        """
        with self._lock:
            if mine.alone and self._under_way[mine.id]:
                raise in_flight()
            self._under_way[mine.id] += 1
        try:
            for one in (mine, *before) if mine.alone else ():
                found = self._repeats.find(one.id, one.began)
                if found is not None:
                    _require_same(found, one)
                    raise Repeated(self._first(ticket, found))
        except BaseException:
            self._end(mine)
            raise

    async def answer(self, app: ASGIApp, request: Request, receive: Receive, send: Send) -> None:
        """Let a request through to the application; its answer is kept where it is of something that was done.

        `request.state.body` is the digest of its body, unless that is read as it comes.
        """
        try:
            await app(request.scope, receive, _Keeping(request, send, self._answers))
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

    def _first(self, ticket: Ticket, found: Kept) -> Response:
        """The first answer, or where to read it.

        Raises `Conflict` where it cannot be given again, and `Refused` or `NotFound` where what was allowed is not any
        more, which is written down as every refusal is.
        """
        found, first = self._known(found)
        if found.is_secret or (first is not None and first.is_secret):
            raise Conflict(
                "secret_shown_once",
                "This was done before, and its answer held a key, which is shown once and kept nowhere.",
                remedy="If the answer was lost, take that key away and make another one.",
            )
        if first is not None:
            for one in first.asked:
                with refusals_recorded(
                    ticket.platform, ticket.principal, one.action, one.resource.kind, one.resource.id
                ):
                    permit(ticket.platform, ticket.principal, one.action, one.resource)
            return Response(first.body, status_code=first.status, headers={**first.headers, _REPLAYED: "true"})
        if (where := _where(ticket.request, found)) is not None:
            return RedirectResponse(where, status_code=303, headers={_REPLAYED: "true"})
        if self.clock() - found.at < _WRITTEN_WITHIN:
            raise in_flight()
        raise Conflict("done_already", "This was done before, and its answer was lost.", remedy="Look what it did.")

    def _known(self, found: Kept) -> tuple[Kept, FirstAnswer | None]:
        """What is kept, and its answer, looked for twice: it may have been written since `found` was read."""
        for _ in range(2):
            first = None if found.is_secret else self._answers.of(found)
            if first is not None or found.is_secret:
                break
            found = self._repeats.find(found.id, found.at) or found
        return found, first

    def _end(self, kept: Kept) -> None:
        with self._lock:
            self._under_way[kept.id] -= 1
            if self._under_way[kept.id] <= 0:
                del self._under_way[kept.id]


class _Keeping:
    """An answer on its way out; where it is of something that was done, it is known before its end is sent."""

    def __init__(self, request: Request, send: Send, answers: FirstAnswers) -> None:
        self._request, self._send, self._answers = request, send, answers
        self._start: Message | None = None
        self._body = bytearray()

    async def __call__(self, message: Message) -> None:
        """ASGI's `send`."""
        if message["type"] == "http.response.start":
            ticket: Ticket | None = getattr(self._request.state, "ticket", None)
            if ticket is not None and ticket.is_done and message["status"] < 500:
                self._start = message
        elif self._start is not None:
            self._body += message.get("body", b"")
            if len(self._body) > LARGEST:
                self._start = None
            elif not message.get("more_body", False):
                self._keep(self._start)
        await self._send(message)

    def _keep(self, start: Message) -> None:
        ticket: Ticket = self._request.state.ticket
        kept = ticket.kept
        assert kept is not None  # something was done for it
        with suppress(UnicodeDecodeError):  # all that is answered to a POST is JSON
            headers = dict(Headers(raw=list(start["headers"])))
            said = FirstAnswer(
                status=start["status"], headers=headers, body=self._body.decode("utf-8"), asked=tuple(ticket.asked)
            )
            self._answers.put(kept, said)


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
