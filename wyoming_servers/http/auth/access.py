"""Decides whether a request is allowed, before its body is read.

`ROUTE_SCOPES` declares the scope of every route; a route that is missing there needs `admin`.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Final

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers, QueryParams
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from wyoming_servers.core.errors import ConductorError, ForbiddenError, UnauthorizedError
from wyoming_servers.http.auth.sessions import Session, cookie_name
from wyoming_servers.http.auth.tokens import TOKEN_FILE, TokenScope, digest_of
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.middleware import is_from_own_page
from wyoming_servers.http.problems import send_problem

BEARER_SCHEME: Final = HTTPBearer(
    auto_error=False,
    description=f"A token: the content of the file `<data_dir>/{TOKEN_FILE}` on the server, one "
    "of `wyoming-conductor token create`, or one from pairing.",
)
"""Documents the token in the OpenAPI document; `AccessMiddleware` checks it."""

PUBLIC: Final = None
"""A route that needs no token."""

_SUBPROTOCOL_PREFIXES: Final = ("bearer.", "openai-insecure-api-key.")
"""Browsers cannot send headers with a WebSocket; they offer the token as a subprotocol."""

_SCOPE_KEY: Final = "wyoming_conductor.token_scope"

_SESSION_KEY: Final = "wyoming_conductor.session"

READ, USE, OPERATE, ADMIN = TokenScope

ROUTE_SCOPES: Final[Mapping[str, TokenScope | None]] = {
    # The page and the documentation contain nothing about this machine, probes have no token.
    "GET /": PUBLIC,
    "GET /docs": PUBLIC,
    "GET /docs/errors": PUBLIC,
    "GET /redoc": PUBLIC,
    "GET /health/live": PUBLIC,
    "GET /health/ready": PUBLIC,
    # What comes before a client has, or trusts the server with, a token.
    "GET /proof": PUBLIC,
    "POST /pair": PUBLIC,
    "POST /pair/code": PUBLIC,
    "GET /session": PUBLIC,
    "DELETE /session": PUBLIC,
    "POST /sessions": PUBLIC,
    "GET /sessions": OPERATE,
    "DELETE /sessions/{session_id}": OPERATE,
    # A client gives up its own token.
    "DELETE /pair": READ,
    "GET /pair/code": ADMIN,
    "GET /tokens": ADMIN,
    "POST /tokens": ADMIN,
    "DELETE /tokens/{token_id}": ADMIN,
    "GET /health": READ,
    "GET /info": READ,
    "GET /metrics": READ,
    "GET /traces": READ,
    "GET /status": READ,
    "GET /snapshot": READ,
    "GET /events": READ,
    "POST /tickets": READ,
    "GET /model/events": READ,
    "GET /model/status": READ,
    "GET /models": READ,
    "GET /models/{model:path}": READ,
    "GET /catalog": READ,
    "GET /voices": READ,
    "GET /v1/models": READ,
    "GET /v1/models/{model:path}": READ,
    "GET /v1/audio/models": READ,
    "GET /v1/audio/voices": READ,
    "GET /cache": READ,
    "GET /cache/models": READ,
    "GET /cache/models/{model:path}": READ,
    "GET /pins": READ,
    "PUT /pins/{owner}": OPERATE,
    "DELETE /pins/{owner}": OPERATE,
    "GET /references": READ,
    # A client protects what it uses.
    "PUT /references/{owner}": USE,
    "DELETE /references/{owner}": USE,
    "GET /voices/{name}/sample": USE,
    "GET /jobs": USE,
    "POST /jobs": USE,
    "POST /jobs/speech": USE,
    "GET /jobs/{job_id}": USE,
    "DELETE /jobs/{job_id}": USE,
    "GET /jobs/{job_id}/stream": USE,
    "GET /jobs/{job_id}/segments": USE,
    "PATCH /jobs/{job_id}/segments": USE,
    "POST /jobs/{job_id}/segments/undo": USE,
    "POST /jobs/{job_id}/segments/redo": USE,
    "GET /jobs/{job_id}/recording": USE,
    "GET /jobs/{job_id}/peaks": USE,
    "GET /jobs/{job_id}.{result_format}": USE,
    "POST /v1/audio/speech": USE,
    "POST /v1/audio/transcriptions": USE,
    "POST /v1/audio/translations": USE,
    "WEBSOCKET /v1/realtime": USE,
    "WEBSOCKET /ws/wyoming": USE,
    # The names of a home, and what was said in it.
    "GET /vocabulary": USE,
    "GET /lexicon": USE,
    "GET /lexicon/{language}": USE,
    "GET /lexicon/{language}/{word:path}": USE,
    "GET /speakers": USE,
    # Voices are biometric data.
    "GET /speakers/recent": OPERATE,
    "POST /speakers": OPERATE,
    "PATCH /speakers/{speaker_id}": OPERATE,
    "DELETE /speakers": OPERATE,
    "DELETE /speakers/{speaker_id}": OPERATE,
    "POST /speakers/{speaker_id}/recordings": OPERATE,
    "POST /speakers/{speaker_id}/requests": OPERATE,
    "GET /cache/phrases": OPERATE,
    "GET /cache/phrases/{key}": OPERATE,
    "PUT /vocabulary": OPERATE,
    "DELETE /vocabulary": OPERATE,
    "PUT /lexicon/{language}/{word:path}": OPERATE,
    "DELETE /lexicon/{language}": OPERATE,
    "DELETE /lexicon/{language}/{word:path}": OPERATE,
    "POST /model/load": OPERATE,
    "POST /model/unload": OPERATE,
    "POST /models/{model:path}/load": OPERATE,
    "POST /models/{model:path}/unload": OPERATE,
    # Reads files of the server, and any repository.
    "POST /models": ADMIN,
    "POST /catalog/refresh": OPERATE,
    "POST /models/{model:path}/download": OPERATE,
    "DELETE /models/{model:path}": OPERATE,
    "DELETE /cache": OPERATE,
    "DELETE /cache/models": OPERATE,
    "DELETE /cache/models/{model:path}": OPERATE,
    "DELETE /cache/jobs": OPERATE,
    "DELETE /cache/phrases": OPERATE,
    "DELETE /cache/phrases/{key}": OPERATE,
    "POST /pause": OPERATE,
    "POST /resume": OPERATE,
    # Keys that protect the server need `admin` in addition.
    "GET /config/schema": READ,
    "GET /logs": OPERATE,
    "GET /logs/stream": OPERATE,
    "GET /history": READ,
    # What was said in this home.
    "GET /requests": OPERATE,
    "DELETE /requests": OPERATE,
    "DELETE /requests/{request_id}": OPERATE,
    "GET /requests/{request_id}/audio": OPERATE,
    "GET /diagnostics": OPERATE,
    "GET /config": OPERATE,
    "PATCH /config": OPERATE,
    "POST /restart": OPERATE,
    # URLs contain secrets, and deliveries contain transcripts.
    "GET /webhooks": OPERATE,
    "POST /webhooks": OPERATE,
    "DELETE /webhooks/{hook_id}": OPERATE,
    "GET /webhooks/deliveries": OPERATE,
    "POST /webhooks/deliveries/{delivery_id}/repeat": OPERATE,
}
"""Method and path of every route, as the router knows it, to the scope that it needs."""

LIST_ROUTES: Final = frozenset(
    {
        "GET /v1/models",
        "GET /v1/models/{model:path}",
        "GET /v1/audio/models",
        "GET /v1/audio/voices",
    }
)
"""Lists that some clients of OpenAI's API read without their token; see `api.public_lists`."""

