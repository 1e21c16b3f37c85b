"""Gives every request an id and says how long its answer took to begin."""

import re
import secrets
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wyoming_servers.telemetry.log_config import REQUEST_ID

_HEADER: Final = "X-Request-ID"
_USABLE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""A client's own id is taken over, unless it could break a log line."""


class RequestIdMiddleware:
    """Adds `X-Request-ID` and `Server-Timing` to each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        wished = Headers(scope=scope).get(_HEADER, "")
        number = wished if _USABLE.fullmatch(wished) else secrets.token_hex(8)

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers[_HEADER] = number
                milliseconds = 1_000 * (time.perf_counter() - begun)
                headers.append("Server-Timing", f"total;dur={milliseconds:.1f}")
            await send(message)

        token = REQUEST_ID.set(number)
        try:
            await self._app(scope, receive, add)
        finally:
            REQUEST_ID.reset(token)
