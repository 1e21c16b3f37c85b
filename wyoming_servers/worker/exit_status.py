"""Describes why a worker process is gone: in a sentence, and as an error code."""

import re
import signal
from pathlib import Path
from typing import Final

from wyoming_servers.core.errors import (
    ConductorError,
    from_code,
)
from wyoming_servers.worker.interface import ExitStatus

DEVICE_LOST_STATUS: Final = 70
"""Exit status of a child that cannot use its GPU any more."""

PROTOCOL_STATUS: Final = 71
"""Exit status of a child that received an illegal message."""

_SIGNAL_DESCRIPTIONS: Final = {
    signal.SIGSEGV: "a crash in native code",
    signal.SIGBUS: "a crash in native code",
    signal.SIGILL: "an instruction this processor does not have",
    signal.SIGFPE: "a crash in native code",
    signal.SIGABRT: "aborted by a library",
}

_STATUS_DESCRIPTIONS: Final = {
    DEVICE_LOST_STATUS: ("the GPU was lost", "DEVICE_LOST"),
    PROTOCOL_STATUS: ("the server broke the worker protocol", "UNKNOWN"),
}

_SIGNALS: Final = frozenset(int(number) for number in signal.Signals)

_OOM_KILL_COUNTERS: Final = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))
"""Files in which Linux counts out-of-memory kills: of our control group, of the machine."""


def count_oom_kills() -> int:
    """Return the number of out-of-memory kills in our control group, else on the machine.

    0 if there is no such counter. Reads a file: call it in a thread.
    """
    for path in _OOM_KILL_COUNTERS:
        try:
            text = path.read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        if found := re.search(r"^oom_kill (\d+)$", text, re.MULTILINE):
            return int(found[1])
    return 0


def describe_exit(
    returncode: int | None,
    *,
    requested: bool = False,
    loading: bool = False,
    failure: ConductorError | None = None,
    oom_killed: bool = False,
    last_line: str = "",
) -> ExitStatus:
    """Describe an exit.

    1. The server requested it: expected.
    2. The worker has reported a `failure`, or broke the protocol: that is the reason.
    3. SIGKILL that the server did not send: the out-of-memory killer if the kernel has counted a
       kill during the worker's life (OOM), otherwise a `kill -9` from outside.
    4. Another signal, or a status: described in words, with the last line the process printed.

    Unless something more specific is known, the code of 3 and 4 is LOAD_FAILED while the model was
    `loading`, and INFERENCE_FAILED after that.
    """
    reason, code = (
        _describe_returncode(returncode),
        "LOAD_FAILED" if loading else "INFERENCE_FAILED",
    )
    if requested:  # 1
        return ExitStatus(
            returncode, expected=True, reason=f"stopped by the server ({reason})", code=code
        )
    if failure is not None:  # 2
        return ExitStatus(returncode, expected=False, reason=failure.message, code=failure.code)
    if returncode == -signal.SIGKILL:  # 3
        if oom_killed:
            reason, code = f"{reason}, by the kernel's out-of-memory killer", "OOM"
        else:
            reason = f"{reason}, not by the server"
    elif returncode is not None and returncode < 0:  # 4
        description = (
            _SIGNAL_DESCRIPTIONS.get(signal.Signals(-returncode))
            if -returncode in _SIGNALS
            else None
        )
        reason = f"{reason}: {description}" if description else reason
    elif returncode in _STATUS_DESCRIPTIONS:
        description, code = _STATUS_DESCRIPTIONS[returncode]
        reason = f"{reason}: {description}"
    elif last_line:
        reason = f"{reason}: {last_line}"
    return ExitStatus(returncode, expected=False, reason=reason, code=code)


def exit_error(exit_: ExitStatus, model: str) -> ConductorError:
    """Return the error of the requests that an exit has failed."""
    return from_code(exit_.code, f"The worker of {model} is gone: {exit_.reason}.")


def _describe_returncode(returncode: int | None) -> str:
    if returncode is None:
        return "never started"
    if returncode < 0:
        name = f" ({signal.Signals(-returncode).name})" if -returncode in _SIGNALS else ""
        return f"killed by signal {-returncode}{name}"
    return f"exited with status {returncode}"
