"""The application: routes, errors, headers."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline

from tunewarden.entry.api import errors
from tunewarden.entry.api.doors import Doors, doors
from tunewarden.entry.api.routes import (
    access,
    audit,
    compare_pages,
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
    organization,
    organization_absent,
    organization_audit,
    organization_groups,
    organization_keys,
    organization_projects,
    policies,
    review_pages,
    reviews,
)
from tunewarden.entry.api.versions import say_version
from tunewarden.entry.identities import Identities
from tunewarden.entry.settings import Settings
from tunewarden.usecases.ports import Platform

_LARGEST_BODY = 1024 * 1024  # bytes, of anything but an upload
_MULTIPART_FRAME = 64 * 1024  # bytes around an uploaded file
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}


def create_app(platform: Platform, settings: Settings, identities: Identities | None = None) -> FastAPI:
    """The API over a wired platform. The interactive documentation is served from this process, without any CDN.

    Without `identities` nobody logs in, and when keys were used is forgotten with the process.
    """
    ours = doors(platform, settings, identities or Identities())
    app: FastAPI = FastAPIOffline(
        lifespan=_closing(ours),
        title="Tunewarden",
        summary="Fine-tuning on personal data that can be handed to a regulator.",
        version="1",
        redoc_url=None,
    )
    app.state.doors = ours
    errors.install(app)
    for routes in (
        files,
        datasets,
        erasures,
        jobs,
        reviews,
        models,
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
        review_pages,
        emergencies,
        compare_pages,
        emergency_pages,
        login,
    ):
        app.include_router(routes.router)

    @app.get("/healthz", include_in_schema=False)
    def healthy() -> dict[str, str]:
        return {"status": "ok"}

    @app.middleware("http")
    async def with_headers(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        request.state.request_id = "req_" + secrets.token_hex(12)
        try:
            response = _nowhere(request) or _too_large(request, settings) or await proceed(request)
        except Exception as error:
            response = errors.crashed(request, error)
        await say_version(request, response, platform)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers["x-request-id"] = request.state.request_id
        return response

    return app


def _closing(ours: Doors) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """At the end of the process, what is only in memory is written down."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        ours.close()

    return lifespan


def _nowhere(request: Request) -> Response | None:
    """The refusal of a path with a zero character: nothing has such a name, and PostgreSQL cannot even look for it."""
    return errors.problem(request, 404, "not_found", "Not found.") if "\0" in request.scope["path"] else None


def _too_large(request: Request, settings: Settings) -> Response | None:
    """The refusal of a body that is too large by its own account, or that does not say how large it is."""
    if request.method not in {"POST", "PUT", "PATCH"}:
        return None
    upload = request.url.path == "/v1/files"
    limit = settings.largest_upload_bytes + _MULTIPART_FRAME if upload else _LARGEST_BODY
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) <= limit:
        return None
    if not length and request.headers.get("transfer-encoding") is None:
        return None  # no body at all
    return errors.problem(request, 413, "body_too_large", f"A body here has at most {limit} bytes, stated beforehand.")
