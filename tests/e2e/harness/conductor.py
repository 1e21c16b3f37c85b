"""Runs our server from the command line with the bundled models."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp

from harness.process import ProcessEndedError, free_port, running, tail

READY_SECONDS = 180.0
"""Includes installing, loading and warming up the preloaded models."""

SERVICES = ("asr", "tts", "wake", "api")


@dataclass(frozen=True)
class Address:
    """Host and port of a server."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Parse `HOST:PORT`."""
        host, _, port = text.rpartition(":")
        return cls(host, int(port))


@dataclass(frozen=True)
class Servers:
    """Addresses of the Wyoming servers."""

    stt: Address
    tts: Address
    wake: Address | None = None
    """None: no wake words."""

    api: Address | None = None
    """The HTTP API; None for servers that are not ours."""


class Conductor:
    """An installation of our server with fixed ports and data.

    `async with` starts and stops it; it may be killed and started in between.
    """

    def __init__(
        self, command: Path, folder: Path, settings: Mapping[str, str] | None = None
    ) -> None:
        """Run `command` with its data in `folder`; `settings` are configuration keys."""
        self.ports = {name: free_port() for name in SERVICES}
        self._command = command
        self._folder = folder
        self._settings = {
            "host": "127.0.0.1",
            "asr.model": "whisper/tiny.en",
            "api.auth": "none",
            "discovery.zeroconf": "false",
            **{f"{name}.port": str(port) for name, port in self.ports.items()},
            **(settings or {}),
        }
        self._running = AsyncExitStack()
        self._needs_token = self._settings["api.auth"] == "token"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def servers(self) -> Servers:
        """Addresses of the services."""
        return Servers(*(Address("127.0.0.1", self.ports[name]) for name in SERVICES))

    @property
    def log(self) -> Path:
        """Log file of all starts."""
        return self._folder / "conductor.log"

    async def __aenter__(self) -> Self:
        """Start the server."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop the server."""
        await self.stop()

    async def start(self) -> None:
        """Start the server and wait until it is ready.

        Raises ProcessEndedError or TimeoutError with the end of the log if it fails to start.
        """
        arguments = ["serve", "--data-dir", str(self._folder / "data")]
        for path, value in self._settings.items():
            arguments += ["--set", f"{path}={value}"]
        process = await self._running.enter_async_context(
            running(
                [str(self._command), *arguments],
                log=self.log,
                cwd=self._folder,
                env=dict(os.environ),
            )
        )
        self._process = process
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self._wait_until_ready(process)
        except (ProcessEndedError, TimeoutError) as err:
            await self.stop()
            err.add_note(tail(self.log))
            raise

    async def stop(self) -> None:
        """Stop the server and wait for its end."""
        await self._running.aclose()

    async def kill(self) -> None:
        """Kill the server like the kernel does when memory runs out."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
        await self.stop()

    async def request(self, method: str, path: str, body: object = None) -> Any:
        """Send a request to the HTTP API; return the decoded response, None if it is empty."""
        url = f"http://127.0.0.1:{self.ports['api']}{path}"
        headers = {}
        if self._needs_token:
            token = await asyncio.to_thread((self._folder / "data" / "api-token").read_text)
            headers = {"Authorization": f"Bearer {token.strip()}"}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.request(method, url, json=body) as response,
        ):
            if response.status >= 400:
                raise AssertionError(f"{method} {path}: {response.status} {await response.text()}")
            return await response.json() if await response.read() else None

    async def _wait_until_ready(self, process: asyncio.subprocess.Process) -> None:
        url = f"http://127.0.0.1:{self.ports['api']}/health/ready"
        async with aiohttp.ClientSession() as session:
            while process.returncode is None:
                try:
                    async with session.get(url) as response:
                        if response.status == 200:
                            return
                except aiohttp.ClientConnectionError:
                    pass  # not listening yet
                await asyncio.sleep(0.2)
        raise ProcessEndedError(f"wyoming-conductor ended with {process.returncode} while starting")
