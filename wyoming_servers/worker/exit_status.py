"""Says in words, and as an error code, why a worker process is gone."""

import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from wyoming_servers.core.errors import (
    ConductorError,
    from_code,
)
from wyoming_servers.worker.interface import ExitStatus

DEVICE_LOST_STATUS: Final = 70
"""The child's exit status when its GPU is of no more use to the process."""

PROTOCOL_STATUS: Final = 71
"""The child's exit status when the server said something it must not say."""

_SIGNAL_DESCRIPTIONS: Final = {
    signal.SIGSEGV: "a crash in native code",
    signal.SIGBUS: "a crash in native code",
    signal.SIGILL: "an instruction this processor does not have",
    signal.SIGFPE: "a crash in native code",
    signal.SIGABRT: "the library gave up",
}

_STATUS_DESCRIPTIONS: Final = {
    DEVICE_LOST_STATUS: ("the GPU was lost", "DEVICE_LOST"),
    PROTOCOL_STATUS: ("the server broke the worker protocol", "UNKNOWN"),
}

_OOM_KILL_COUNTERS: Final = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))
"""Where Linux counts processes its out-of-memory killer has killed: ours, or everybody's."""


def count_oom_kills() -> int:
    """Count the kernel's out-of-memory kills in our control group, else on the machine.

    Reads a file: call it outside the event loop. 0 where there is no such count.
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
    asked: bool = False,
    loading: bool = False,
    failure: ConductorError | None = None,
    oom_killed: Callable[[], bool] | bool = False,
    last_words: str = "",
) -> ExitStatus:
    """Turn an exit status into an `Exit`.

    1. The server asked for it: nothing to blame anybody for.
    2. The worker had said what failed (`failure`), or broke the protocol: that is the reason.
    3. SIGKILL nobody here sent: the kernel's out-of-memory killer if it has counted a kill during
       the worker's life (OOM), otherwise somebody's `kill -9`.
    4. Another signal, or a status: in words, with the last line the process wrote.

    The code of 3 and 4 is LOAD_FAILED while it was `loading`, and INFERENCE_FAILED after that,
    where nothing says more.
    """
    reason, code = (
        _describe_returncode(returncode),
        "LOAD_FAILED" if loading else "INFERENCE_FAILED",
    )
    if asked:  # 1
        return ExitStatus(
            returncode, expected=True, reason=f"stopped by the server ({reason})", code=code
        )
    if failure is not None:  # 2
        return ExitStatus(returncode, expected=False, reason=failure.message, code=failure.code)
    if returncode == -signal.SIGKILL:  # 3
        if oom_killed() if callable(oom_killed) else oom_killed:
            reason, code = f"{reason}, by the kernel's out-of-memory killer", "OOM"
        else:
            reason = f"{reason}, not by the server"
    elif returncode is not None and returncode < 0:  # 4
        words = (
            _SIGNAL_DESCRIPTIONS.get(signal.Signals(-returncode))
            if -returncode in _SIGNALS
            else None
        )
        reason = f"{reason}: {words}" if words else reason
    elif returncode in _STATUS_DESCRIPTIONS:
        words, code = _STATUS_DESCRIPTIONS[returncode]
        reason = f"{reason}: {words}"
    elif last_words:
        reason = f"{reason}: {last_words}"
    return ExitStatus(returncode, expected=False, reason=reason, code=code)


def exit_error(exit_: ExitStatus, model: str) -> ConductorError:
    """Return what a request that met this exit fails with."""
    return from_code(exit_.code, f"The worker of {model} is gone: {exit_.reason}.")


_SIGNALS: Final = frozenset(int(number) for number in signal.Signals)


def _describe_returncode(returncode: int | None) -> str:
    if returncode is None:
        return "never started"
    if returncode < 0:
        name = f" ({signal.Signals(-returncode).name})" if -returncode in _SIGNALS else ""
        return f"killed by signal {-returncode}{name}"
    return f"exited with status {returncode}"
