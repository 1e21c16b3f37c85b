"""Processes of the measured servers: started on the loopback interface, stopped at the end."""

import asyncio
import os
import socket
import subprocess
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
    """A running server with its child processes."""

    name: str
    port: int
    process: psutil.Process
    log: Path

    def cpu_seconds(self) -> float:
        """Return the CPU time of all processes so far."""
        return sum(sum(process.cpu_times()[:2]) for process in self._tree())

    def memory_bytes(self) -> int:
        """Return the memory of all processes (unique set size)."""
        return sum(process.memory_full_info().uss for process in self._tree())

    def _tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


def free_port() -> int:
    """Return an unused port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@asynccontextmanager
async def run_server(
    name: str, command: Sequence[str], port: int, log: Path
) -> AsyncIterator[Server]:
    """Run a server until the block ends; yields when its port accepts connections."""
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: ASYNC220  (blocks once, before anything is measured)
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
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        except OSError:
            if time.monotonic() > deadline or not server.process.is_running():
                raise SystemExit(
                    f"{server.name} did not start:\n{server.log.read_text()}"
                ) from None
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return


async def wait_for_log(server: Server, text: str) -> None:
    """Wait until a text appears in the log of a server. Raises SystemExit if it never does."""
    deadline = time.monotonic() + START_SECONDS
    while text not in server.log.read_text():
        if time.monotonic() > deadline:
            raise SystemExit(f"{server.name} is not ready:\n{server.log.read_text()}")
        await asyncio.sleep(0.1)
