"""Client of the HTTP API of a running server."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import httpx

from wyoming_servers.cli.errors import UnreachableError
from wyoming_servers.cli.wyoming_client import Address, parse_address
from wyoming_servers.core.errors import (
    CODES,
    BadRequestError,
    CancelledError,
    ConductorError,
    InferenceFailedError,
    UnauthorizedError,
    from_code,
)
from wyoming_servers.data_dir.locks import find_running_server
from wyoming_servers.http.auth.tokens import TOKEN_FILE

if TYPE_CHECKING:
    from wyoming_servers.config.schema import Config

_SECONDS: Final = 5.0
"""Timeout of a request."""

_STREAM_SECONDS: Final = 60.0
"""Longest silence of an event stream; the server sends a heartbeat every 15 s."""

_TRANSFER_TIMEOUT: Final = httpx.Timeout(60.0)
"""For the upload of a text, the download of a file, and the events of a job."""

_UPLOAD_BYTES: Final = 1024 * 1024
"""Size of the chunks in which a recording is read and sent."""

_LOOPBACK: Final[Mapping[str, str]] = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared, not bound)
"""Address that reaches a server which listens on a wildcard address."""


def find_api_address(config: "Config", server: str | None) -> Address:
    """Return the address of the HTTP API. Reads a small file.

    1. `server`, if given: `HOST` or `HOST:PORT`, with `https://` before it for TLS.
    2. The server that holds the configured data directory, on the port that it opened.
    3. The configured port.

    Raises BadRequestError for a malformed address, UnreachableError if there is no API.
    """
    if server is not None:  # 1
        text = server.strip()
        found = parse_address(text.removeprefix("https://"), config.api.port)
        return replace(found, tls=text.startswith("https://"))
    running = find_running_server(config.data_dir)
    if running is not None:  # 2
        if "api" not in running.ports:
            raise UnreachableError(
                "The server on this machine has no HTTP API.", hint="Set api.enabled: true."
            )
        return Address(_LOOPBACK.get(running.host, running.host), running.ports["api"])
    if config.api.port == 0:
        raise UnreachableError(f"No server uses the data directory {config.data_dir}.")
    return Address(_LOOPBACK.get(config.host, config.host), config.api.port)  # 3


def read_token(config: "Config", file: Path | None = None) -> str | None:
    """Return the token in `file`, else that in the data directory; None if there is none.

    Raises BadRequestError if `file` is given and cannot be read.
    """
    try:
        return (file or config.data_dir / TOKEN_FILE).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as err:
        if file is not None:
            raise BadRequestError(f"The token file {file} cannot be read: {err}.") from err
        return None


class ApiClient:
    """The API of one server; use it with `async with`.

    Every method raises UnreachableError if no Wyoming Conductor answers, UnauthorizedError for a
    wrong token, and otherwise the error of the response.
    """

    def __init__(self, address: Address, token: str | None) -> None:
        self._address = address
        self._client = httpx.AsyncClient(
            base_url=f"http://{address}",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=_SECONDS,
            trust_env=False,
        )
        self._token = token

    async def __aenter__(self) -> Self:
        if self._address.tls:
            from wyoming_servers.cli.api_tls import trusted_context

            context = await trusted_context(self._address, self._token)
            self._client = httpx.AsyncClient(
                base_url=f"https://{self._address}",
                headers=self._client.headers,
                timeout=_SECONDS,
                trust_env=False,
                verify=context,
            )
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
        """Return the response to a GET request."""
        return await self.request("GET", path, query)

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        timeout: float = _SECONDS,
    ) -> dict[str, Any]:
        """Return the response to a request; `body` is sent as JSON, `timeout` is in seconds."""
        try:
            response = await self._client.request(
                method, path, params=query, json=body, timeout=timeout
            )
        except httpx.HTTPError as err:
            raise self._unreachable_error() from err
        return self._parse_response(response)

    async def upload(self, path: str, file: Path) -> dict[str, Any]:
        """Return the response to a form with one file, `file`."""
        content = await asyncio.to_thread(file.read_bytes)
        try:
            response = await self._client.post(
                path, files={"file": (file.name, content)}, timeout=_TRANSFER_TIMEOUT
            )
        except httpx.HTTPError as err:
            raise self._unreachable_error() from err
        return self._parse_response(response)

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[str]]:
        """Yield an iterator over the types of events; it ends when the server stops."""
        timeout = httpx.Timeout(_SECONDS, read=_STREAM_SECONDS)
        try:
            async with self._client.stream("GET", "/events", timeout=timeout) as response:
                if response.status_code != 200:
                    await response.aread()
                    self._parse_response(response)
                yield self._event_types(response)
        except httpx.HTTPError as err:
            raise self._unreachable_error() from err

    @staticmethod
    async def _event_types(response: httpx.Response) -> AsyncIterator[str]:
        async for line in response.aiter_lines():
            if line.startswith("event:"):
                yield line.removeprefix("event:").strip()

    def _parse_response(self, response: httpx.Response) -> dict[str, Any]:
        """Return the body of a successful response, or raise its error."""
        if response.status_code == 204:
            return {}
        try:
            body: Any = response.json()
        except ValueError:
            body = None
        if response.is_success and isinstance(body, dict):
            return body
        code = body.get("code") if isinstance(body, dict) else None
        if code == UnauthorizedError.code:
            raise UnauthorizedError(
                f"The server at {self._address} rejected the token.",
                hint=f"The token is in <data_dir>/{TOKEN_FILE} on the server; "
                "pass a copy with --token-file.",
            )
        if code in CODES:
            raise from_code(code, _error_text(body), str(body.get("detail") or ""))
        raise UnreachableError(f"The program at {self._address} is not a Wyoming Conductor.")

    def _unreachable_error(self) -> UnreachableError:
        return UnreachableError(f"No server answers at {self._address}.")


def _error_text(body: Mapping[str, Any]) -> str:
    """Return the error of a response, with one line per invalid field."""
    faults = (f"\n  {item.get('path')}: {item.get('message')}" for item in body.get("faults") or ())
    return str(body.get("error")) + "".join(faults)


class JobApiClient(ApiClient):
    """Creates jobs and gets their results; raises the errors of `ApiClient`."""

    async def create_speech_job(self, name: str, text: bytes, fields: Mapping[str, str]) -> str:
        """Upload a text; return the id of the job."""
        return await self._create_job(
            "/jobs/speech", files={"text": (name, text)}, data=dict(fields)
        )

    async def create_transcription_job(self, file: Path, fields: Mapping[str, str]) -> str:
        """Upload a recording; return the id of the job, which waits until its model is ready."""
        boundary = secrets.token_hex(16)
        form = httpx.Request(
            "POST",
            self._client.base_url,
            data={"wait": "true", **fields},
            files={"audio": (file.name, b"")},
            headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
        )
        # The form with an empty file, as text before and after the recording.
        end = f"\r\n--{boundary}--\r\n".encode()
        start = form.read().removesuffix(end)

        async def stream() -> AsyncIterator[bytes]:
            yield start
            with await asyncio.to_thread(file.open, "rb") as recording:
                while chunk := await asyncio.to_thread(recording.read, _UPLOAD_BYTES):
                    yield chunk
            yield end

        headers = {"Content-Type": form.headers["Content-Type"]}
        return await self._create_job("/jobs", content=stream(), headers=headers)

    async def _create_job(self, path: str, **request: Any) -> str:
        try:
            response = await self._client.post(path, timeout=_TRANSFER_TIMEOUT, **request)
        except httpx.HTTPError as err:
            raise self._unreachable_error() from err
        return str(self._parse_response(response)["job_id"])

    async def run_job(self, job_id: str, on_progress: Callable[[int], None]) -> dict[str, Any]:
        """Return the job when it is done; `on_progress` gets percentages.

        Raises the error of a job that failed, or CancelledError.
        """
        async for event in self.job_events(job_id):
            if event["type"] == "progress":
                on_progress(event["percent"])
        job = await self.get(f"/jobs/{job_id}")
        if job["status"] == "cancelled":
            raise CancelledError(f"Job {job_id} was cancelled.")
        if job["status"] != "done":
            code = job.get("error_code") or InferenceFailedError.code
            raise from_code(code, str(job.get("error") or f"Job {job_id} is {job['status']}."))
        return job

    async def result_text(self, path: str) -> str:
        """Return the body of a GET response as text."""
        try:
            response = await self._client.get(path, timeout=_TRANSFER_TIMEOUT)
        except httpx.HTTPError as err:
            raise self._unreachable_error() from err
        if not response.is_success:
            self._parse_response(response)
        return response.text

    async def job_events(self, job_id: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the events of a job until it has ended."""
        path = f"/jobs/{job_id}/stream"
        try:
            async with self._client.stream("GET", path, timeout=_TRANSFER_TIMEOUT) as response:
                if not response.is_success:
                    await response.aread()
                    self._parse_response(response)
                async for line in response.aiter_lines():
                    if line.startswith("data:"):
                        yield json.loads(line.removeprefix("data:"))
        except httpx.HTTPError as err:
            raise self._unreachable_error() from err

    async def download(self, path: str, target: Path) -> None:
        """Write the body of a GET response to a file."""
        try:
            async with self._client.stream("GET", path, timeout=_TRANSFER_TIMEOUT) as response:
                if not response.is_success:
                    await response.aread()
                    self._parse_response(response)
                with await asyncio.to_thread(target.open, "wb") as file:
                    async for chunk in response.aiter_bytes():
                        await asyncio.to_thread(file.write, chunk)
        except httpx.HTTPError as err:
            raise self._unreachable_error() from err

    async def cancel_job(self, job_id: str) -> None:
        """Cancel a job; an error of the request is ignored."""
        with suppress(ConductorError):
            await self.request("DELETE", f"/jobs/{job_id}")
