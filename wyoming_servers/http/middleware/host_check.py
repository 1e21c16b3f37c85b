"""Refuses requests that a browser was tricked into sending.

A web page can let its own name point at this machine (DNS rebinding) and then talk to the API as
if it were its own server; the `Host` header still tells its name. So only names that nobody on
the internet can own are taken: addresses, names without a dot, this machine's name, the reserved
local domains, and what `api.allowed_hosts` adds. Requests that change something are refused as
well if their `Origin` is such a page, and not one of `api.cors_origins`.
"""

import socket
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.http.problems import problem_response

_LOCAL_DOMAINS: Final = (".local", ".localhost", ".home.arpa", ".internal", ".lan")
"""RFC 6762, RFC 6761, RFC 8375, ICANN's private domain, and what home routers use."""

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class HostCheckMiddleware:
    """Answers 421 for a strange `Host`, 403 for a strange `Origin`, else passes the request on."""

    def __init__(
        self, app: ASGIApp, names: Iterable[str] = (), origins: Iterable[str] = ()
    ) -> None:
        self._app = app
        self._origins = frozenset(origins)
        self._names = frozenset(_normalize_host(name) for name in (*names, socket.gethostname()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self._app(scope, receive, send)
            return
        status, message = refusal
        hint = (
            "Use the machine's address, or add the name to api.allowed_hosts in the configuration."
        )
        await problem_response(BadRequestError(message, hint=hint), status=status)(
            scope, receive, send
        )

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = headers.get("host")
        # Without the header it is no browser (HTTP/1.0), so no page can be behind it.
        if host and not self.is_local_name(_host_name(f"//{host}")):
            return 421, "This server is not known under that host name."
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE_METHODS
        if origin in self._origins:
            return None
        if changes and origin and not self.is_local_name(_host_name(origin)):
            return 403, "Pages of that origin may not change anything here."
        return None

    def is_local_name(self, name: str | None) -> bool:
        """Return whether a host name (without port) can only mean a local server."""
        if not name:
            return False
        name = _normalize_host(name)
        if _is_address(name):
            return True
        local = "." not in name or name.endswith(_LOCAL_DOMAINS) or name in self._names
        return local and ":" not in name


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
