"""Middleware of the HTTP API: request ids, host checks, and limits per client."""

import re
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wyoming_servers.config.schema import ApiSection
from wyoming_servers.core.errors import BadRequestError, BusyError, ConductorError, TooLargeError
from wyoming_servers.http.problems import problem_response
from wyoming_servers.telemetry.log_config import REQUEST_ID

_REQUEST_ID_HEADER: Final = "X-Request-ID"
_SAFE_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""An id from the client is used if it is safe to log."""


class RequestIdMiddleware:
    """Adds `X-Request-ID`, which also appears in the log, and `Server-Timing` to each response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        requested = Headers(scope=scope).get(_REQUEST_ID_HEADER, "")
        request_id = requested if _SAFE_REQUEST_ID.fullmatch(requested) else secrets.token_hex(8)

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[_REQUEST_ID_HEADER] = request_id
                milliseconds = 1_000 * (time.perf_counter() - started)
                headers.append("Server-Timing", f"total;dur={milliseconds:.1f}")
            await send(message)

        token = REQUEST_ID.set(request_id)
        try:
            await self._app(scope, receive, add)
        finally:
            REQUEST_ID.reset(token)


_LOCAL_DOMAINS: Final = (".local", ".localhost", ".home.arpa", ".internal", ".lan")
"""RFC 6762, RFC 6761, RFC 8375, ICANN's private domain, and the domain of many home routers."""

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class HostCheckMiddleware:
    """Answers 421 for an unknown `Host` and 403 for an unknown `Origin`.

    A malicious web page can let its own host name resolve to this machine (DNS rebinding) and then
    call the API as if it were its own server. The `Host` header still contains the page's name, so
    only names are accepted that cannot belong to a server on the internet: IP addresses, names
    without a dot, the name of this machine, reserved local domains, and `api.allowed_hosts`.
    Requests that change something are also rejected if their `Origin` is neither local nor one of
    `api.cors_origins`.
    """

    def __init__(self, app: ASGIApp, settings: Callable[[], ApiSection]) -> None:
        """`settings` returns the settings in effect."""
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, message = refusal
        hint = "Use the IP address of the server, or add the name to api.allowed_hosts."
        await problem_response(BadRequestError(message, hint=hint), status=status)(
            scope, receive, send
        )

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host")
        # Browsers always send the header, so a request without it (HTTP/1.0) is not a browser's.
        if host and not self.is_local_name(_host_name(f"//{host}")):
            return 421, "The host name of this request is not allowed."
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        if origin in self._settings().cors_origins:
            return None
        if changes and origin and not self.is_local_name(_host_name(origin)):
            return 403, "The origin of this request is not allowed."
        return None

    def is_local_name(self, name: str | None) -> bool:
        """Return whether a host name (without port) can only belong to a local server."""
        if not name:
            return False
        name = _normalize_host(name)
        if _is_address(name):
            return True
        if ":" in name:
            return False
        return "." not in name or name.endswith(_LOCAL_DOMAINS) or name in self._names()

    def _names(self) -> set[str]:
        names = (*self._settings().allowed_hosts, socket.gethostname())
        return {_normalize_host(name) for name in names}


class CorsMiddleware:
    """Lets web pages of `api.cors_origins` read responses."""

    def __init__(self, app: ASGIApp, settings: Callable[[], ApiSection]) -> None:
        """`settings` returns the settings in effect."""
        self._app = app
        self._settings = settings
        self._origins: list[str] = []
        self._cors: ASGIApp = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origins = self._settings().cors_origins
        if origins != self._origins:
            self._origins, self._cors = origins, self._with_origins(origins)
        await self._cors(scope, receive, send)

    def _with_origins(self, origins: list[str]) -> ASGIApp:
        if not origins:
            return self._app
        return CORSMiddleware(
            self._app,
            allow_origins=origins,
            allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
            allow_headers=["Authorization", "Idempotency-Key", "Last-Event-ID", "X-Request-ID"],
            expose_headers=["Location", "Retry-After", "Server-Timing", "X-Request-ID"],
        )


def _host_name(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _normalize_host(name: str) -> str:
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


MAX_BODY_BYTES: Final = 1024 * 1024
"""Largest body of a request without an upload; uploads have their own limits."""

_UPLOAD_PATHS: Final = frozenset(
    {"/jobs", "/jobs/speech", "/v1/audio/transcriptions", "/v1/audio/translations"}
)

_MAX_ADDRESSES: Final = 1_024
"""Client addresses to remember; the least recently active one is dropped first."""

_BURST_SECONDS: Final = 2.0
"""An idle client may send the requests of this many seconds at once."""


@dataclass(slots=True)
class _TokenBucket:
    tokens: float
    updated_at: float


class RateLimitMiddleware:
    """Answers 429 to a client address with more than `rate()` requests per second."""

    def __init__(
        self, app: ASGIApp, rate: Callable[[], float], now: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._rate = rate
        self._now = now
        self._buckets: OrderedDict[str, _TokenBucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if scope["type"] not in ("http", "websocket") or not client or self._take_token(client[0]):
            await self._app(scope, receive, send)
            return
        error = BusyError(
            f"More than {self._rate():g} requests per second from your address.",
            hint="Send fewer requests, use /events instead of polling, or raise "
            "limits.max_requests_per_second.",
            retry_after=1,
        )
        await problem_response(error, status=429)(scope, receive, send)

    def _take_token(self, address: str) -> bool:
        now, rate = self._now(), self._rate()
        most = rate * _BURST_SECONDS
        bucket = self._buckets.setdefault(address, _TokenBucket(most, now))
        self._buckets.move_to_end(address)
        if len(self._buckets) > _MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        bucket.tokens = min(most, bucket.tokens + (now - bucket.updated_at) * rate)
        bucket.updated_at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


class BodyLimitMiddleware:
    """Answers 413 to a body larger than `MAX_BODY_BYTES`, except at upload endpoints.

    A body without `Content-Length` is counted while the application reads it. Above the limit the
    read fails and the response of the application is replaced, because body parsers turn every
    error into status 400.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _UPLOAD_PATHS:
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "")
        if length.isdecimal() and int(length) > MAX_BODY_BYTES:
            await problem_response(_body_too_large())(scope, receive, send)
            return
        size = 0
        started = False

        async def counting_receive() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BODY_BYTES:
                raise _body_too_large()
            return message

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if size <= MAX_BODY_BYTES or started:
                started = True
                await send(message)

        try:
            await self._app(scope, counting_receive, guarded_send)
        except TooLargeError:
            if size <= MAX_BODY_BYTES or started:
                raise
        if size > MAX_BODY_BYTES and not started:
            await problem_response(_body_too_large())(scope, receive, send)


def _body_too_large() -> ConductorError:
    return TooLargeError(f"The body is larger than {MAX_BODY_BYTES} bytes.")