TICKET_ROUTES: Final = frozenset(
    {
        "GET /events",
        "GET /model/events",
        "GET /jobs/{job_id}/stream",
        "WEBSOCKET /ws/wyoming",
        "WEBSOCKET /v1/realtime",
    }
)
"""Routes that accept `?ticket=` (`POST /tickets`) instead of a token."""


def route_key(route: BaseRoute) -> str:
    """Return the key of a route in `ROUTE_SCOPES`."""
    if isinstance(route, WebSocketRoute):
        return f"WEBSOCKET {route.path}"
    assert isinstance(route, Route)  # noqa: S101  (routers have no other kinds)
    # Each has one method; a route with several has no key in the table, so it needs `admin`.
    return f"{'|'.join(sorted(route.methods or ()))} {route.path}"


def route_scope(route: BaseRoute) -> TokenScope | None:
    """Return the scope that a route needs; None if it is public."""
    return ROUTE_SCOPES.get(route_key(route), TokenScope.ADMIN)


class AccessMiddleware:
    """Answers 401 without a valid token and 403 without the scope that the route needs.

    A request that matches no route passes: its answer is 404 or 405, and reads no body.
    """

    def __init__(self, app: ASGIApp, context: ApiContext, routes: Sequence[BaseRoute]) -> None:
        """`routes` are those of the application, in the order in which they are matched.

        FastAPI's own list is nested in a way that depends on its version.
        """
        self._app = app
        self._context = context
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        try:
            scope[_SCOPE_KEY] = self._check(scope)
        except ConductorError as error:
            await send_problem(error, scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope) -> TokenScope | None:
        """Return the scope of the request's token. Raises UnauthorizedError, ForbiddenError."""
        route = next((item for item in self._routes if item.matches(scope)[0] is Match.FULL), None)
        needed = PUBLIC if route is None else route_scope(route)
        public_lists = self._context.config.api.public_lists
        if public_lists and route is not None and route_key(route) in LIST_ROUTES:
            needed = PUBLIC
        token = _token(scope)
        session = None if token else _find_session(self._context, scope)
        scope[_SESSION_KEY] = session
        granted = _granted_scope(self._context, token, session)
        if token is None and route is not None and route_key(route) in TICKET_ROUTES:
            granted = self._redeem_ticket(scope) or granted
        if needed is PUBLIC:
            return granted
        if granted is None:
            raise UnauthorizedError(
                "The token is not valid." if token else "This endpoint requires a token.",
                hint="Send `Authorization: Bearer TOKEN`; the token is in the file "
                f"<data_dir>/{TOKEN_FILE} on the server.",
            )
        if not granted.includes(needed):
            raise ForbiddenError(
                f"This endpoint requires a token with scope {needed}; yours has {granted}.",
                hint="Create one on the server: "
                f"`wyoming-conductor token create NAME --scope {needed}`.",
            )
        return granted

    def _redeem_ticket(self, scope: Scope) -> TokenScope | None:
        ticket = QueryParams(scope.get("query_string", b"")).get("ticket")
        return self._context.tickets.redeem(ticket) if ticket else None


