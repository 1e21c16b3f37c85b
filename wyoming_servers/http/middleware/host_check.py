"""Protection against DNS rebinding and cross-site requests.

A malicious web page can let its own host name resolve to this machine (DNS rebinding) and then
call the API as if it were its own server. The `Host` header still contains the page's name, so
only names are accepted that cannot belong to a server on the internet: IP addresses, names without
a dot, the name of this machine, reserved local domains, and `api.allowed_hosts`. Requests that
change something are also rejected if their `Origin` is neither local nor one of
`api.cors_origins`.
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
"""RFC 6762, RFC 6761, RFC 8375, ICANN's private domain, and the domain of many home routers."""

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class HostCheckMiddleware:
    """Answers 421 for an unknown `Host` and 403 for an unknown `Origin`."""

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
        if origin in self._origins:
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
