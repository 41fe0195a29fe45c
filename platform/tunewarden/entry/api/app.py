"""The application: routes, errors, headers."""

import secrets
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline

from tunewarden.entry.api import errors
from tunewarden.entry.api.routes import audit, datasets, files, jobs, models
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import Platform

_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}


def create_app(platform: Platform, settings: Settings) -> FastAPI:
    """The API over a wired platform. The interactive documentation is served from this process, without any CDN."""
    app: FastAPI = FastAPIOffline(
        title="Tunewarden",
        summary="Fine-tuning on personal data that can be handed to a regulator.",
        version="1",
        redoc_url=None,
    )
    app.state.platform = platform
    app.state.settings = settings
    errors.install(app)
    for router in (files.router, datasets.router, jobs.router, models.router, audit.router):
        app.include_router(router)

    @app.get("/healthz", include_in_schema=False)
    def healthy() -> dict[str, str]:
        return {"status": "ok"}

    @app.middleware("http")
    async def with_headers(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        request.state.request_id = "req_" + secrets.token_hex(12)
        response = await proceed(request)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["x-request-id"] = request.state.request_id
        return response

    return app
