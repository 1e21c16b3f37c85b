"""Asks a running server over its HTTP API."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import httpx

from wyoming_servers.api.auth import TOKEN_FILE
from wyoming_servers.cli.client import Address, parse_address
from wyoming_servers.cli.edge import UnreachableError
from wyoming_servers.errors import CODES, BadRequestError, UnauthorizedError, from_code
from wyoming_servers.store.tenancy import find_running_server

if TYPE_CHECKING:
    from wyoming_servers.config.schema import Config

_SECONDS: Final = 5.0
"""Longest wait for an answer; none of those asked for here takes any time."""

_LOOPBACK: Final[Mapping[str, str]] = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared, not bound)
"""Where to connect to reach a server that listens on every address."""


def find_api_address(config: "Config", server: str | None) -> Address:
    """Return where the HTTP API should be. Reads a small file.

    1. `server`, if it is given: `HOST` or `HOST:PORT`.
    2. The server that lives in the configured data directory, on the port it has really opened.
    3. The configured port.

    Raises BadRequestError for a malformed address, UnreachableError where there can be none.
    """
    if server is not None:  # 1
        return parse_address(server, config.api.port)
    running = find_running_server(config.data_dir)
    if running is not None:  # 2
        if "api" not in running.ports:
            raise UnreachableError(
                "The server that runs here has no HTTP API.", hint="Set api.enabled: true."
            )
        return Address(_LOOPBACK.get(running.host, running.host), running.ports["api"])
    if config.api.port == 0:
        raise UnreachableError(f"No server runs in {config.data_dir}.")
    return Address(_LOOPBACK.get(config.host, config.host), config.api.port)  # 3


def read_token(config: "Config", file: Path | None = None) -> str | None:
    """Return the token in `file`, else that of the data directory; None if there is none there.

    Raises BadRequestError if `file` is given and cannot be read.
    """
    try:
        return (file or config.data_dir / TOKEN_FILE).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as err:
        if file is not None:
            raise BadRequestError(f"The token in {file} cannot be read: {err}.") from err
        return None


class ApiClient:
    """One server's API; use it with `async with`.

    Every call raises UnreachableError if nothing of ours answers, UnauthorizedError for a wrong
    token, and otherwise what the server answers.
    """

    def __init__(self, address: Address, token: str | None) -> None:
        self._address = address
        self._client = httpx.AsyncClient(
            base_url=f"http://{address}",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=_SECONDS,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, traceback)

    async def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Return the answer to a GET."""
        return await self.request("GET", path, query)

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the answer to a request; `body` is sent as JSON."""
        try:
            answer = await self._client.request(method, path, params=query, json=body)
        except httpx.HTTPError as err:
            raise self._unreachable_error() from err
        return self._parse_response(answer)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[str]]:
        """Give the types of events as they happen; the iterator ends when the server stops."""
        # A heartbeat comes every 15 s; a stream that is silent for longer is broken.
        timeout = httpx.Timeout(_SECONDS, read=60.0)
        try:
            async with self._client.stream("GET", "/events", timeout=timeout) as answer:
                if answer.status_code != 200:
                    await answer.aread()
                    self._parse_response(answer)
                yield self._event_types(answer)
        except httpx.HTTPError as err:
            raise self._unreachable_error() from err

    @staticmethod
    async def _event_types(answer: httpx.Response) -> AsyncIterator[str]:
        async for line in answer.aiter_lines():
            if line.startswith("event:"):
                yield line.removeprefix("event:").strip()

    def _parse_response(self, answer: httpx.Response) -> dict[str, Any]:
        """Return the body of a good answer, or raise what a problem says."""
        try:
            body: Any = answer.json()
        except ValueError:
            body = None
        if answer.is_success and isinstance(body, dict):
            return body
        code = body.get("code") if isinstance(body, dict) else None
        if code == UnauthorizedError.code:
            raise UnauthorizedError(
                f"The server at {self._address} wants another token.",
                hint=f"It is in <data_dir>/{TOKEN_FILE} on its machine; give it with --token-file.",
            )
        if code in CODES:
            raise from_code(code, str(body.get("error")), str(body.get("detail") or ""))
        raise UnreachableError(f"What listens at {self._address} is not a Wyoming Conductor.")

    def _unreachable_error(self) -> UnreachableError:
        return UnreachableError(f"No server answers at {self._address}.")
