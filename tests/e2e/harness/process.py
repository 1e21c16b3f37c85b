"""Child processes that never outlive the tests."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path


class ProcessEndedError(Exception):
    """Raised when a process that should serve has ended."""


def free_port() -> int:
    """Return a TCP port of the loopback interface that is free now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def tied_to_us(command: Sequence[str]) -> list[str]:
    """Let the kernel end the command with SIGTERM if the test run itself is killed (Linux)."""
    helper = shutil.which("setpriv")
    return [helper, "--pdeathsig", "TERM", "--", *command] if helper else list(command)


@asynccontextmanager
async def running(
    command: Sequence[str],
    *,
    log: Path,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    grace: float = 40.0,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command, its output in `log`; then SIGTERM, and SIGKILL after `grace` seconds."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *tied_to_us(command),
            cwd=cwd,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(grace):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


def tail(log: Path, lines: int = 30) -> str:
    """Return the end of a log, for the message of a failure."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
