"""Applies a policy to the process that calls it, as far as its kernel can."""

import ctypes
import logging
import os
import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from wyoming_servers.core.sandbox import landlock, seccomp
from wyoming_servers.core.sandbox.policy import SandboxPolicy

_LOGGER: Final = logging.getLogger(__name__)

PRIVATE_UMASK: Final = 0o077
"""Files are for this user alone."""

_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38


@dataclass(frozen=True, slots=True)
class KernelSupport:
    """What the kernel offers to confine processes."""

    seccomp: bool
    """System calls can be filtered: no network, no access to other processes."""
    landlock_abi: int
    """Version of Landlock; 0 without it: files are then protected by their permissions alone."""

    @property
    def missing(self) -> list[str]:
        """Return what the kernel lacks, by name."""
        names = {"seccomp": self.seccomp, "Landlock": self.landlock_abi > 0}
        return [name for name, present in names.items() if not present]


@cache
def kernel_support() -> KernelSupport:
    """Return what the kernel offers, without changing anything."""
    if sys.platform != "linux":
        return KernelSupport(seccomp=False, landlock_abi=0)
    return KernelSupport(seccomp.is_supported(), landlock.abi_version())


def confine(policy: SandboxPolicy) -> list[str]:
    """Confine this process for good; return what could not be applied, for the log.

    Call it before other threads start: Landlock applies to the calling thread and those that it
    starts. Never raises: on an old kernel the process is confined less.
    """
    os.umask(PRIVATE_UMASK)
    steps: list[tuple[str, Callable[[], None]]] = [
        (f"limit of {name}", lambda name=name, value=value: _limit(name, value))  # type: ignore[misc]
        for name, value in policy.limits.items()
    ]
    if sys.platform == "linux":
        steps += _linux_steps(policy)
    problems = []
    for name, step in steps:
        try:
            step()
        except (OSError, ValueError, AttributeError) as err:
            problems.append(f"{name}: {err}")
    if problems:
        _LOGGER.debug("This process (%s) is confined less: %s", policy.kind, "; ".join(problems))
    return problems


def _linux_steps(policy: SandboxPolicy) -> list[tuple[str, Callable[[], None]]]:
    steps: list[tuple[str, Callable[[], None]]] = []
    if not policy.dumpable:
        steps.append(("PR_SET_DUMPABLE", lambda: _prctl(_PR_SET_DUMPABLE, 0)))
    return [
        *steps,
        ("no_new_privs", lambda: _prctl(_PR_SET_NO_NEW_PRIVS, 1)),
        ("Landlock", lambda: _restrict_files(policy)),
        # Last: the filter must not refuse one of the steps before it.
        ("seccomp", lambda: seccomp.restrict(policy)),
    ]


def _restrict_files(policy: SandboxPolicy) -> None:
    if not kernel_support().landlock_abi:
        raise OSError("the kernel does not have it")
    with suppress(OSError):
        if (threads := len(list(Path("/proc/self/task").iterdir()))) > 1:
            raise ValueError(f"{threads} threads run already")
    landlock.restrict(
        [
            *((path, landlock.READ) for path in policy.read),
            *((path, landlock.READ_DIR) for path in policy.list_only),
            *((path, landlock.WRITE) for path in policy.write),
            *((path, landlock.DEVICE) for path in policy.devices),
        ]
    )


def _limit(name: str, value: int) -> None:
    """Lower a resource limit, soft and hard; one that is lower already stays."""
    kind = getattr(resource, f"RLIMIT_{name}")
    _, hard = resource.getrlimit(kind)
    # At the soft limit of processor time the process gets a signal that names the reason (SIGXCPU).
    maximum = value + 1 if name == "CPU" else value
    if hard != resource.RLIM_INFINITY:
        maximum = min(maximum, hard)
    resource.setrlimit(kind, (min(value, maximum), maximum))


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    zero = ctypes.c_ulong(0)
    if libc.prctl(option, ctypes.c_ulong(value), zero, zero, zero) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
