"""What every request passes on its way in and out: a place, bounds, an id, and headers.

Plain ASGI: an answer goes through as it comes, and nothing runs beside it.
"""

import hashlib
import secrets
import time
from collections.abc import Iterator

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tunewarden.domain.errors import TunewardenError
from tunewarden.domain.files import LARGEST_PART
from tunewarden.entry.api import errors
from tunewarden.entry.api.bounds import head_too_large, require_json, require_no_zero
from tunewarden.entry.api.coming import Coming
from tunewarden.entry.api.limits import AtOnce
from tunewarden.entry.api.metrics import Metrics
from tunewarden.entry.api.versions import version_to_say
from tunewarden.entry.running import Running
from tunewarden.entry.settings import Settings

ALIVE = "/healthz"
"""Who reads whether the process lives needs no place: it does, however many requests it has."""

_MOST_DIGITS = 16  # of a length that is said
_LARGEST_BODY = 1024 * 1024  # bytes, of anything but an upload
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_MULTIPART_FRAME = 64 * 1024  # bytes around an uploaded file
_QUICKLY_READ = 2 * 1024  # bytes of JSON that are looked at without a thread
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}


class Passage:
    """The way of one request after the other; around the application."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        running: Running,
        metrics: Metrics,
        coming: Coming | None = None,
    ) -> None:
        self._app, self._settings = app, settings
        self._once, self._metrics = running.once, metrics
        self._coming, self._places = coming or Coming(), AtOnce(settings.requests_at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, whatever happens."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.request_id = "req_" + secrets.token_hex(12)
        leaving = _Leaving(request, send, self._metrics, self._places)
        try:
            await self._answered(request, leaving)
        except ClientDisconnect:
            pass  # who left in the middle of a request is answered by nobody
        except Exception as error:
            await _crashed(request, error, leaving)
        finally:
            leaving.give_back_place()

    async def _answered(self, request: Request, leaving: "_Leaving") -> None:
        refused = _head_refused(request) or self._too_large(request)
        body, receive = None, request.receive
        if refused is None and request.method in _WITH_BODY and not _is_upload(request.url.path):
            # Before it has a place, so that who sends slowly keeps none. Uploads, which take longer, are read later.
            body = await self._coming.whole(request)
            refused = _too_slow(request, self._coming.seconds) if body is None else None
        if refused is None and not _asks_whether_alive(request) and not leaving.take_place():
            refused = _busy(request)
        if refused is None and body is not None:
            refused = await _unreadable(request, body)
            request.state.body = hashlib.sha256(body).hexdigest()
            receive = _given(body, receive)
        if refused is not None:
            await refused(request.scope, request.receive, leaving)
            return
        if self._once is None:
            await self._app(request.scope, receive, leaving)
        else:
            await self._once.answer(self._app, request, receive, leaving)

    def _too_large(self, request: Request) -> Response | None:
        """The refusal of a body that is too large by its own account, or that does not say how large it is.

        A transfer coding goes before what the length is said to be (RFC 9112 section 6.3), so no length counts then.
        """
        if request.method not in _WITH_BODY:
            return None
        limit = _largest(request.url.path, self._settings)
        length = request.headers.get("content-length", "0")
        is_coded = request.headers.get("transfer-encoding") is not None
        if not is_coded and length.isdecimal() and len(length) < _MOST_DIGITS and int(length) <= limit:
            return None
        return errors.problem(
            request, 413, "body_too_large", f"A body here has at most {limit} bytes, stated beforehand."
        )


class _Leaving:
    """An answer on its way out: it gets its headers, is counted, and its place is free again once it has begun."""

    def __init__(self, request: Request, send: Send, metrics: Metrics, places: AtOnce) -> None:
        self._request, self._send, self._metrics = request, send, metrics
        self._places, self._began = places, time.monotonic()
        self._has_place = self.has_begun = False

    async def __call__(self, message: Message) -> None:
        """ASGI's `send`."""
        if message["type"] == "http.response.start":
            self._begin(message)
        await self._send(message)

    def take_place(self) -> bool:
        """Whether there was one."""
        self._has_place = self._places.take()
        return self._has_place

    def give_back_place(self) -> None:
        """Where there was one; once."""
        if self._has_place:
            self._has_place = False
            self._places.give_back()

    def _begin(self, message: Message) -> None:
        request, status = self._request, message["status"]
        headers = MutableHeaders(scope=message)
        for name, value in version_to_say(request).items():
            headers[name] = value
        for name, value in _HEADERS.items():
            headers.setdefault(name, value)
        headers["x-request-id"] = request.state.request_id
        self.has_begun = True
        self.give_back_place()
        route = getattr(request.scope.get("route"), "path", "")
        self._metrics.answered(request.method, route, status, time.monotonic() - self._began)


async def _crashed(request: Request, error: Exception, leaving: _Leaving) -> None:
    """End a request that ended in an exception which nobody foresaw.

    It must end here: the server would print its traceback. Where the answer has begun, it stays without its end, and
    the server closes the connection.
    """
    answer = errors.crashed(request, error)
    if not leaving.has_begun:
        await answer(request.scope, request.receive, leaving)


async def _unreadable(request: Request, body: bytes) -> Response | None:
    """The refusal of what nobody should have to read."""
    kind = request.headers.get("content-type", "").lower()
    try:
        if "json" in kind and body:
            if len(body) <= _QUICKLY_READ:
                require_json(body)
            else:
                await run_in_threadpool(require_json, body)
        elif "form" in kind:
            require_no_zero(body)
    except TunewardenError as error:
        return errors.answer_to(request, error)
    return None


def _given(body: bytes, receive: Receive) -> Receive:
    """What the application receives of a request whose body was read before."""
    messages: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def received() -> Message:
        return next(messages, None) or await receive()

    return received


def _head_refused(request: Request) -> Response | None:
    """The refusal of a head that is too large, or that has a zero character.

    Nothing has a path with one, and PostgreSQL cannot even look for it.
    """
    scope = request.scope
    if "\0" in scope["path"]:
        return errors.problem(request, 404, "not_found", "Not found.")
    found = head_too_large(scope.get("raw_path") or scope["path"].encode(), scope["query_string"], scope["headers"])
    if found is not None:
        return errors.problem(request, *found)
    try:
        require_no_zero(scope["query_string"])
    except TunewardenError as error:
        return errors.answer_to(request, error)
    return None


def _too_slow(request: Request, seconds: float) -> Response:
    """The refusal of a body that did not come, or not before many others did."""
    detail = f"A body here comes within {seconds:g} seconds, and sooner where many others do."
    return errors.problem(request, 408, "body_too_slow", detail)


def _busy(request: Request) -> Response:
    """The refusal of one request too many: nothing was done, so it may come again."""
    answer = errors.problem(request, 503, "too_busy", "Too many requests are being answered at this moment.")
    answer.headers["retry-after"] = "1"
    return answer


def _asks_whether_alive(request: Request) -> bool:
    return request.scope["path"] == ALIVE and request.method not in _WITH_BODY


def _is_upload(path: str) -> bool:
    """Whether the body is a file, which is read as it comes."""
    return path == "/v1/files" or _is_part(path)


def _is_part(path: str) -> bool:
    return path.startswith("/v1/uploads/") and path.endswith("/parts")


def _largest(path: str, settings: Settings) -> int:
    """Bytes of a body."""
    if not _is_upload(path):
        return _LARGEST_BODY
    largest = settings.largest_upload_bytes
    return _MULTIPART_FRAME + (min(largest, LARGEST_PART) if _is_part(path) else largest)
