"""/v1/fine_tuning/jobs/{job_id}/events"""

import re
from collections.abc import Callable
from typing import Annotated, Any, cast

from fastapi import Header, Query, Request
from fastapi.responses import Response

from tunewarden.domain.canonical import to_plain
from tunewarden.domain.entries import Entry
from tunewarden.domain.names import RequestId
from tunewarden.entry.api.caller import Called, CalledAgain, Caller
from tunewarden.entry.api.doors import Doors
from tunewarden.entry.api.errors import problem
from tunewarden.entry.api.live import EventStream
from tunewarden.entry.api.organization_pages import paged, unknown_cursor
from tunewarden.entry.api.schemas import Json
from tunewarden.entry.api.threads import Routes
from tunewarden.usecases import requests
from tunewarden.usecases.following import News, is_told_of, news

router = Routes(prefix="/v1/fine_tuning/jobs", tags=["fine-tuning"])

After = Annotated[str | None, Query(max_length=64, description="The last event that is known already.")]
Limit = Annotated[int, Query(ge=1, le=100, description="Of a list; a stream has no limit.")]
Stream = Annotated[bool, Query(description="Tell what happens as it happens, oldest first (`text/event-stream`).")]
WithIds = Annotated[bool, Query(description="Lines `id:` in a stream, for browsers; the OpenAI client reads none.")]
LastEventId = Annotated[str | None, Header(max_length=64, description="As `after`; what browsers send.")]

_ID = re.compile(r"ftevent-([0-9]{1,18})")
_FULL_SECONDS = "5"
_STREAMED: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}


@router.get("/{job_id}/events", summary="What happened to a job", response_model=Json, responses=_STREAMED)
def events(
    called: Called,
    again: CalledAgain,
    request: Request,
    job_id: str,
    after: After = None,
    limit: Limit = 20,
    stream: Stream = False,
    ids: WithIds = False,
    last_event_id: LastEventId = None,
) -> Json | Response:
    """The job's entries of the log, newest first; or, with `stream=true`, each as it is written, until the job ends.

    A stream ends with `data: [DONE]` when the job has ended, and otherwise with an error that says how to go on.
    """
    if stream:
        return _streamed(called, again, request, RequestId(job_id), last_event_id or after, with_ids=ids)
    entries = requests.events(called.platform, called.principal, RequestId(job_id))
    return paged(entries, _event_out, _id, after, limit, "desc")


def _streamed(
    called: Caller,
    again: Callable[[], Caller],
    request: Request,
    job: RequestId,
    after: str | None,
    *,
    with_ids: bool,
) -> Response:
    live = cast(Doors, request.app.state.doors).live

    def look(start: int) -> News:
        caller = again()
        return news(caller.platform, caller.principal, job, start)

    told = live.stream(job, look, _event_out, start=_start(called, job, after), with_ids=with_ids)
    return EventStream(live, called.principal.id, told, _full(request))


def _full(request: Request) -> Response:
    answer = problem(
        request, 429, "too_many_streams", "Too many streams are open.", remedy="End one, or ask again later."
    )
    answer.headers["retry-after"] = _FULL_SECONDS
    return answer


def _start(called: Caller, job: RequestId, after: str | None) -> int:
    """From which index on; asks whether the job may be seen. Raises `NotFound`, and `Malformed` for no event of it."""
    found = _ID.fullmatch(after or "")
    index = int(found[1]) if found else None
    is_of_it = is_told_of(called.platform, called.principal, job, index)
    if after is None:
        return 0
    if index is None or not is_of_it:
        raise unknown_cursor("after")
    return index + 1


def _id(entry: Entry) -> str:
    return f"ftevent-{entry.index}"


def _event_out(entry: Entry) -> Json:
    kind = type(entry.event).__name__
    return {
        "id": _id(entry),
        "object": "fine_tuning.job.event",
        "created_at": int(entry.at.timestamp()),
        "level": "warn" if kind in {"ActionRefused", "StepFailed"} else "info",
        "message": kind,
        "type": "message",
        "data": {"index": entry.index, "actor": entry.actor, **cast(dict[str, Any], to_plain(entry.event))},
    }
