"""Puts the API together."""

from collections.abc import Iterable
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.cors import CORSMiddleware

from wyoming_servers.api import (
    cache,
    config,
    docs,
    events,
    health,
    jobs,
    lexicon,
    library,
    models,
    openai,
    problems,
    status,
    system,
    traces,
    vocabulary,
    voices,
    webhooks,
    websocket,
)
from wyoming_servers.api.auth import require_token
from wyoming_servers.api.context import ApiContext
from wyoming_servers.api.hosts import HostCheckMiddleware
from wyoming_servers.api.limits import BodyLimitMiddleware, RateLimitMiddleware
from wyoming_servers.api.system import API_VERSION
from wyoming_servers.api.timing import RequestIdMiddleware

_DESCRIPTION = """Watch and steer the models of this server.

Failures answer with `{"error", "code", "detail"}`: what happened, a stable code, what to do next.
"""


_TITLE: Final = "Wyoming Conductor"

_ROUTERS: Final = (
    # Before the models' own: a model's id takes everything up to the last slash.
    library.router,
    cache.router,
    health.router,
    status.router,
    models.router,
    events.router,
    jobs.router,
    openai.router,
    webhooks.router,
    config.router,
    vocabulary.router,
    lexicon.router,
    voices.router,
    traces.router,
    system.router,
)


def create_app(context: ApiContext) -> FastAPI:
    """Return the application that shows and asks what `context` holds."""
    app = FastAPI(
        title=_TITLE,
        description=_DESCRIPTION,
        version=context.version,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    left_out = [
        router
        for router, needed in (
            (library.router, context.library),
            (cache.router, context.library),
            (voices.router, context.library and context.tts),
            (config.router, context.editor),
            (jobs.router, context.jobs),
            (openai.router, context.jobs),
            (webhooks.router, context.webhooks),
            (vocabulary.router, context.vocabulary),
            (lexicon.router, context.tts and context.tts.lexicon),
        )
        if needed is None
    ]
    _include_routers(app, [router for router in _ROUTERS if router not in left_out])
    app.include_router(websocket.router)  # looks at the token itself: browsers send it otherwise
    docs.mount_docs(app)
    settings = context.config.api
    # The last one added is the outermost: a refused host is refused before anything else runs.
    app.add_middleware(BodyLimitMiddleware)
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
            allow_headers=["Authorization", "Idempotency-Key", "Last-Event-ID", "X-Request-ID"],
            expose_headers=["Location", "Retry-After", "Server-Timing", "X-Request-ID"],
        )
    app.add_middleware(HostCheckMiddleware, names=settings.hosts, origins=settings.origins)
    app.add_middleware(RateLimitMiddleware, rate=context.config.limits.rate)
    problems.install_handlers(app)
    app.add_middleware(RequestIdMiddleware)
    return app


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document of everything there can be, for the documentation."""
    app = FastAPI(title=_TITLE, description=_DESCRIPTION, version=API_VERSION)
    _include_routers(app, _ROUTERS)
    return app.openapi()


def _include_routers(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    app.include_router(health.open_router)
    for router in routers:
        app.include_router(router, dependencies=[Depends(require_token)])
