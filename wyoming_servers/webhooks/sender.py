"""Makes one webhook call: signed, to a checked address, with a timeout, without redirects."""

import asyncio
import base64
import hashlib
import hmac
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Future
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
    """Raised when a call failed or its response was not between 200 and 299."""

    def __init__(self, message: str, status: int | None = None, *, final: bool = False) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status of the response, if there was one."""
        self.final = final
        """Whether another attempt would be useless."""


class WebhookSender:
    """Calls addresses that the guard permits; use it with `async with`."""

    def __init__(
        self,
        current_guard: Callable[[], AddressGuard],
        secret: str,
        *,
        resolve: Resolve | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`current_guard` is called for each connection; `secret` is `whsec_` and base64."""
        self._current_guard = current_guard
        self._key = base64.b64decode(secret.removeprefix("whsec_"))
        self._resolve = resolve or resolve_host
        self._context = context

    async def __aenter__(self) -> Self:
        context = self._context or await asyncio.to_thread(_tls_context)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_keepalive_connections=0,
            network_backend=_GuardedBackend(self._current_guard, self._resolve),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._pool.aclose()

    async def post(
        self, url: str, body: bytes, *, message_id: str, timestamp: int, timeout: float
    ) -> int:
        """Send JSON and return the status, 200 to 299. Raises SendError.

        `timeout` is for the whole call, in seconds. The headers are those of Standard Webhooks:
        `webhook-id` (the same in each attempt), `webhook-timestamp` (seconds since 1970) and
        `webhook-signature`.
        """
        headers = [
            (b"content-type", b"application/json"),
            (b"user-agent", _USER_AGENT),
            (b"webhook-id", message_id.encode()),
            (b"webhook-timestamp", str(timestamp).encode()),
            (b"webhook-signature", self.sign(message_id, timestamp, body).encode()),
        ]
        try:
            async with (
                asyncio.timeout(timeout),
                self._pool.stream("POST", url, headers=headers, content=body) as response,
            ):
                # The body of the response is not read: it may be endless.
                status: int = response.status
        except TimeoutError as err:
            raise SendError(f"no response within {timeout:g} s") from err
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as err:
            raise SendError(str(err) or type(err).__name__) from err
        except (httpcore.UnsupportedProtocol, ValueError, TypeError) as err:
            # The address itself cannot be called; older versions accepted some of those.
            raise SendError(f"not a valid URL: {err}", final=True) from err
        if not 200 <= status < 300:
            raise SendError(f"the response was {status}", status)
        return status

    def sign(self, message_id: str, timestamp: int, body: bytes) -> str:
        """Return `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
        signed = f"{message_id}.{timestamp}.".encode() + body
        digest = hmac.new(self._key, signed, hashlib.sha256).digest()
        return "v1," + base64.b64encode(digest).decode()


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves a name once, checks the addresses, and connects to exactly those."""

    def __init__(self, current_guard: Callable[[], AddressGuard], resolve: Resolve) -> None:
        self._current_guard = current_guard
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
        guard = self._current_guard()
        resolved = await self._resolve(host, port)
        allowed = [address for address in resolved if guard.permits(host, ip_address(address))]
        if not allowed:
            raise SendError(
                f"{host} resolves to {', '.join(resolved) or 'nothing'}, "
                "which webhooks.allowed_targets does not allow",
                final=True,
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
        raise SendError("webhooks must not call local sockets", final=True)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def resolve_host(host: str, port: int) -> list[str]:
    """Resolve a host with the system's resolver.

    In a thread of its own: a name server that does not answer would occupy those of the event loop,
    which read audio and files, and delay the exit.
    """
    future: Future[list[Any]] = Future()

    def look_up() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as err:  # noqa: BLE001  (it is raised again below)
            future.set_exception(err)

    threading.Thread(target=look_up, name="webhook name lookup", daemon=True).start()
    entries = await asyncio.wrap_future(future)
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in entries))


def _tls_context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=certifi.where())
