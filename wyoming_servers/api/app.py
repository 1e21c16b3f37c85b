"""Puts the API together."""

from fastapi import Depends, FastAPI

from wyoming_servers.api import (
    config,
    docs,
    events,
    health,
    jobs,
    library,
    models,
    openai,
    problems,
    status,
    system,
    webhooks,
)
from wyoming_servers.api.auth import require_token
from wyoming_servers.api.context import ApiContext
from wyoming_servers.api.hosts import HostGuard

_ABOUT = """Watch and steer the models of this server.

Failures answer with `{"error", "code", "detail"}`: what happened, a stable code, what to do next.
"""


def create_app(context: ApiContext) -> FastAPI:
    """Return the application that shows and asks what `context` holds."""
    app = FastAPI(
        title="Wyoming Conductor",
        description=_ABOUT,
        version=context.version,
        docs_url=None,
        redoc_url=None,
    )
    app.state.context = context
    app.include_router(health.open_router)
    routers = [health.router, status.router, models.router, events.router, system.router]
    if context.library is not None:
        # Before the models' own: a model's id takes everything up to the last slash.
        routers.insert(0, library.router)
    if context.editor is not None:
        routers.append(config.router)
    if context.jobs is not None:
        routers += [jobs.router, openai.router]
    if context.webhooks is not None:
        routers.append(webhooks.router)
    for router in routers:
        app.include_router(router, dependencies=[Depends(require_token)])
    docs.mount(app)
    # The last one added is the outermost: a refused host is refused before anything else runs.
    app.add_middleware(HostGuard, names=context.config.api.hosts)
    problems.install(app)
    return app
