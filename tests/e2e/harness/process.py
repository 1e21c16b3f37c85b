"""Child processes that end with the tests."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path


class ProcessEndedError(Exception):
    """Raised when a server process ends unexpectedly."""


def free_port() -> int:
    """Return a free TCP port of the loopback interface."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _with_parent_death_signal(command: Sequence[str]) -> list[str]:
    """Make the kernel end the command with SIGTERM when the test process dies (Linux)."""
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
    """Run a command until the block ends, with its output in `log`.

    Ends it with SIGTERM, and with SIGKILL after `grace` seconds.
    """
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *_with_parent_death_signal(command),
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
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
