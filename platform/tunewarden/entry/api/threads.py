"""One request is one piece of work of one thread, from who asks to the answer that is checked.

The framework would change threads for each function that may wait for the database, three or four times in a request:
each change costs as much as a question to the database, and puts the request behind all others again. Here a route is
walked through in one thread. The exception are routes whose body is read as it comes: those wait for the network, on
the event loop.
"""

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from tunewarden.entry.api.description import operation_id
from tunewarden.entry.api.snapshots import one_snapshot
from tunewarden.entry.api.versions import note_version

P = ParamSpec("P")
R = TypeVar("R")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_has_thread: ContextVar[bool] = ContextVar("has_thread", default=False)


def in_thread(call: Callable[P, R]) -> Callable[P, Awaitable[R]]:
    """The same function for the framework, which may wait: in the thread of its request, or else in one of its own."""

    @wraps(call)
    async def waited_for(*args: P.args, **kwargs: P.kwargs) -> R:
        if _has_thread.get():
            return call(*args, **kwargs)
        return await run_in_threadpool(call, *args, **kwargs)

    return waited_for


class Route(APIRoute):
    """A route that is walked through in one thread, unless its body is read as it comes."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **said: Any) -> None:
        if inspect.iscoroutinefunction(endpoint):
            raise TypeError("a route is a plain function: it has a thread of its own")
        super().__init__(path, in_thread(endpoint), **said)

    def get_route_handler(self) -> Handler:
        """See `APIRoute`."""
        handler = super().get_route_handler()
        return _reading(handler) if _reads_as_it_comes(self.dependant) else _whole(handler)


class Routes(APIRouter):
    """Routes of one kind of thing, each a `Route`."""

    def __init__(self, **said: Any) -> None:
        super().__init__(route_class=Route, generate_unique_id_function=operation_id, **said)


def _whole(handler: Handler) -> Handler:
    async def handled(request: Request) -> Response:
        return await run_in_threadpool(_walked_through, handler, request)

    return handled


def _reading(handler: Handler) -> Handler:
    async def handled(request: Request) -> Response:
        response = await handler(request)
        await run_in_threadpool(note_version, request, response.status_code)
        return response

    return handled


def _walked_through(handler: Handler, request: Request) -> Response:
    """The answer of a handler in which nothing waits for the event loop: it ends without a pause."""
    _has_thread.set(True)  # in this call's copy of the context
    if request.method in ("GET", "HEAD"):
        with one_snapshot():
            return _end_of(handler(request))
    response = _end_of(handler(request))
    note_version(request, response.status_code)
    return response


def _end_of(walk: Coroutine[Any, Any, Response]) -> Response:
    try:
        walk.send(None)
    except StopIteration as end:
        response: Response = end.value
        return response
    walk.close()
    raise RuntimeError("a route waits for the event loop, in a thread that has none")


def _reads_as_it_comes(dependant: Dependant) -> bool:
    return inspect.isasyncgenfunction(dependant.call) or any(map(_reads_as_it_comes, dependant.dependencies))
