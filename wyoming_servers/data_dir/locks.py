"""Locks between processes: one server per data directory, one installer per model.

The kernel releases a lock when its process dies, so no stale lock remains.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from wyoming_servers.core.errors import BadRequestError, BusyError
from wyoming_servers.core.files import atomic_write, protect
from wyoming_servers.data_dir.set_aside import rename_damaged

STATE_FILE: Final = "server.json"
"""Process id and ports of the running server, for commands on the same machine."""

_LOCK_FILE: Final = "server.lock"
_UUID_FILE: Final = "uuid"

_ATTEMPTS: Final = 10
_ATTEMPT_SECONDS: Final = 0.02
"""Pause between attempts to lock; `find_running_server` holds the lock for microseconds."""

_POLL_SECONDS: Final = 0.2
"""Pause between two attempts of `file_lock`."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """The server that holds a data directory."""

    pid: int
    host: str
    ports: Mapping[str, int]


class InstanceLock:
    """Holds a data directory from `acquire` to `release`; the kernel frees it if the process dies.

    All methods block on the disk.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._descriptor: int | None = None

    def acquire(self) -> Self:
        """Lock the directory, creating it if needed, and keep other users out.

        Raises BusyError if another server holds it, BadRequestError if it cannot be written.
        """
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            protect(self._data_dir)
            descriptor = os.open(
                self._data_dir / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
        except OSError as err:
            raise BadRequestError(
                f"The data directory {self._data_dir} cannot be used: {err.strerror or err}.",
                hint=f"Give it to the user with the id {os.getuid()}, or choose another one with "
                "--data-dir.",
            ) from err
        if not _lock(descriptor):
            os.close(descriptor)
            running = find_running_server(self._data_dir)
            process = f" (process {running.pid})" if running else ""
            raise BusyError(
                f"Another server{process} uses {self._data_dir}.",
                hint="Stop it, or choose another data directory with --data-dir.",
            )
        self._descriptor = descriptor
        # A server that was killed leaves its state file behind.
        state = self._data_dir / STATE_FILE
        with contextlib.suppress(OSError):
            if state.is_dir():
                rename_damaged(state, time.time())
            state.unlink(missing_ok=True)
        return self

    def installation_id(self) -> str:
        """Return the UUID of this installation, which the first start generates."""
        path = self._data_dir / _UUID_FILE
        with contextlib.suppress(OSError, ValueError):
            return str(uuid.UUID(path.read_text(encoding="ascii").strip()))
        generated = str(uuid.uuid4())
        # On a full disk the next start tries again.
        with contextlib.suppress(OSError):
            if path.is_dir():
                rename_damaged(path, time.time())
            atomic_write(path, generated + "\n")
        return generated

    def publish_state(self, host: str, ports: Mapping[str, int]) -> None:
        """Write the state file for `find_running_server`."""
        state = {"pid": os.getpid(), "host": host, "ports": dict(ports)}
        # Not durable: after a power cut the server runs no more.
        atomic_write(self._data_dir / STATE_FILE, json.dumps(state) + "\n", durable=False)

    def release(self) -> None:
        """Unlock the directory; does nothing if it is not locked."""
        if self._descriptor is None:
            return
        (self._data_dir / STATE_FILE).unlink(missing_ok=True)
        os.close(self._descriptor)
        self._descriptor = None


def find_running_server(data_dir: Path) -> RunningServer | None:
    """Return the server that holds a data directory and listens, or None. Blocks on the disk.

    The lock decides, not the process id in the state file: after a crash, the system may give the
    same number to another process.
    """
    try:
        if not _is_locked(data_dir / _LOCK_FILE):
            return None
        state: Any = json.loads((data_dir / STATE_FILE).read_text(encoding="utf-8"))
        return RunningServer(int(state["pid"]), str(state["host"]), dict(state["ports"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@asynccontextmanager
async def file_lock(path: Path) -> AsyncIterator[None]:
    """Hold a lock file; waits without a limit while another process holds it."""
    descriptor = await asyncio.to_thread(_open, path)
    try:
        # The lock of another process has no event, and a blocking wait cannot be cancelled.
        while not _try_to_lock(descriptor):  # noqa: ASYNC110
            await asyncio.sleep(_POLL_SECONDS)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock a file; False if another server holds it."""
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_ATTEMPT_SECONDS)
        if _try_to_lock(descriptor):
            return True
    return False


def _is_locked(path: Path) -> bool:
    """Check whether a server holds the lock file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # Shared: two programs that check at the same time do not see each other.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _try_to_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
