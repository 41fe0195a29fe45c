"""What every request passes on its way in and out: a place, limits on its body, an id, and headers."""

import secrets
import time

from fastapi import Request, Response

from tunewarden.domain.files import LARGEST_PART
from tunewarden.entry.api import errors
from tunewarden.entry.api.limits import AtOnce
from tunewarden.entry.api.metrics import Metrics
from tunewarden.entry.api.once import Proceed
from tunewarden.entry.api.versions import say_version
from tunewarden.entry.running import Running
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import Platform

ALIVE = "/healthz"
"""Who asks whether the process lives needs no place: it does, however many requests it has."""

_LARGEST_BODY = 1024 * 1024  # bytes, of anything but an upload
_MULTIPART_FRAME = 64 * 1024  # bytes around an uploaded file
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}


class Passage:
    """The way of one request after the other."""

    def __init__(self, platform: Platform, settings: Settings, running: Running, metrics: Metrics) -> None:
        self._platform, self._settings, self._once, self._metrics = platform, settings, running.once, metrics
        self._places = AtOnce(settings.requests_at_once)

    async def __call__(self, request: Request, proceed: Proceed) -> Response:
        """The answer, whatever happens."""
        request.state.request_id, began = "req_" + secrets.token_hex(12), time.monotonic()
        response = await self._answered(request, proceed)
        await say_version(request, response, self._platform)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["x-request-id"] = request.state.request_id
        route = getattr(request.scope.get("route"), "path", "")
        self._metrics.answered(request.method, route, response.status_code, time.monotonic() - began)
        return response

    async def _answered(self, request: Request, proceed: Proceed) -> Response:
        if request.url.path == ALIVE:
            return await proceed(request)
        if not self._places.take():
            return _busy(request)
        try:
            return _nowhere(request) or self._too_large(request) or await self._done_once(request, proceed)
        except Exception as error:
            return errors.crashed(request, error)
        finally:
            self._places.give_back()

    async def _done_once(self, request: Request, proceed: Proceed) -> Response:
        if self._once is None:
            return await proceed(request)
        return await self._once.answer(request, proceed, is_streamed=_is_upload(request.url.path))

    def _too_large(self, request: Request) -> Response | None:
        """The refusal of a body that is too large by its own account, or that does not say how large it is."""
        if request.method not in {"POST", "PUT", "PATCH"}:
            return None
        limit = _largest(request.url.path, self._settings)
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) <= limit:
            return None
        if not length and request.headers.get("transfer-encoding") is None:
            return None  # no body at all
        return errors.problem(
            request, 413, "body_too_large", f"A body here has at most {limit} bytes, stated beforehand."
        )


def _nowhere(request: Request) -> Response | None:
    """The refusal of a path with a zero character: nothing has such a name, and PostgreSQL cannot even look for it."""
    return errors.problem(request, 404, "not_found", "Not found.") if "\0" in request.scope["path"] else None


def _busy(request: Request) -> Response:
    """The refusal of one request too many: nothing was done, so it may come again."""
    answer = errors.problem(request, 503, "too_busy", "Too many requests are being answered at this moment.")
    answer.headers["retry-after"] = "1"
    return answer


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
