"""Locks between processes, such as a server and `models pull` that install the same model."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

_POLL_SECONDS: Final = 0.2


@asynccontextmanager
async def file_lock(path: Path) -> AsyncIterator[None]:
    """Hold a lock file; waits without a limit while another process holds it.

    The kernel releases the lock when the process dies, so no stale lock remains.
    """
    descriptor = await asyncio.to_thread(_open, path)
    try:
        # The lock of another process has no event, and a blocking wait cannot be cancelled.
        while not _try_lock(descriptor):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
