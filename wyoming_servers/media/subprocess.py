"""Ends a child process that pipes audio."""

from asyncio.subprocess import Process
from typing import Final

_READ_BYTES: Final = 64 * 1024


async def kill_and_wait(process: Process) -> None:
    """Kill a child process if it still runs, and wait until it is gone.

    asyncio tells of a process's end only after that of its output, and reads no further when more
    of that waits than the limit: so what nobody wants any more is read here.
    """
    if process.returncode is None:
        process.kill()
    if process.stdout is not None:
        while await process.stdout.read(_READ_BYTES):
            pass
    await process.wait()
