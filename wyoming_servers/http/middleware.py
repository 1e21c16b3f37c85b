"""Middleware of the HTTP API: request ids, checks of host and origin, CORS, request rate."""

import re
import secrets
import socket
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wyoming_servers.config.schema import ApiSection
from wyoming_servers.core.errors import BadRequestError, BusyError
from wyoming_servers.http.problems import send_problem
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

_HOST: Final = re.compile(
    r"(?P<name>\[[0-9A-Fa-f:.]+\]|[^\s\[\]:/?#@\\]+)(?::(?P<port>[0-9]{1,5}))?"
)
"""`Host` header, and `Origin` after its scheme: nothing that URL parsers read differently."""

_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class HostCheckMiddleware:
    """Answers 421 for an unknown `Host` and 403 for an unknown `Origin`.

    A malicious web page can let its own host name resolve to this machine (DNS rebinding) and then
    call the API as if it were its own server. The `Host` header still contains the page's name, so
    only names are accepted that cannot belong to a server on the internet: IP addresses, names
    without a dot, the name of this machine, reserved local domains, and `api.allowed_hosts`.
    Requests that change something are also rejected if their `Origin` is neither that of this
    server nor one of `api.cors_origins`.
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
        key = "api.allowed_hosts" if status == 421 else "api.cors_origins"
        hint = f"Use the IP address of the server, or add the name to {key}."
        error = BadRequestError(message, hint=hint)
        await send_problem(error, scope, receive, send, status=status)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and message if the request is refused.

        1. The name in `Host` must be one of a local server.
        2. Pages of `api.cors_origins` may do everything.
        3. Pages of other sites may only link here: their browsers send no data of this server to
           them, but a request can cost time, and without authentication change something.
        4. What changes something needs the same origin, or no page behind it.
        """
        headers = Headers(scope=scope)
        host = headers.get("host")
        # Browsers always send the header, so a request without it (HTTP/1.0) is not a browser's.
        if host is not None and not self.is_local_name(_host_name(host)):  # 1
            return 421, "The host name of this request is not allowed."
        origin = headers.get("origin")
        if origin in self._settings().cors_origins:  # 2
            return None
        site = headers.get("sec-fetch-site", "none")
        is_link = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        if site == "cross-site" and not is_link:  # 3
            return 403, "Requests of pages of other sites are not allowed."
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        foreign = site == "same-site" if origin is None else not _is_same_origin(origin, host or "")
        if changes and foreign:  # 4
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


def is_from_own_page(scope: Scope) -> bool:
    """Return whether a request changes nothing, or comes from a page of this server."""
    if scope["type"] == "http" and scope["method"] in _SAFE_METHODS:
        return True
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site") == "same-origin"
    return _is_same_origin(origin, headers.get("host", ""))


def _host_name(host: str) -> str | None:
    """Return the name in a `Host` header; None if it is malformed."""
    match = _HOST.fullmatch(host)
    return match and match["name"].strip("[]")


def _is_same_origin(origin: str, host: str) -> bool:
    """Compare `Origin` with `Host`; the scheme may differ, behind a proxy that ends TLS."""
    scheme, _, authority = origin.partition("://")
    page, own = _HOST.fullmatch(authority), _HOST.fullmatch(host)
    default = _DEFAULT_PORTS.get(scheme)
    if page is None or own is None or default is None:
        return False
    same_name = _normalize_host(page["name"]) == _normalize_host(own["name"])
    return same_name and (page["port"] or default) == (own["port"] or default)


def _normalize_host(name: str) -> str:
    return name.lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


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
        await send_problem(error, scope, receive, send, status=429)

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
