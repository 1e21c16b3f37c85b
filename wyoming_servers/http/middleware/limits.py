"""Limits per client: requests per second and size of the body."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wyoming_servers.core.errors import (
    BusyError,
    ConductorError,
    TooLargeError,
)
from wyoming_servers.http.problems import problem_response

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
    """Answers 429 to a client address with more than `rate` requests per second."""

    def __init__(
        self, app: ASGIApp, rate: float, now: Callable[[], float] = time.monotonic
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
            f"More than {self._rate:g} requests per second from your address.",
            hint="Send fewer requests, use /events instead of polling, or raise "
            "limits.max_requests_per_second.",
            retry_after=1,
        )
        await problem_response(error, status=429)(scope, receive, send)

    def _take_token(self, address: str) -> bool:
        now, most = self._now(), self._rate * _BURST_SECONDS
        bucket = self._buckets.setdefault(address, _TokenBucket(most, now))
        self._buckets.move_to_end(address)
        if len(self._buckets) > _MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        bucket.tokens = min(most, bucket.tokens + (now - bucket.updated_at) * self._rate)
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
