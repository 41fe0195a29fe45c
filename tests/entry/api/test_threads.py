"""One request is one piece of work of one thread, and one that only asks sees one snapshot."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Annotated, Any

import anyio.to_thread
import httpx
import pytest
import uvicorn
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from tests.conftest import ANN, Stage
from tests.entry.api.conftest import Open

from tunewarden.domain.events import DatasetRetired
from tunewarden.domain.names import DatasetId, PrincipalId
from tunewarden.entry.api.server import Server
from tunewarden.entry.api.snapshots import one_snapshot, snapshots
from tunewarden.entry.api.threads import Route, Routes
from tunewarden.usecases.ports import Platform, UnitOfWork, View

OF_THE_PROCESS = {"/healthz", "/readyz", "/metrics", "/docs"}


def seen(platform: Platform, views: list[int], works: list[int] | None = None) -> Platform:
    """The same platform; in which thread each view and unit of work is opened, and never on an event loop."""

    def view() -> View:
        views.append(_thread())
        return platform.view()

    def work(actor: PrincipalId) -> UnitOfWork:
        if works is not None:
            works.append(_thread())
        return platform.work(actor)

    return replace(platform, view=view, work=work)


def _thread() -> int:
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    return threading.get_ident()


def test_every_route_is_worked_on_in_one_thread(opened: Open) -> None:
    app: Any = opened().client.app
    others = {route.path for route in app.routes if isinstance(route, APIRoute) and not isinstance(route, Route)}
    assert others <= OF_THE_PROCESS


def test_who_asks_and_what_is_answered_are_looked_up_in_one_thread(opened: Open, stage: Stage) -> None:
    views: list[int] = []
    works: list[int] = []
    stage.platform = seen(stage.platform, views, works)
    house = opened()
    views.clear(), works.clear()
    assert house.ask("ann", "POST", "/v1/fine_tuning/jobs/ftjob-1/cancel").status_code == 404
    assert views, "who asks"
    assert works, "the refusal"
    assert len({*views, *works}) == 1


def test_a_request_that_asks_opens_one_view(opened: Open, stage: Stage) -> None:
    found: list[int] = []
    stage.platform = seen(stage.platform, found)
    house = opened()
    found.clear()
    assert house.ask("ann", "GET", "/v1/fine_tuning/jobs").status_code == 200
    assert len(found) == 1


def test_inside_one_snapshot_there_is_one_view_until_something_was_done(stage: Stage) -> None:
    found: list[int] = []
    platform = snapshots(seen(stage.platform, found))

    def size() -> int:
        with platform.view() as view:
            return view.size()

    with one_snapshot():
        before = size()
        assert size() == before
        assert len(found) == 1
        with platform.work(ANN.id) as work:
            work.record(DatasetRetired(dataset=DatasetId("ds-1")))
            work.commit()
        assert size() == before + 1
        assert len(found) == 2
    size(), size()
    assert len(found) == 4, "outside, each look is one of its own"


def test_whoever_reads_a_view_may_go_on_when_something_was_done_meanwhile(stage: Stage) -> None:
    platform = snapshots(stage.platform)
    with one_snapshot():
        with platform.view() as view:
            before = view.size()
            with platform.work(ANN.id) as work:
                work.record(DatasetRetired(dataset=DatasetId("ds-1")))
                work.commit()
            assert view.size() == before
        with platform.view() as later:
            assert later.size() == before + 1


def test_a_view_is_closed_with_its_snapshot_whatever_happens(stage: Stage) -> None:
    open_now = []

    @contextmanager
    def view() -> Iterator[object]:
        open_now.append(1)
        try:
            yield object()
        finally:
            open_now.pop()

    platform = snapshots(replace(stage.platform, view=view))  # type: ignore[arg-type]

    def fails() -> None:
        with one_snapshot(), platform.view():
            assert open_now
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert not open_now


def test_a_route_that_waits_for_the_event_loop_says_so_instead_of_hanging() -> None:
    routes = Routes()

    async def waits() -> None:
        await asyncio.sleep(0)

    @routes.get("/waits")
    def waiting(_: Annotated[None, Depends(waits)]) -> str:
        return "never"

    app = FastAPI()
    app.router.routes.extend(routes.routes)
    with pytest.raises(RuntimeError, match="waits for the event loop"):
        TestClient(app).get("/waits")
    with pytest.raises(TypeError, match="plain function"):
        routes.get("/async")(waits)


def test_whether_the_process_lives_is_said_where_all_threads_are_busy(opened: Open) -> None:
    app: Any = opened().client.app

    async def busy() -> int:
        anyio.to_thread.current_default_thread_limiter().total_tokens = 1
        done = threading.Event()
        working = asyncio.create_task(anyio.to_thread.run_sync(done.wait))
        await asyncio.sleep(0)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            async with asyncio.timeout(30):
                answer = await client.get("/healthz")
        done.set()
        await working
        return answer.status_code

    assert asyncio.run(busy()) == 200


def test_a_server_has_as_many_threads_as_it_is_given() -> None:
    found: list[float] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        found.append(anyio.to_thread.current_default_thread_limiter().total_tokens)
        server.should_exit = True
        yield

    app = FastAPI(lifespan=lifespan)
    server = Server(uvicorn.Config(app, port=0, log_level="critical"), threads=3)
    app.state.doors = type("Doors", (), {"live": type("Live", (), {"close": staticmethod(lambda: None)})})
    server.run()
    assert found == [3]
