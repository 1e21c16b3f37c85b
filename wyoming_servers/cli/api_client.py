"""Asks a running server over its HTTP API."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import httpx

from wyoming_servers.cli.errors import UnreachableError
from wyoming_servers.cli.wyoming_client import (
    Address,
    parse_address,
)
from wyoming_servers.core.errors import (
    CODES,
    BadRequestError,
    UnauthorizedError,
    from_code,
)
from wyoming_servers.data_dir.instance_lock import find_running_server
from wyoming_servers.http.auth import TOKEN_FILE

if TYPE_CHECKING:
    from wyoming_servers.config.schema import Config
import asyncio
import json
from contextlib import suppress

from wyoming_servers.core.errors import ConductorError

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


# Asks a running server to read a text aloud, and waits for the file.

_TRANSFER_TIMEOUT: Final = httpx.Timeout(60.0)
"""For a text on its way in and a file on its way out; a stream has a heartbeat every 15 s."""


class SpeechJobClient(ApiClient):
    """Speech jobs of one server; raises as `ApiClient` does."""

    async def create_job(self, name: str, text: bytes, fields: Mapping[str, str]) -> str:
        """Send a text; return the job's id."""
        try:
            answer = await self._client.post(
                "/jobs/speech",
                files={"text": (name, text)},
                data=dict(fields),
                timeout=_TRANSFER_TIMEOUT,
            )
        except httpx.HTTPError as err:
            raise self._unreachable_error() from err
        return str(self._parse_response(answer)["job_id"])

    async def job_events(self, job_id: str) -> AsyncIterator[dict[str, Any]]:
        """Yield what happens to a job until it has ended."""
        path = f"/jobs/{job_id}/stream"
        try:
            async with self._client.stream("GET", path, timeout=_TRANSFER_TIMEOUT) as answer:
                if not answer.is_success:
                    await answer.aread()
                    self._parse_response(answer)
                async for line in answer.aiter_lines():
                    if line.startswith("data:"):
                        yield json.loads(line.removeprefix("data:"))
        except httpx.HTTPError as err:
            raise self._unreachable_error() from err

    async def download(self, path: str, target: Path) -> None:
        """Write what is at an address into a file."""
        try:
            async with self._client.stream("GET", path, timeout=_TRANSFER_TIMEOUT) as answer:
                if not answer.is_success:
                    await answer.aread()
                    self._parse_response(answer)
                with await asyncio.to_thread(target.open, "wb") as file:
                    async for piece in answer.aiter_bytes():
                        await asyncio.to_thread(file.write, piece)
        except httpx.HTTPError as err:
            raise self._unreachable_error() from err

    async def cancel_job(self, job_id: str) -> None:
        """Cancel a job, if it can be reached and has not ended."""
        with suppress(ConductorError):
            await self.request("DELETE", f"/jobs/{job_id}")
