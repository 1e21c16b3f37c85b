"""Builds the FastAPI application from its routers and middleware.

The API documentation (Swagger UI and ReDoc) is served from local files, so that it works offline.
"""

import mimetypes
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Security
from fastapi.routing import APIRoute
from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles

from wyoming_servers.http import problems
from wyoming_servers.http.auth.access import BEARER_SCHEME, AccessMiddleware, route_scope
from wyoming_servers.http.body_limits import BodyLimitMiddleware
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.error_reference import error_page
from wyoming_servers.http.jobs import editing as job_editing
from wyoming_servers.http.jobs import routes as jobs
from wyoming_servers.http.jobs import speech as speech_jobs
from wyoming_servers.http.jobs import transcription as transcription_jobs
from wyoming_servers.http.middleware import (
    CorsMiddleware,
    HostCheckMiddleware,
    RateLimitMiddleware,
    RequestIdMiddleware,
)
from wyoming_servers.http.openai import models as openai_models
from wyoming_servers.http.openai import speech, transcriptions
from wyoming_servers.http.realtime import connection as realtime
from wyoming_servers.http.routes import (
    cache,
    config,
    diagnostics,
    events,
    lexicon,
    models,
    page,
    pins,
    references,
    requests,
    sessions,
    snapshot,
    speakers,
    status,
    system,
    tokens,
    vocabulary,
    voices,
    webhooks,
    wyoming_bridge,
)
from wyoming_servers.http.routes.system import API_VERSION

# Reads the system's tables now; otherwise the first request would do so in the event loop.
mimetypes.init()

_STATIC: Final = Path(__file__).parent / "static"

# Blocks requests of the pages to other hosts (a logo, a validator), which would reveal that the
# documentation of a private server is being read.
_SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; worker-src blob:; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}

_DESCRIPTION = """Monitor and control this server and its models.

Every error response has the body `{"error", "code", "detail", "recoverable"}`: what happened, a
stable code, what to do next, and whether the same request may succeed later.
[All codes](docs/errors)
"""


_TITLE: Final = "Wyoming Conductor"

_ROUTERS: Final = (
    # First: `/models/{model}` matches any path, since model ids contain slashes.
    models.store_router,
    cache.router,
    references.router,
    pins.router,
    system.health_router,
    status.router,
    snapshot.router,
    models.router,
    events.router,
    jobs.router,
    job_editing.router,
    transcription_jobs.router,
    speech_jobs.router,
    openai_models.router,
    transcriptions.router,
    speech.router,
    webhooks.router,
    config.router,
    vocabulary.router,
    lexicon.router,
    speakers.router,
    voices.router,
    tokens.router,
    sessions.router,
    diagnostics.router,
    requests.router,
    system.router,
)

_OPEN_ROUTERS: Final = (system.open_router, tokens.open_router, sessions.open_router)


def create_app(context: ApiContext) -> FastAPI:
    """Return the application; routers whose service `context` lacks are left out."""
    app = FastAPI(
        title=_TITLE,
        description=_DESCRIPTION,
        version=context.version,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    omitted = [
        router
        for router, service in (
            (models.store_router, context.model_manager),
            (cache.router, context.model_manager),
            (pins.router, context.pins),
            (references.router, context.model_manager and context.references),
            (voices.router, context.model_manager and context.tts),
            (config.router, context.config_editor),
            (jobs.router, context.jobs),
            (job_editing.router, context.jobs),
            (transcription_jobs.router, context.jobs),
            (speech_jobs.router, context.jobs),
            (openai_models.router, context.jobs),
            (transcriptions.router, context.jobs),
            (speech.router, context.jobs),
            (webhooks.router, context.webhooks),
            (vocabulary.router, context.vocabulary),
            (speakers.router, context.jobs and context.speakers),
            (lexicon.router, context.tts and context.tts.lexicon),
        )
        if service is None
    ]
    routers = [router for router in _ROUTERS if router not in omitted]
    _include_routers(app, routers)
    app.include_router(wyoming_bridge.router)
    app.include_router(realtime.router)
    page.add_page(app)
    _mount_docs(app)
    # Middleware that is added later runs earlier: hosts are checked before anything else runs.
    app.add_middleware(BodyLimitMiddleware)
    app.add_middleware(AccessMiddleware, context=context, routes=_routes(routers))
    app.add_middleware(CorsMiddleware, settings=lambda: context.config.api)
    app.add_middleware(HostCheckMiddleware, settings=lambda: context.config.api)
    app.add_middleware(
        RateLimitMiddleware, rate=lambda: context.config.limits.max_requests_per_second
    )
    problems.install_handlers(app)
    app.add_middleware(RequestIdMiddleware)
    return app


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document with every router, for the generated documentation."""
    app = FastAPI(title=_TITLE, description=_DESCRIPTION, version=API_VERSION)
    _include_routers(app, _ROUTERS)
    return app.openapi()


def _include_routers(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    for router in _OPEN_ROUTERS:
        app.include_router(router)
    for router in routers:
        for route in router.routes:
            if isinstance(route, APIRoute) and (scope := route_scope(route)):
                route.openapi_extra = {**(route.openapi_extra or {}), "x-required-scope": scope}
        # Documents the token; AccessMiddleware checks it before the body is read.
        app.include_router(router, dependencies=[Security(BEARER_SCHEME)])


def _routes(routers: Iterable[APIRouter]) -> list[BaseRoute]:
    """Return the routes of the application with these routers, in the order they are matched."""
    everything = (*_OPEN_ROUTERS, *routers, wyoming_bridge.router)
    everything += (realtime.router, page.router, _docs_router)
    return [route for router in everything for route in router.routes]


def all_routes() -> list[BaseRoute]:
    """Return the routes of every router."""
    return _routes(_ROUTERS)


_docs_router = APIRouter(include_in_schema=False)
"""Needs no token, since browsers send none; the pages contain nothing about this machine."""


@_docs_router.get("/docs")
async def swagger_page() -> FileResponse:
    return FileResponse(_STATIC / "swagger.html", headers=_SECURITY_HEADERS)


@_docs_router.get("/redoc")
async def redoc_page() -> FileResponse:
    return FileResponse(_STATIC / "redoc.html", headers=_SECURITY_HEADERS)


@_docs_router.get("/docs/errors")
async def error_reference_page() -> HTMLResponse:
    return HTMLResponse(error_page(), headers=_SECURITY_HEADERS)


def _mount_docs(app: FastAPI) -> None:
    """Add the pages and their static files to the application."""
    app.include_router(_docs_router)
    app.mount("/static", StaticFiles(directory=_STATIC, check_dir=False), name="static")
