"""The application: routes, errors, headers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from fastapi import FastAPI, Response
from fastapi.concurrency import run_in_threadpool
from fastapi_offline import FastAPIOffline

from tunewarden.entry.api import errors, metrics, once
from tunewarden.entry.api.doors import Doors, doors
from tunewarden.entry.api.metrics import Metrics
from tunewarden.entry.api.once import Once
from tunewarden.entry.api.passage import ALIVE, Passage
from tunewarden.entry.api.routes import (
    access,
    audit,
    cards,
    checkpoints,
    compare_pages,
    data_reports,
    datasets,
    emergencies,
    emergency_pages,
    erasures,
    files,
    jobs,
    keys,
    lineage,
    login,
    models,
    openai_absent,
    organization,
    organization_absent,
    organization_audit,
    organization_groups,
    organization_keys,
    organization_projects,
    policies,
    promotion_pages,
    review_pages,
    reviews,
    uploads,
)
from tunewarden.entry.identities import Identities
from tunewarden.entry.running import Running
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import Platform

_SWEPT_SECONDS = 60.0


def create_app(
    platform: Platform, settings: Settings, identities: Identities | None = None, running: Running | None = None
) -> FastAPI:
    """The API over a wired platform. The interactive documentation is served from this process, without any CDN.

    Without `identities` nobody logs in, and when keys were used is forgotten with the process. Without `running`
    nothing is kept of a request that may come twice.
    """
    running = running or Running()
    counted = Metrics(platform.view, running.ready)
    platform = replace(platform, access=counted.counting(platform.access))
    ours = doors(platform, settings, identities or Identities(), running.once)
    app: FastAPI = FastAPIOffline(
        lifespan=_closing(ours),
        title="Tunewarden",
        summary="Fine-tuning on personal data that can be handed to a regulator.",
        version="1",
        redoc_url=None,
    )
    app.state.doors = ours
    errors.install(app)
    if running.once is not None:
        once.install(app)
    for routes in (
        files,
        uploads,
        datasets,
        data_reports,
        erasures,
        jobs,
        checkpoints,
        reviews,
        models,
        cards,
        lineage,
        audit,
        keys,
        policies,
        access,
        organization,
        organization_groups,
        organization_projects,
        organization_keys,
        organization_audit,
        organization_absent,
        openai_absent,
        review_pages,
        emergencies,
        compare_pages,
        promotion_pages,
        emergency_pages,
        login,
    ):
        app.include_router(routes.router)

    @app.get(ALIVE, include_in_schema=False)
    def healthy() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    def ready(response: Response) -> dict[str, str]:
        is_ready = running.ready()
        response.status_code = 200 if is_ready else 503
        return {"status": "ok" if is_ready else "unavailable"}

    if settings.metrics_token_file is not None:
        metrics.install(app, counted, metrics.read_token(settings.metrics_token_file))
    app.middleware("http")(Passage(platform, settings, running, counted))
    return app


def _closing(ours: Doors) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """At the end of the process, what is only in memory is written down; until then, what is over is forgotten."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        sweeping = None if ours.once is None else asyncio.create_task(_sweeping(ours.once))
        yield
        if sweeping is not None:
            sweeping.cancel()
        ours.close()

    return lifespan


async def _sweeping(once: Once) -> None:
    while True:
        await run_in_threadpool(once.sweep)
        await asyncio.sleep(_SWEPT_SECONDS)
