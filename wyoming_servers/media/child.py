"""What the child processes do for their parent: yield the processor, end when it does, and give up
what they do not need.

It imports nothing large: the first audio of an HTTP response waits for the start of a child.
"""

import os
import sys
import sysconfig
import threading
from dataclasses import replace
from math import ceil, isinf
from pathlib import Path
from typing import Final

from wyoming_servers.core.sandbox.confine import confine
from wyoming_servers.core.sandbox.policy import SandboxPolicy

_NICE: Final = 10
"""Live speech has priority on the processor as well."""


UNCONFINED_VARIABLE: Final = "WYOMING_CONDUCTOR_UNCONFINED"
"""Set in the environment of a child that must not be confined (`security.sandbox: off`)."""

_CODE: Final = tuple(
    {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        # Packages of the user or in a folder of their own; not where the server was started.
        *(path for path in sys.path if path and Path(path).absolute() != Path.cwd()),
        str(Path(__file__).parent.parent),
        *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/nix/store", "/gnu/store"),
    }
)
"""Python, its packages and the system's libraries: some modules are imported late."""

DECODER: Final = SandboxPolicy(
    "decoder",
    read=_CODE,
    dumpable=False,
    limits={
        # Address space: far more than decoding needs, far less than would harm the machine.
        "AS": 3 * 1024**3,
        "CORE": 0,
        "FSIZE": 0,
        "NOFILE": 64,
    },
)
"""For a process that has opened its recording: it may open no file but code, make no socket and
start no process; it can read the recording and write to its pipes. `decoder_policy` adds a limit of
processor time."""

_MIN_DECODER_CPU_SECONDS: Final = 600.0

_DECODED_SECONDS_PER_CPU_SECOND: Final = 12.0
"""A slow machine decodes at least this much of a recording in one second of processor time; a
Raspberry Pi 4 does ten times as much."""

ENCODER: Final = SandboxPolicy(
    "encoder", read=_CODE, dumpable=False, limits={"CORE": 0, "NOFILE": 64}
)
"""Likewise, for an encoder that has opened its input and output."""


def decoder_policy(max_seconds: float) -> SandboxPolicy:
    """Return the policy of a decoder of recordings that last up to `max_seconds`, or `inf`."""
    if isinf(max_seconds):
        return DECODER
    seconds = max(_MIN_DECODER_CPU_SECONDS, max_seconds / _DECODED_SECONDS_PER_CPU_SECOND)
    return replace(DECODER, limits={**DECODER.limits, "CPU": ceil(seconds)})


def confine_child(policy: SandboxPolicy) -> None:
    """Confine this process unless the parent is configured not to; call it before any thread."""
    if UNCONFINED_VARIABLE not in os.environ:
        confine(policy)


def run_in_background() -> None:
    """Lower the priority of this process, and exit it when its stdin is closed.

    The kernel closes stdin when the parent dies, however that happens. For a child whose stdin
    carries nothing else.
    """
    os.nice(_NICE)
    threading.Thread(target=_exit_with_parent, name="parent watchdog", daemon=True).start()


def _exit_with_parent() -> None:
    # Not sys.stdin: a thread that holds its lock would crash the interpreter at its own exit.
    while os.read(0, 4_096):
        pass
    os._exit(1)
