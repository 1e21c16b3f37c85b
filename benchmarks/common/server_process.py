"""Servers under measurement: started for the benchmark alone, on loopback, and ended with it."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

START_SECONDS = 60.0
STOP_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server and all its processes."""

    name: str
    port: int
    process: psutil.Process
    log: Path

    def cpu_seconds(self) -> float:
        """Return the CPU time of the server and its children so far."""
        return sum(sum(each.cpu_times()[:2]) for each in self._tree())

    def memory_bytes(self) -> int:
        """Return the memory that would come back if it ended (USS), children included."""
        return sum(each.memory_full_info().uss for each in self._tree())

    def _tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def run_conductor(*settings: str) -> AsyncIterator[Server]:
    """Run the wake word service of this checkout, with `key=value` settings."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        fixed = (
            f"data_dir={folder}",
            "host=127.0.0.1",
            f"wake.port={port}",
            "asr.enabled=false",
            "tts.enabled=false",
            "api.enabled=false",
            "discovery.zeroconf=false",
            "downloads.offline=true",
            "keep_alive=-1",
        )
        command = [sys.executable, "-m", "wyoming_servers", "serve"]
        for setting in (*fixed, *settings):
            command += ["--set", setting]
        async with run_server("wyoming-conductor", command, port, Path(folder) / "log") as server:
            await wait_for_log(server, "openwakeword is ready")
            yield server


@asynccontextmanager
async def run_peer(python: Path, words: Sequence[str], *options: str) -> AsyncIterator[Server]:
    """Run wyoming-openwakeword with the words loaded."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python), "-m", "wyoming_openwakeword", "--uri", f"tcp://127.0.0.1:{port}"]
        for word in words:
            command += ["--preload-model", word]
        command += options
        async with run_server(
            "wyoming-openwakeword", command, port, Path(folder) / "log"
        ) as server:
            yield server


@asynccontextmanager
async def run_server(
    name: str, command: Sequence[str], port: int, log: Path
) -> AsyncIterator[Server]:
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220  (once, before anything is measured)
            command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"NO_COLOR": "1"}
        )
    server = Server(name, port, psutil.Process(process.pid), log)
    try:
        await _wait_for_port(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _wait_for_port(server: Server) -> None:
    end = time.monotonic() + START_SECONDS
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        except OSError:
            if time.monotonic() > end or not server.process.is_running():
                raise SystemExit(
                    f"{server.name} did not start:\n{server.log.read_text()}"
                ) from None
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


async def wait_for_log(server: Server, text: str) -> None:
    end = time.monotonic() + START_SECONDS
    while text not in server.log.read_text():
        if time.monotonic() > end:
            raise SystemExit(f"{server.name} is not ready:\n{server.log.read_text()}")
        await asyncio.sleep(0.1)
