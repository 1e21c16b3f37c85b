"""Middleware that limits the bodies of requests: their size, duration and number."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, NoReturn

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from wyoming_servers.core.errors import BadRequestError, BusyError, ConductorError, TooLargeError
from wyoming_servers.http.problems import send_problem

MAX_BODY_BYTES: Final = 1024 * 1024
"""Largest body of a request without an upload; uploads have their own limits."""

BODY_TIMEOUT_SECONDS: Final = 30.0
"""A body must be complete after this long; an upload must not pause for this long."""

MIN_BYTES_PER_SECOND: Final = 256
"""An upload slower than this, averaged over the timeout, is aborted."""

MAX_BODIES_PER_ADDRESS: Final = 32
"""Incomplete bodies; a normal client has one per request that it is just sending."""

_UPLOAD_PATHS: Final = frozenset(
    {"/jobs", "/jobs/speech", "/v1/audio/transcriptions", "/v1/audio/translations"}
)


def _is_upload(path: str) -> bool:
    recording = path.startswith("/speakers/") and path.endswith("/recordings")
    return recording or path in _UPLOAD_PATHS


class BodyLimitMiddleware:
    """Limits the size, the duration and the number of request bodies.

    - 413 for a body larger than `MAX_BODY_BYTES`, except at upload endpoints.
    - 408 for a body that is not complete after `BODY_TIMEOUT_SECONDS`; for an upload, if no data
      comes for that long, or fewer than `MIN_BYTES_PER_SECOND` on average.
    - 503 for a client address with `MAX_BODIES_PER_ADDRESS` incomplete bodies.

    A body is measured while the application reads it. Beyond a limit the read fails and the
    response of the application is replaced, because body parsers turn every error into status 400.
    """

    timeout: float = BODY_TIMEOUT_SECONDS
    """Seconds."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._incomplete: Counter[str] = Counter()
        """Incomplete bodies per client address."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        is_upload = _is_upload(scope["path"])
        length = Headers(scope=scope).get("content-length", "")
        if not is_upload and length.isdecimal() and int(length[:20]) > MAX_BODY_BYTES:
            await send_problem(_body_too_large(), scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        if self._incomplete[address] >= MAX_BODIES_PER_ADDRESS:
            error = BusyError(
                f"More than {MAX_BODIES_PER_ADDRESS} requests of your address are incomplete.",
                hint="Send the requests one after the other.",
                retry_after=1,
            )
            await send_problem(error, scope, receive, send)
            return
        body = _LimitedBody(receive, None if is_upload else MAX_BODY_BYTES, self.timeout)
        self._incomplete[address] += 1

        def on_end() -> None:
            self._incomplete[address] -= 1
            if not self._incomplete[address]:
                del self._incomplete[address]

        body.on_end = on_end
        try:
            await self._run(body, scope, receive, send)
        finally:
            body.end()

    async def _run(self, body: "_LimitedBody", scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def guarded_send(message: Message) -> None:
            nonlocal started
            if body.failure is None or started:
                started = True
                await send(message)

        try:
            await self._app(scope, body.receive, guarded_send)
        except ConductorError:
            if body.failure is None or started:
                raise
        if body.failure is not None and not started:
            status = None if isinstance(body.failure, TooLargeError) else 408
            await send_problem(body.failure, scope, receive, send, status=status)


class _LimitedBody:
    """Receives a body within its limits; a failure ends every later read too."""

    def __init__(self, receive: Receive, largest: int | None, timeout: float) -> None:
        """`largest` None: an upload, which has as much time as it needs while data comes."""
        self.failure: ConductorError | None = None
        self.on_end: Callable[[], None] | None = None
        """Called once, when the body is complete or given up."""
        self._receive = receive
        self._largest = largest
        self._timeout = timeout
        self._size = 0
        self._waited = 0.0
        """Seconds waited for the client since the last check of the rate."""
        self._size_at_check = 0

    async def receive(self) -> Message:
        """Return the next message. Raises TooLargeError, BadRequestError."""
        if self.on_end is None and self.failure is None:
            return await self._receive()  # complete: only a disconnect follows
        if self.failure is not None:
            raise self.failure
        message = await self._next()
        self._size += len(message.get("body", b""))
        if self._largest is not None and self._size > self._largest:
            self._fail(_body_too_large())
        self._check_rate()
        if message["type"] != "http.request" or not message.get("more_body"):
            self.end()
        return message

    def end(self) -> None:
        """The body is complete, or nobody reads it any more."""
        on_end, self.on_end = self.on_end, None
        if on_end is not None:
            on_end()

    async def _next(self) -> Message:
        loop = asyncio.get_running_loop()
        before = loop.time()
        left = self._timeout - (0 if self._largest is None else self._waited)
        deadline = asyncio.timeout(left)
        try:
            async with deadline:
                message = await self._receive()
        except TimeoutError:
            if not deadline.expired():
                raise
            cause = "no data" if self._largest is None else "the body is not complete"
            self._fail(_body_too_slow(f"{cause} after {self._timeout:g} s"))
        # Only the client's share: the application may take its time between two reads.
        self._waited += loop.time() - before
        return message

    def _check_rate(self) -> None:
        if self._largest is not None or self._waited < self._timeout:
            return
        if self._size - self._size_at_check < MIN_BYTES_PER_SECOND * self._waited:
            self._fail(_body_too_slow(f"less than {MIN_BYTES_PER_SECOND} bytes per second"))
        self._waited, self._size_at_check = 0.0, self._size

    def _fail(self, failure: ConductorError) -> NoReturn:
        self.failure = failure
        raise failure


def _has_body(scope: Scope) -> bool:
    headers = Headers(scope=scope)
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def _body_too_large() -> ConductorError:
    return TooLargeError(f"The body is larger than {MAX_BODY_BYTES} bytes.")


def _body_too_slow(cause: str) -> ConductorError:
    return BadRequestError(
        f"The request was sent too slowly: {cause}.",
        hint="Send it faster, or check the network.",
    )
