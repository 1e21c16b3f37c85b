"""Makes one call: to a checked address, signed, within a time, without following anybody."""

import asyncio
import base64
import hashlib
import hmac
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Final, Self

import certifi
import httpcore

from wyoming_servers.webhooks.ssrf_guard import AddressGuard

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Returns the addresses of a host."""

_USER_AGENT: Final = b"wyoming-conductor"


class SendError(Exception):
    """Raised when a call did not bring an answer between 200 and 299."""

    def __init__(self, message: str, status: int | None = None, *, final: bool = False) -> None:
        super().__init__(message)
        self.status = status
        """The answer's, if there was one."""
        self.final = final
        """Whether trying again is pointless."""


class WebhookSender:
    """Calls addresses that the guard lets pass; use it with `async with`."""

    def __init__(
        self,
        guard: AddressGuard,
        secret: str,
        timeout: float,
        *,
        resolve: Resolve | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`secret` signs, as `whsec_…` with base64 behind it; `timeout` is for a whole call."""
        self._guard = guard
        self._key = base64.b64decode(secret.removeprefix("whsec_"))
        self._timeout = timeout
        self._resolve = resolve or resolve_host
        self._context = context

    async def __aenter__(self) -> Self:
        context = self._context or await asyncio.to_thread(_tls_context)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_keepalive_connections=0,
            network_backend=_GuardedBackend(self._guard, self._resolve),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._pool.aclose()

    async def post(self, url: str, body: bytes, *, call: str, timestamp: int) -> int:
        """Send JSON, return the status (200 to 299). Raises SendError.

        The headers are those of Standard Webhooks: `webhook-id` (the same at every try),
        `webhook-timestamp` (seconds since 1970) and `webhook-signature`.
        """
        headers = [
            (b"content-type", b"application/json"),
            (b"user-agent", _USER_AGENT),
            (b"webhook-id", call.encode()),
            (b"webhook-timestamp", str(timestamp).encode()),
            (b"webhook-signature", self.sign(call, timestamp, body).encode()),
        ]
        try:
            async with (
                asyncio.timeout(self._timeout),
                self._pool.stream("POST", url, headers=headers, content=body) as answer,
            ):
                # What is answered is of no interest, and may be endless.
                status: int = answer.status
        except TimeoutError as err:
            raise SendError(f"no answer within {self._timeout:g} s") from err
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError, ValueError) as err:
            raise SendError(str(err) or type(err).__name__) from err
        if not 200 <= status < 300:
            raise SendError(f"answered with {status}", status)
        return status

    def sign(self, call: str, timestamp: int, body: bytes) -> str:
        """Return `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
        signed = f"{call}.{timestamp}.".encode() + body
        digest = hmac.new(self._key, signed, hashlib.sha256).digest()
        return "v1," + base64.b64encode(digest).decode()


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves a name once, checks what it resolved to, and connects to just that."""

    def __init__(self, guard: AddressGuard, resolve: Resolve) -> None:
        self._guard = guard
        self._resolve = resolve
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await self._resolve(host, port)
        allowed = [text for text in found if self._guard.permits(host, ip_address(text))]
        if not allowed:
            where = ", ".join(found) or "nothing"
            raise SendError(
                f"{host} is {where}, which webhooks.allowed_targets does not name", final=True
            )
        failure: Exception | None = None
        for address in allowed:
            try:
                return await self._network.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except httpcore.ConnectError as err:
                failure = err
        raise failure or httpcore.ConnectError("no address")

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise SendError("webhooks do not call local sockets", final=True)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def resolve_host(host: str, port: int) -> list[str]:
    """Return the addresses of a host, as the system knows them."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())
