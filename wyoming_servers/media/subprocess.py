"""Starts and ends the child processes that decode and encode."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from typing import Final

from wyoming_servers.core.sandbox.policy import is_enabled
from wyoming_servers.media.child import UNCONFINED_VARIABLE

_READ_BYTES: Final = 64 * 1024
_MAX_STDERR_BYTES: Final = 2_000

_PASSED_VARIABLES: Final = (
    *("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "PYTHONHOME", "PYTHONPATH", "TMPDIR"),
)
"""Environment variables with which Python finds itself and its libraries."""


async def spawn_child(
    module: str, *arguments: str, output: bool = True, errors: bool = True
) -> Process:
    """Start `python -m wyoming_servers.media.MODULE` with a pipe to its stdin.

    `output` and `errors` say whether stdout and stderr are pipes too; else they are discarded. The
    child leads a session of its own, so that Ctrl-C in a terminal reaches the server alone. It gets
    no secret from the environment, and one thread for numerical libraries: on a machine with many
    processors, the stacks and buffers of more would exceed the address space a decoder may use.
    """
    environment = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
    if not is_enabled():
        environment[UNCONFINED_VARIABLE] = "1"
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", f"wyoming_servers.media.{module}", *arguments),
        stdin=PIPE,
        stdout=PIPE if output else DEVNULL,
        stderr=PIPE if errors else DEVNULL,
        env=environment | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,
    )


async def kill_and_wait(process: Process) -> None:
    """Kill a child if it still runs, and wait until it is gone.

    asyncio reports the end of a process only after the end of its output, and stops reading when
    more output waits than its limit. So unread output is read and discarded here.
    """
    if process.returncode is None:
        process.kill()
    if process.stdout is not None:
        while await process.stdout.read(_READ_BYTES):
            pass
    await process.wait()


async def read_stderr(process: Process) -> str:
    """Read stderr to its end, so that the child never blocks; return its last 2000 bytes."""
    if process.stderr is None:
        raise ValueError("stderr is not a pipe")
    tail = b""
    while data := await process.stderr.read(_MAX_STDERR_BYTES):
        tail = (tail + data)[-_MAX_STDERR_BYTES:]
    return tail.decode(errors="replace").strip()


def describe_exit(code: int) -> str:
    """Return `exit code 3`, or the signal's name for a negative code."""
    if code >= 0:
        return f"exit code {code}"
    return signal.Signals(-code).name
