"""One process at a time changes a model's folder: a server and `models pull` may meet there."""

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
    """Hold the lock file; waits for another process, however long its download takes.

    The kernel frees the lock when its holder dies, so none is ever left behind.
    """
    descriptor = await asyncio.to_thread(_open, path)
    try:
        # Another process's lock has no event to wait for, and a blocking wait cannot be cancelled.
        while not try_lock(descriptor):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
