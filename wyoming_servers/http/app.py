"""Builds the FastAPI application from its routers and middleware."""

from collections.abc import Iterable
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from wyoming_servers.http import docs, problems
from wyoming_servers.http.auth import require_token
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.jobs import routes as jobs
from wyoming_servers.http.middleware.host_check import HostCheckMiddleware
from wyoming_servers.http.middleware.limits import (
    BodyLimitMiddleware,
    RateLimitMiddleware,
)
from wyoming_servers.http.middleware.request_id import RequestIdMiddleware
from wyoming_servers.http.openai import models as openai_models
from wyoming_servers.http.openai import speech, transcriptions
from wyoming_servers.http.routes import (
    cache,
    catalog,
    config,
    events,
    health,
    lexicon,
    models,
    status,
    system,
    vocabulary,
    voices,
    webhooks,
    wyoming_bridge,
)
from wyoming_servers.http.routes.system import API_VERSION

_DESCRIPTION = """Monitor and control this server and its models.

Every error response has the body `{"error", "code", "detail"}`: what happened, a stable code, and
what to do next.
"""


_TITLE: Final = "Wyoming Conductor"

_ROUTERS: Final = (
    # First: `/models/{model}` matches any path, since model ids contain slashes.
    catalog.router,
    cache.router,
    health.router,
    status.router,
    models.router,
    events.router,
    jobs.router,
    openai_models.router,
    transcriptions.router,
    speech.router,
    webhooks.router,
    config.router,
    vocabulary.router,
    lexicon.router,
    voices.router,
    system.router,
)


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
            (catalog.router, context.library),
            (cache.router, context.library),
            (voices.router, context.library and context.tts),
            (config.router, context.editor),
            (jobs.router, context.jobs),
            (openai_models.router, context.jobs),
            (transcriptions.router, context.jobs),
            (speech.router, context.jobs),
            (webhooks.router, context.webhooks),
            (vocabulary.router, context.vocabulary),
            (lexicon.router, context.tts and context.tts.lexicon),
        )
        if service is None
    ]
    _include_routers(app, [router for router in _ROUTERS if router not in omitted])
    # Checks the token itself: browsers send it as a subprotocol.
    app.include_router(wyoming_bridge.router)
    docs.mount_docs(app)
    settings = context.config.api
    # Middleware that is added later runs earlier: hosts are checked before anything else runs.
    app.add_middleware(BodyLimitMiddleware)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
            allow_headers=["Authorization", "Idempotency-Key", "Last-Event-ID", "X-Request-ID"],
            expose_headers=["Location", "Retry-After", "Server-Timing", "X-Request-ID"],
        )
    app.add_middleware(
        HostCheckMiddleware, names=settings.allowed_hosts, origins=settings.cors_origins
    )
    app.add_middleware(RateLimitMiddleware, rate=context.config.limits.max_requests_per_second)
    problems.install_handlers(app)
    app.add_middleware(RequestIdMiddleware)
    return app


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document with every router, for the generated documentation."""
    app = FastAPI(title=_TITLE, description=_DESCRIPTION, version=API_VERSION)
    _include_routers(app, _ROUTERS)
    return app.openapi()


def _include_routers(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    app.include_router(health.open_router)
    for router in routers:
        app.include_router(router, dependencies=[Depends(require_token)])