def _granted_scope(
    context: ApiContext, token: str | None, session: Session | None
) -> TokenScope | None:
    """Return what a token or a session allows; without authentication, everybody may operate."""
    granted = None
    if token is not None:
        granted = granted_token_scope(context, token)
    elif session is not None:
        granted = session.scope
    return granted if context.requires_token else granted or TokenScope.OPERATE


def request_token(request: HTTPConnection) -> str | None:
    """Return the token that a request was sent with."""
    return _token(request.scope)


def granted_token_scope(context: ApiContext, token: str) -> TokenScope | None:
    """Return the scope of a token, that of the owner included; None if it is not accepted."""
    # Both are always compared, in constant time, so that the response time reveals nothing.
    granted = context.tokens.scope_of(token)
    return TokenScope.ADMIN if context.is_owner_token(token) else granted


def _find_session(context: ApiContext, scope: Scope) -> Session | None:
    """Return the session of the request's cookie, with the scope that its token has now.

    Another page can make a browser send the cookie, so what changes something must come from the
    server's own page. Raises ForbiddenError if it does not.
    """
    connection = HTTPConnection(scope)
    cookie = connection.cookies.get(cookie_name(context.uuid))
    session = context.sessions.find(cookie) if cookie else None
    if session is None:
        return None
    if not is_from_own_page(scope):
        raise ForbiddenError(
            "Changes with the cookie of the page are accepted from the page only.",
            hint="Send a token instead of the cookie: `Authorization: Bearer TOKEN`.",
        )
    if not session.token_digest:
        return session
    owner = context.token is not None and secrets.compare_digest(
        digest_of(context.token), session.token_digest
    )
    granted = TokenScope.ADMIN if owner else context.tokens.scope_of_digest(session.token_digest)
    return None if granted is None else replace(session, scope=granted)


def _token(scope: Scope) -> str | None:
    headers = Headers(scope=scope)
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip() or None
    offered: list[str] = scope.get("subprotocols", [])
    return next(
        (
            name.removeprefix(prefix)
            for name in offered
            for prefix in _SUBPROTOCOL_PREFIXES
            if name.startswith(prefix)
        ),
        None,
    )


def _scope_of(connection: HTTPConnection) -> TokenScope:
    # Public routes are asked without a token too.
    scope: TokenScope | None = connection.scope.get(_SCOPE_KEY)
    return scope or READ


GrantedScope = Annotated[TokenScope, Depends(_scope_of)]
"""Type of a route parameter that receives the scope of the request's token."""


def _session_of(connection: HTTPConnection) -> Session | None:
    session: Session | None = connection.scope.get(_SESSION_KEY)
    return session


CurrentSession = Annotated[Session | None, Depends(_session_of)]
"""Type of a route parameter that receives the session of the request's cookie."""
