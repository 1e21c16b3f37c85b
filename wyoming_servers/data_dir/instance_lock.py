"""Who lives in a data directory: one server at a time, with an identity that outlives restarts."""

import contextlib
import fcntl
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
)
from wyoming_servers.core.files import atomic_write

STATE_FILE: Final = "server.json"
"""Process id and ports of the running server: what a command on the same machine looks for."""

_LOCK_FILE: Final = "server.lock"
_UUID_FILE: Final = "uuid"


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that says it runs."""

    pid: int
    host: str
    ports: Mapping[str, int]


class InstanceLock:
    """Holds the directory from `enter` to `leave`; the kernel frees it if the process dies.

    All calls block on the disk.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._lock: int | None = None

    def acquire(self) -> Self:
        """Take the directory, making it if needed.

        Raises BusyError if another server has it, BadRequestError if it cannot be written.
        """
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True)
            lock = os.open(
                self._data_dir / _LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
        except OSError as err:
            raise BadRequestError(
                f"The data directory {self._data_dir} cannot be used: {err.strerror or err}.",
                hint="Choose another with --data-dir.",
            ) from err
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            os.close(lock)
            running = find_running_server(self._data_dir)
            who = f" (process {running.pid})" if running else ""
            raise BusyError(
                f"Another server{who} uses {self._data_dir}.",
                hint="Stop it, or give this one a directory of its own with --data-dir.",
            ) from err
        self._lock = lock
        # A server that was killed could not take its state along.
        (self._data_dir / STATE_FILE).unlink(missing_ok=True)
        return self

    def installation_id(self) -> str:
        """Return the installation's UUID, made at the first start."""
        path = self._data_dir / _UUID_FILE
        with contextlib.suppress(OSError, ValueError):
            return str(uuid.UUID(path.read_text(encoding="ascii").strip()))
        made = str(uuid.uuid4())
        atomic_write(path, made + "\n")
        return made

    def publish_state(self, host: str, ports: Mapping[str, int]) -> None:
        """Write down where this server listens."""
        state = {"pid": os.getpid(), "host": host, "ports": dict(ports)}
        # Not durable: the file says nothing after a power cut.
        atomic_write(self._data_dir / STATE_FILE, json.dumps(state) + "\n", durable=False)

    def release(self) -> None:
        """Give the directory back; a second call changes nothing."""
        if self._lock is None:
            return
        (self._data_dir / STATE_FILE).unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = None


def find_running_server(data_dir: Path) -> RunningServer | None:
    """Return the server that lives in a directory, if one does. Blocks on the disk."""
    try:
        state: Any = json.loads((data_dir / STATE_FILE).read_text(encoding="utf-8"))
        running = RunningServer(int(state["pid"]), str(state["host"]), dict(state["ports"]))
        os.kill(running.pid, 0)
    except PermissionError:
        return None  # the process id was given to somebody else's process
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return running
