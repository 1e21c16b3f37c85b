"""Landlock: a process gives up its access to files, TCP ports and processes outside.

See landlock(7) and linux/landlock.h. Rights that the running kernel does not know yet are left
out; the version of its interface (ABI) tells which.
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from typing import Final

_CREATE_RULESET: Final = 444
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
"""System calls; the numbers are the same on all architectures."""

_VERSION_FLAG: Final = 1
_PATH_BENEATH: Final = 1

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
_MAKE_AND_REMOVE: Final = sum(1 << bit for bit in range(4, 13))
_REFER: Final = 1 << 13
_TRUNCATE: Final = 1 << 14
_IOCTL_DEV: Final = 1 << 15

READ: Final = EXECUTE | READ_FILE | READ_DIR
WRITE: Final = READ | WRITE_FILE | _MAKE_AND_REMOVE | _REFER | _TRUNCATE
DEVICE: Final = READ_FILE | READ_DIR | WRITE_FILE | _TRUNCATE | _IOCTL_DEV

_OF_FILES: Final = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | _IOCTL_DEV
"""Rights that exist for a file; the others are rights of folders."""

_TCP: Final = 0b11
"""Bind and connect."""

_SCOPES: Final = 0b11
"""Abstract UNIX sockets and signals of processes outside."""

_RIGHTS_BY_ABI: Final = ((5, 16), (3, 15), (2, 14), (1, 13))
"""(ABI, number of rights on files that it knows)."""

_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def abi_version() -> int:
    """Return the version of the kernel's interface; 0 if it has none or it is switched off."""
    try:
        return max(_syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG), 0)
    except OSError:
        return 0


def restrict(rules: Iterable[tuple[str, int]], *, signals: bool = True) -> None:
    """Give up all access to files but these paths' rights, for this thread and its descendants.

    Call it before the first thread is started. Paths that do not exist are skipped. Also refuses
    TCP, abstract UNIX sockets and, with `signals`, signals to processes that are not confined with
    this one. Needs no-new-privileges. Raises OSError if the kernel refuses.
    """
    abi = abi_version()
    count = next(count for version, count in _RIGHTS_BY_ABI if abi >= version)
    known = (1 << count) - 1
    attributes = struct.pack("Q", known)
    if abi >= 4:
        attributes += struct.pack("Q", _TCP)
    if abi >= 6:
        attributes += struct.pack("Q", _SCOPES if signals else 1)
    ruleset = _syscall(_CREATE_RULESET, attributes, len(attributes), 0)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & known)
        _syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _OF_FILES
        _syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, descriptor), 0)
    finally:
        os.close(descriptor)


def _syscall(number: int, *arguments: int | bytes | None) -> int:
    """Make a system call. Raises OSError."""
    values = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result = int(_LIBC.syscall(ctypes.c_long(number), *values))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
