"""The application: routes, errors, headers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace

from fastapi import FastAPI, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline

from tunewarden.entry.api import documents, errors, metrics, once
from tunewarden.entry.api.bell import Bell
from tunewarden.entry.api.description import described
from tunewarden.entry.api.doors import Doors, doors
from tunewarden.entry.api.live import Live
from tunewarden.entry.api.metrics import Metrics
from tunewarden.entry.api.once import Once
from tunewarden.entry.api.passage import ALIVE, Passage
from tunewarden.entry.api.routes import (
    access,
    approvals,
    audit,
    budgets,
    cards,
    checkpoints,
    compare_pages,
    data_reports,
    datasets,
    emergencies,
    emergency_pages,
    erasures,
    error_pages,
    evidence,
    evidence_pages,
    files,
    gates,
    job_events,
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
    plans,
    policies,
    promotion_pages,
    review_pages,
    reviews,
    uploads,
    webhooks,
)
from tunewarden.entry.api.snapshots import snapshots
from tunewarden.entry.identities import Identities
from tunewarden.entry.running import Running
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import Platform

_SWEPT_SECONDS = 60.0
# The framework would tell whatever collector the process's environment names, exceptions and their texts included.
_NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def create_app(
    platform: Platform, settings: Settings, identities: Identities | None = None, running: Running | None = None
) -> FastAPI:
    """The API over a wired platform. The interactive documentation is served from this process, without any CDN.

    Without `identities` nobody logs in, and when keys were used is forgotten with the process. Without `running`
    nothing is kept of a request that may come twice.
    """
    running = running or Running()
    live = Live(bell=Bell(platform.view), most=settings.streams_at_once, most_each=settings.streams_of_each_principal)
    counted = Metrics(platform.view, running.ready, streams=lambda: live.open)
    platform = snapshots(replace(platform, access=counted.counting(platform.access)))
    ours = doors(platform, settings, identities or Identities(), live, once=running.once, webhooks=running.webhooks)
    app: FastAPI = FastAPIOffline(
        lifespan=_closing(ours),
        title="Tunewarden",
        summary="Fine-tuning on personal data that can be handed to a regulator.",
        version="1",
        docs_url=None,
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
    )
    app.openapi = lambda: described(app)  # type: ignore[method-assign]
    app.state.doors = ours
    errors.install(app)
    documents.install(app)
    if running.once is not None:
        once.install(app)
    for routes in (  # a request is held against one after the other: what is asked most stands first
        jobs,
        files,
        uploads,
        datasets,
        data_reports,
        erasures,
        budgets,
        plans,
        job_events,
        checkpoints,
        reviews,
        approvals,
        gates,
        models,
        evidence,
        cards,
        lineage,
        audit,
        webhooks,
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
        evidence_pages,
        promotion_pages,
        emergency_pages,
        error_pages,
        login,
    ):
        # Not included as routers: each request would be held against a router first, and then against its routes twice.
        app.router.routes.extend(routes.router.routes)

    @app.get(ALIVE, include_in_schema=False)
    async def healthy() -> dict[str, str]:  # on the event loop: where all threads are busy, the process still lives
        return {"status": "ok"}

    @app.get("/readyz", include_in_schema=False)
    def ready(response: Response) -> dict[str, str]:
        is_ready = running.ready()
        response.status_code = 200 if is_ready else 503
        return {"status": "ok" if is_ready else "unavailable"}

    if settings.metrics_token_file is not None:
        metrics.install(app, counted, metrics.read_token(settings.metrics_token_file))
    app.add_middleware(Passage, settings=settings, running=running, metrics=counted)
    return app


def _closing(ours: Doors) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """At the end of the process, what is only in memory is written down; until then, what is over is forgotten."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        ended = asyncio.Event()
        sweeping = None if ours.once is None else asyncio.create_task(_sweeping(ours.once, ended))
        yield
        ended.set()
        if sweeping is not None:
            await sweeping  # a sweep under way gives back what it holds of the database
        ours.close()

    return lifespan


async def _sweeping(once: Once, ended: asyncio.Event) -> None:
    while not ended.is_set():
        await run_in_threadpool(once.sweep)
        with suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), _SWEPT_SECONDS)
