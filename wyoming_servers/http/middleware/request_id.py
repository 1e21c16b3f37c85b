"""Adds a request id and a timing header to every response."""

import re
import secrets
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wyoming_servers.telemetry.log_config import REQUEST_ID

_HEADER: Final = "X-Request-ID"
_USABLE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
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
        requested = Headers(scope=scope).get(_HEADER, "")
        request_id = requested if _USABLE.fullmatch(requested) else secrets.token_hex(8)

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[_HEADER] = request_id
                milliseconds = 1_000 * (time.perf_counter() - started)
                headers.append("Server-Timing", f"total;dur={milliseconds:.1f}")
            await send(message)

        token = REQUEST_ID.set(request_id)
        try:
            await self._app(scope, receive, add)
        finally:
            REQUEST_ID.reset(token)
