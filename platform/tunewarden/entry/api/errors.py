"""Errors as HTTP: mapped here, once. The body speaks RFC 9457 and the OpenAI client's dialect at the same time."""

import math
from collections.abc import Mapping, Sequence, Set
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from tunewarden.domain.errors import (
    Conflict,
    Corrupted,
    InFlight,
    Malformed,
    NotFound,
    Refused,
    TunewardenError,
    Unavailable,
)
from tunewarden.entry.diagnostics import logger

STATUS: Mapping[type[TunewardenError], int] = MappingProxyType(
    {Malformed: 422, Refused: 403, NotFound: 404, Conflict: 409, Unavailable: 503, Corrupted: 500}
)
"""The nearest class in an error's ancestry decides."""

TITLES = {
    400: "Malformed request",
    401: "Not authenticated",
    403: "Refused",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    413: "Too large",
    414: "Too long",
    422: "Cannot be processed",
    429: "Too many requests",
    431: "Too large",
    500: "Something is wrong here",
    501: "Not built",
    503: "Unavailable",
}
_KINDS = {
    401: "authentication_error",
    403: "policy_error",
    404: "not_found_error",
    409: "conflict_error",
    429: "rate_limit_error",
}


class NotAuthenticated(Exception):
    """No key, or one that does not work. Says nothing about which."""


class AskForKey(NotAuthenticated):
    """The same for a page: the browser is told to ask for a key (RFC 7617)."""


class LogIn(Exception):
    """The same for a page where somebody can log in: the browser is sent there, and comes back to `path`."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path


class TooMany(Exception):
    """Somebody asks too often, or fails to be let in too often; in so many seconds they may again."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class FailsTooOften(TooMany):
    """The second of these: whoever asks was not let in."""


def status_of(error: TunewardenError) -> int:
    """HTTP status of one of our errors; raises `KeyError` for a kind that is not mapped."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem(
    request: Request, status: int, code: str, detail: str, *, param: str = "", remedy: str = "", who: str = ""
) -> JSONResponse:
    """An `application/problem+json` answer (RFC 9457) whose `error` member is the OpenAI client's."""
    body: dict[str, Any] = {
        "type": f"/errors/{code}",  # of this platform, wherever it is (RFC 9457 3.1.1)
        "title": TITLES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "instance": f"urn:tunewarden:request:{request.state.request_id}",  # not the path: the caller typed it
        "request_id": request.state.request_id,
        "error": client_error(status, code, detail, param=param, remedy=remedy, who=who),
    }
    if remedy:
        body["remedy"] = remedy
    if who:
        body["who_can"] = who
    # The OpenAI client repeats 409 and 5xx by itself; a refusal or a conflict does not get better by repeating.
    headers = {"x-should-retry": "false"} if status in {409, 500, 501} else {}
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


def client_error(
    status: int, code: str, detail: str, *, param: str = "", remedy: str = "", who: str = ""
) -> dict[str, str | None]:
    """What the OpenAI client reads of an error: in the body of an answer, and in a stream."""
    return {
        "message": " ".join(part for part in (detail, remedy, f"Who can: {who}." if who else "") if part),
        "type": _KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error"),
        "param": param or None,
        "code": code,
    }


def answer_to(request: Request, error: TunewardenError) -> JSONResponse:
    """The answer to a request that ended in one of our errors."""
    status = status_of(error)
    if status >= 500:
        logger.error("request_failed", code=error.code, request_id=request.state.request_id)
    answer = problem(request, status, error.code, error.reason, param=error.param, remedy=error.remedy, who=error.who)
    answer.headers.update(_when_to_ask_again(error))
    return answer


def install(app: FastAPI) -> None:
    """Every way in which a request can end without an answer of its own."""

    @app.exception_handler(TunewardenError)
    def ours(request: Request, error: TunewardenError) -> JSONResponse:
        return answer_to(request, error)

    @app.exception_handler(NotAuthenticated)
    def no_key(request: Request, error: NotAuthenticated) -> JSONResponse:
        answer = problem(request, 401, "invalid_api_key", "This needs an API key that works.")
        if isinstance(error, AskForKey):
            answer.headers["www-authenticate"] = (
                'Basic realm="Tunewarden: your API key is the password", charset="UTF-8"'
            )
        return answer

    @app.exception_handler(LogIn)
    def no_session(_: Request, error: LogIn) -> Response:
        return RedirectResponse(f"/login?{urlencode({'next': error.path})}", status_code=303)

    @app.exception_handler(TooMany)
    def too_many(request: Request, error: TooMany) -> JSONResponse:
        seconds = math.ceil(error.seconds)
        answer = problem(
            request, 429, "too_many_requests", f"Too many requests; the next one is answered in {seconds} s."
        )
        answer.headers["retry-after"] = str(seconds)
        return answer

    @app.exception_handler(RequestValidationError)
    def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        # The framework's own answer repeats the offending value, which may be a person's record.
        where, what = _first(error.errors(), _known(app))
        return problem(request, 422, "invalid_request", f"{where or 'The body'}: {what}.", param=where)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> JSONResponse:
        title = TITLES.get(error.status_code, "Error")
        return problem(request, error.status_code, title.lower().replace(" ", "_"), f"{title}.")


def _when_to_ask_again(error: TunewardenError) -> dict[str, str]:
    """In a second, of what may be over then; an answer that is under way is worth asking for again."""
    if isinstance(error, InFlight):
        return {"retry-after": "1", "x-should-retry": "true"}
    return {"retry-after": "1"} if status_of(error) == 503 else {}


def crashed(request: Request, error: Exception) -> JSONResponse:
    """The answer to a request that ended in an exception which nobody foresaw.

    It must end there: the server would print its traceback. Only the type is said: the text of a foreign exception may
    hold data.
    """
    logger.error("request_crashed", error=type(error).__name__, request_id=request.state.request_id)
    return problem(request, 500, "internal_error", "Something went wrong here; the request id finds it.")


def _known(app: FastAPI) -> frozenset[str]:
    """Every name of a parameter or member in the API's own document; looked up once."""
    kept: frozenset[str] | None = getattr(app.state, "known", None)
    if kept is not None:
        return kept
    document = app.openapi()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    members = [schema.get("properties", {}) for schema in document["components"]["schemas"].values()]
    parameters = [one["name"] for operation in operations for one in operation.get("parameters", []) if "name" in one]
    known = frozenset(parameters).union(*members)
    app.state.known = known
    return known


def _first(errors: Sequence[Any], known: Set[str]) -> tuple[str, str]:
    """Where the first validation error lies and what is wrong, without the value that was sent.

    The place may lead through members that the caller named; those are left out.
    """
    first = errors[0]
    place = ".".join(str(part) for part in first["loc"][1:] if isinstance(part, int) or part in known)
    what = {"missing": "is required", "json_invalid": "is not JSON", "extra_forbidden": "has a member not known here"}
    return place, what.get(first["type"], f"is not valid ({first['type']})")
