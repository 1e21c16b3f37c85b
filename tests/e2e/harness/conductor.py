"""Our own servers, started as a user starts them, with the embedded models."""

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
"""Until the preloaded models answer: they are copied, checked, loaded and warmed up first."""

SERVICES = ("asr", "tts", "wake", "api")


@dataclass(frozen=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read `HOST:PORT`."""
        host, _, port = text.rpartition(":")
        return cls(host, int(port))


@dataclass(frozen=True)
class Servers:
    """The three Wyoming servers that Home Assistant is given."""

    stt: Address
    tts: Address
    wake: Address | None = None
    """None: it is done without wake words."""


class Conductor:
    """One installation of our servers: the same ports and data at every start.

    `async with` starts it and stops it in the end; it may be killed and started in between.
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
        self._process: asyncio.subprocess.Process | None = None

    @property
    def servers(self) -> Servers:
        """Where its Wyoming servers listen."""
        return Servers(*(Address("127.0.0.1", self.ports[name]) for name in SERVICES[:3]))

    @property
    def log(self) -> Path:
        """What it has logged, at all its starts."""
        return self._folder / "conductor.log"

    async def __aenter__(self) -> Self:
        """Start it."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop it."""
        await self.stop()

    async def start(self) -> None:
        """Start it; returns once it is ready.

        Raises ProcessEndedError or TimeoutError, with the end of its log, if it never is.
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
                await self._is_ready(process)
        except (ProcessEndedError, TimeoutError) as err:
            await self.stop()
            err.add_note(tail(self.log))
            raise

    async def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        await self._running.aclose()

    async def kill(self) -> None:
        """End it without a warning, as the kernel does when memory runs out."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
        await self.stop()

    async def ask(self, method: str, path: str) -> Any:
        """Send a request to its HTTP interface; return the JSON of the answer, None if empty."""
        url = f"http://127.0.0.1:{self.ports['api']}{path}"
        async with aiohttp.ClientSession() as session, session.request(method, url) as reply:
            if reply.status >= 400:
                raise AssertionError(f"{method} {path}: {reply.status} {await reply.text()}")
            return await reply.json() if await reply.read() else None

    async def _is_ready(self, process: asyncio.subprocess.Process) -> None:
        url = f"http://127.0.0.1:{self.ports['api']}/health/ready"
        async with aiohttp.ClientSession() as session:
            while process.returncode is None:
                try:
                    async with session.get(url) as reply:
                        if reply.status == 200:
                            return
                except aiohttp.ClientConnectionError:
                    pass  # it does not listen yet
                await asyncio.sleep(0.2)
        raise ProcessEndedError(f"wyoming-conductor ended with {process.returncode} while starting")
