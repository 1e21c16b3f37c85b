"""`/session` and `/sessions`: signing in to the page, signing out, and the list of sessions."""

import re
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field, model_validator

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.errors import BusyError, ForbiddenError, NotFoundError, UnauthorizedError
from wyoming_servers.http.auth.access import CurrentSession, GrantedScope, granted_token_scope
from wyoming_servers.http.auth.sessions import SESSION_SECONDS, Session, cookie_name
from wyoming_servers.http.auth.tokens import TOKEN_FILE, TokenScope, digest_of
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES, problem_response

router = APIRouter(tags=["sessions"], responses={**PROBLEM_RESPONSES})

open_router = APIRouter(tags=["sessions"], responses={**PROBLEM_RESPONSES})
"""Needs no token: for browsers that have not signed in yet."""

_BROWSERS: Final = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Home Assistant", "Home Assistant"),
    ("Chrome", "Chrome"),
    ("Safari", "Safari"),
)
"""Part of a `User-Agent` and the name of the browser; Chrome names Safari, Edge names both."""

_SYSTEMS: Final = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "CrOS", "Linux")


class SignInRequest(BaseModel):
    """A token or a pairing code."""

    token: str | None = Field(None, max_length=1_000, description="A token.")
    code: str | None = Field(
        None, pattern=r"^\d{6}$", description="A pairing code from `POST /pair/code`."
    )

    @model_validator(mode="after")
    def _has_one(self) -> "SignInRequest":
        if (self.token is None) == (self.code is None):
            raise ValueError("send either token or code")
        return self


class SessionResponse(BaseModel):
    """Whether this browser has signed in."""

    required: bool = Field(description="False if `api.auth` is `none`: nobody has to sign in.")
    signed_in: bool
    scope: TokenScope | None = Field(
        description="What this browser may do; null without permission to do anything."
    )
    id: str | None = Field(None, description="Id of the session of this browser.")
    version: str = Field(description="Version of the server.")


class SessionEntryResponse(BaseModel):
    """A browser that has signed in."""

    id: str
    name: str = Field(description="Browser and system.")
    scope: TokenScope
    created_at: str
    last_used_at: str = Field(description="When the page was opened last.")
    current: bool = Field(description="Whether it is the session of this request.")


class SessionListResponse(BaseModel):
    """All sessions, oldest first."""

    sessions: list[SessionEntryResponse]


@open_router.get("/session", summary="Show whether this browser has signed in")
async def get_session(
    context: Context, request: Request, response: Response, session: CurrentSession
) -> SessionResponse:
    """Extends the session of the cookie, if there is one."""
    if session is not None:
        await context.sessions.touch(session)
        cookie = request.cookies[cookie_name(context.uuid)]
        _set_cookie(context, request, response, cookie)
    return _session_response(context, session)


@open_router.post("/sessions", status_code=201, summary="Sign in", response_model=SessionResponse)
async def sign_in(
    context: Context, request: Request, response: Response, body: SignInRequest
) -> SessionResponse | Response:
    """Sets the cookie of a new session.

    A session has the scope of its token and ends when the token is revoked; with a pairing code it
    has scope `operate`. Ten failed sign-ins lock an address for five minutes.
    """
    if not context.requires_token:
        raise NotFoundError(
            "This server needs no sign-in.", hint="Set api.auth: token to require one."
        )
    address = request.client.host if request.client else ""
    try:
        context.sign_in_limiter.check(address)
    except BusyError as error:
        return problem_response(error, status=429, request=request)
    try:
        scope, token_digest = _check_credential(context, body)
    except UnauthorizedError:
        context.sign_in_limiter.record_failure(address)
        raise
    name = _browser_name(request.headers.get("user-agent", ""))
    session, cookie = await context.sessions.create(name, scope, token_digest)
    _set_cookie(context, request, response, cookie)
    return _session_response(context, session)


@open_router.delete("/session", status_code=204, summary="Sign out")
async def sign_out(context: Context, session: CurrentSession) -> Response:
    if session is not None:
        await context.sessions.end(session.id)
    response = Response(status_code=204)
    response.delete_cookie(cookie_name(context.uuid), httponly=True, samesite="strict")
    return response


@router.get("/sessions", summary="List sessions")
async def list_sessions(context: Context, session: CurrentSession) -> SessionListResponse:
    current = session.id if session is not None else ""
    return SessionListResponse(
        sessions=[
            SessionEntryResponse(
                id=one.id,
                name=one.name,
                scope=one.scope,
                created_at=iso_timestamp(one.created),
                last_used_at=iso_timestamp(one.last_used),
                current=one.id == current,
            )
            for one in context.sessions.sessions
        ]
    )


@router.delete("/sessions/{session_id}", status_code=204, summary="End a session")
async def end_session(
    context: Context, scope: GrantedScope, session_id: Annotated[str, Path()]
) -> Response:
    found = [one for one in context.sessions.sessions if one.id == session_id]
    if found and not scope.includes(found[0].scope):
        raise ForbiddenError(
            f"This session has scope {found[0].scope}; yours has {scope}.",
            hint="Sign in with the token of the owner.",
        )
    await context.sessions.end(session_id)
    return Response(status_code=204)


def _check_credential(context: ApiContext, body: SignInRequest) -> tuple[TokenScope, str]:
    """Return the scope of a credential, and the digest of the token. Raises UnauthorizedError."""
    if body.code is not None:
        context.pairing.redeem(body.code)
        return TokenScope.OPERATE, ""
    token = (body.token or "").strip()
    scope = granted_token_scope(context, token)
    if scope is None:
        raise UnauthorizedError(
            "The token is not valid.",
            hint=f"It is in the file <data_dir>/{TOKEN_FILE} on the server.",
        )
    return scope, digest_of(token)


def _session_response(context: ApiContext, session: Session | None) -> SessionResponse:
    scope = session.scope if session is not None else None
    return SessionResponse(
        required=context.requires_token,
        signed_in=session is not None,
        scope=scope if context.requires_token else scope or TokenScope.OPERATE,
        id=session.id if session is not None else None,
        version=context.version,
    )


def _set_cookie(context: ApiContext, request: Request, response: Response, cookie: str) -> None:
    response.set_cookie(
        cookie_name(context.uuid),
        cookie,
        max_age=round(SESSION_SECONDS),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def _browser_name(user_agent: str) -> str:
    """Return browser and system of a `User-Agent`, such as `Firefox, Android`."""
    browser = next((name for part, name in _BROWSERS if part in user_agent), "")
    system = next((name for name in _SYSTEMS if name in user_agent), "")
    system = {"Mac OS X": "macOS", "CrOS": "ChromeOS"}.get(system, system)
    named = ", ".join(part for part in (browser, system) if part)
    return named or re.sub(r"[^\w ./-]", "", user_agent)[:60] or "unknown browser"
