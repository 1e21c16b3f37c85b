"""Our own servers, started as a user starts them, with the embedded models."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from harness.process import ProcessEndedError, free_port, running, tail

READY_SECONDS = 180.0
"""Until the preloaded models answer: they are copied, checked, loaded and warmed up first."""


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
    wake: Address


@asynccontextmanager
async def start_conductor(
    command: Path, folder: Path, ports: Mapping[str, int] | None = None
) -> AsyncIterator[Servers]:
    """Run `wyoming-conductor serve` with its data in `folder`; yield once it is ready.

    `ports` are those of `asr`, `tts`, `wake` and `api`; without them, any that are free.
    Raises ProcessEndedError or TimeoutError, with the end of its log, if it never is.
    """
    names = ("asr", "tts", "wake", "api")
    ports = ports or {name: free_port() for name in names}
    settings = {
        "host": "127.0.0.1",
        "asr.model": "whisper/tiny.en",
        "api.auth": "none",
        "discovery.zeroconf": "false",
        **{f"{name}.port": str(port) for name, port in ports.items()},
    }
    arguments = ["serve", "--data-dir", str(folder / "data")]
    for path, value in settings.items():
        arguments += ["--set", f"{path}={value}"]
    log = folder / "conductor.log"
    async with running(
        [str(command), *arguments], log=log, cwd=folder, env=dict(os.environ)
    ) as process:
        try:
            async with asyncio.timeout(READY_SECONDS):
                await _is_ready(ports["api"], process)
        except (ProcessEndedError, TimeoutError) as err:
            err.add_note(tail(log))
            raise
        stt, tts, wake = (Address("127.0.0.1", ports[name]) for name in names[:3])
        yield Servers(stt=stt, tts=tts, wake=wake)


async def _is_ready(port: int, process: asyncio.subprocess.Process) -> None:
    async with aiohttp.ClientSession() as session:
        while process.returncode is None:
            try:
                async with session.get(f"http://127.0.0.1:{port}/health/ready") as reply:
                    if reply.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass  # it does not listen yet
            await asyncio.sleep(0.2)
    raise ProcessEndedError(f"wyoming-conductor ended with {process.returncode} while starting")
