"""Asks a running server to read a text aloud, and waits for the file."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import httpx

from wyoming_servers.cli.api_client import ApiClient
from wyoming_servers.errors import ConductorError

_TRANSFER_TIMEOUT: Final = httpx.Timeout(60.0)
"""For a text on its way in and a file on its way out; a stream has a heartbeat every 15 s."""


class SpeechJobClient(ApiClient):
    """Speech jobs of one server; raises as `ApiClient` does."""

    async def create_job(self, name: str, text: bytes, fields: Mapping[str, str]) -> str:
        """Send a text; return the job's id."""
        try:
            answer = await self._client.post(
                "/jobs/speech", files={"text": (name, text)}, data=dict(fields), timeout=_TRANSFER_TIMEOUT
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
