"""Seccomp: a filter for system calls, as a small program that the kernel runs before each.

The filter refuses what no model, decoder or encoder needs: sockets, other processes' memory, and
the parts of the kernel that escapes begin with. All else is allowed, so that no library breaks.
See seccomp(2) and the kernel's seccomp_filter documentation.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Final

from wyoming_servers.core.sandbox.policy import SandboxPolicy

_LOAD: Final = 0x20  # BPF_LD | BPF_W | BPF_ABS
_IF_EQUAL: Final = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_IF_AT_LEAST: Final = 0x35  # BPF_JMP | BPF_JGE | BPF_K
_IF_ANY_BIT: Final = 0x45  # BPF_JMP | BPF_JSET | BPF_K
_RETURN: Final = 0x06  # BPF_RET | BPF_K

_NUMBER_OFFSET: Final = 0
_ARCHITECTURE_OFFSET: Final = 4
_FIRST_ARGUMENT_OFFSET: Final = 16
"""Offsets in struct seccomp_data. Of an argument the low half is read: all tested ones are ints."""

ALLOW: Final = 0x7FFF0000
_KILL_PROCESS: Final = 0x80000000
_ERRNO: Final = 0x00050000

_X32_BIT: Final = 0x40000000
_CLONE_THREAD: Final = 0x00010000
_CLONE_NEWUSER: Final = 0x10000000
_EVERY_PROCESS: Final = 0xFFFFFFFF

_PR_SET_SECCOMP: Final = 22
_SECCOMP_SET_MODE_FILTER: Final = 1
_SECCOMP_GET_ACTION_AVAIL: Final = 2
_FLAG_ALL_THREADS: Final = 1


@dataclass(frozen=True, slots=True)
class _Architecture:
    audit: int
    """AUDIT_ARCH_* of linux/audit.h."""
    seccomp: int
    """Number of the seccomp call."""
    numbers: dict[str, int]
    """Numbers of the calls that the filter knows."""


_SAME_EVERYWHERE: Final = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "clone3": 435,
    "pidfd_getfd": 438,
    "mount_setattr": 442,
}

_ARCHITECTURES: Final = {
    "x86_64": _Architecture(
        audit=0xC000003E,
        seccomp=317,
        numbers=_SAME_EVERYWHERE
        | {
            "socket": 41,
            "connect": 42,
            "clone": 56,
            "fork": 57,
            "vfork": 58,
            "execve": 59,
            "kill": 62,
            "ptrace": 101,
            "pivot_root": 155,
            "chroot": 161,
            "acct": 163,
            "settimeofday": 164,
            "mount": 165,
            "umount2": 166,
            "swapon": 167,
            "swapoff": 168,
            "reboot": 169,
            "init_module": 175,
            "delete_module": 176,
            "tkill": 200,
            "clock_settime": 227,
            "tgkill": 234,
            "kexec_load": 246,
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "unshare": 272,
            "perf_event_open": 298,
            "prlimit64": 302,
            "open_by_handle_at": 304,
            "setns": 308,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "finit_module": 313,
            "kexec_file_load": 320,
            "bpf": 321,
            "execveat": 322,
            "userfaultfd": 323,
        },
    ),
    "aarch64": _Architecture(
        audit=0xC00000B7,
        seccomp=277,
        numbers=_SAME_EVERYWHERE
        | {
            "umount2": 39,
            "mount": 40,
            "pivot_root": 41,
            "chroot": 51,
            "acct": 89,
            "unshare": 97,
            "kexec_load": 104,
            "init_module": 105,
            "delete_module": 106,
            "clock_settime": 112,
            "ptrace": 117,
            "kill": 129,
            "tkill": 130,
            "tgkill": 131,
            "reboot": 142,
            "settimeofday": 170,
            "socket": 198,
            "connect": 203,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "clone": 220,
            "execve": 221,
            "swapon": 224,
            "swapoff": 225,
            "perf_event_open": 241,
            "prlimit64": 261,
            "open_by_handle_at": 265,
            "setns": 268,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "finit_module": 273,
            "bpf": 280,
            "execveat": 281,
            "userfaultfd": 282,
            "kexec_file_load": 294,
        },
    ),
}

_ALWAYS_REFUSED: Final = (
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "pidfd_send_signal"),
    *("bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key"),
    *("mount", "umount2", "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick"),
    *("mount_setattr", "pivot_root", "chroot", "unshare", "setns", "open_by_handle_at"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load"),
    *("reboot", "swapon", "swapoff", "acct", "settimeofday", "clock_settime"),
)

_MISSING: Final = ("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3")
"""Reported as missing, so that callers use the calls before them: the first three can make sockets
without the socket call, and the flags of clone3 cannot be read by a filter."""

_NEW_PROCESS: Final = ("fork", "vfork", "execve", "execveat")

_LIBC: Final = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def is_supported() -> bool:
    """Return whether this kernel filters system calls, and this is a processor we know."""
    architecture = _architecture()
    if architecture is None:
        return False
    action = ctypes.c_uint32(_ERRNO)
    arguments = (_SECCOMP_GET_ACTION_AVAIL, 0, ctypes.byref(action))
    return int(_LIBC.syscall(architecture.seccomp, *arguments)) == 0


def restrict(policy: SandboxPolicy) -> None:
    """Refuse the system calls that the policy does not allow, in all threads, from now on.

    Needs no-new-privileges. Raises OSError if the kernel refuses the filter.
    """
    architecture = _architecture()
    if architecture is None:
        raise OSError(errno.ENOSYS, "unknown processor architecture")
    code = b"".join(build(policy, architecture.audit, architecture.numbers))
    program = _Program(len(code) // 8, code)
    arguments = (_SECCOMP_SET_MODE_FILTER, _FLAG_ALL_THREADS, ctypes.byref(program))
    if int(_LIBC.syscall(architecture.seccomp, *arguments)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _architecture() -> _Architecture | None:
    """Return the table of this process; None for 32-bit processes and other processors."""
    if sys.platform != "linux" or sys.maxsize <= 2**32:
        return None
    return _ARCHITECTURES.get(platform.machine())


def build(policy: SandboxPolicy, audit: int, numbers: dict[str, int]) -> list[bytes]:
    """Return the instructions of a filter.

    1. A call by another ABI (32-bit, x32) has other numbers: it is refused.
    2. Calls that nobody needs are refused, or reported as missing.
    3. Sockets: none, or UNIX sockets alone; connections only if the policy allows them.
    4. Signals and limits of other processes: those of the parent and of everybody are refused; all,
       if the policy allows no processes.
    5. New processes, where the policy does not allow them; never with a user namespace.
    """
    refused = _refuse(errno.EPERM)
    code = [
        *(_load(_ARCHITECTURE_OFFSET), _jump(_IF_EQUAL, audit, 1, 0), refused),  # 1
        *(_load(_NUMBER_OFFSET), _jump(_IF_AT_LEAST, _X32_BIT, 0, 1), refused),
    ]
    for name in _ALWAYS_REFUSED:  # 2
        code += _rule(numbers.get(name), [refused])
    for name in _MISSING:
        code += _rule(numbers.get(name), [_refuse(errno.ENOSYS)])
    no_socket = _return(_KILL_PROCESS) if policy.kill_on_socket else _refuse(errno.EACCES)
    unix = [_if_argument(0, socket.AF_UNIX), _return(ALLOW)] if policy.unix_sockets else []
    code += _rule(numbers["socket"], [b"".join(unix), no_socket])  # 3
    if not policy.unix_connections:
        code += _rule(numbers["connect"], [_refuse(errno.EACCES)])
    own, parent = os.getpid(), os.getppid()
    for name in ("kill", "tkill", "tgkill"):  # 4
        if policy.processes:
            body = [_if_argument(0, parent), refused, _if_argument(0, _EVERY_PROCESS), refused]
            code += _rule(numbers[name], [*body, _return(ALLOW)])
        elif name != "tkill":  # It is given a thread, whose id is not known here.
            code += _rule(numbers[name], [_if_argument(0, own), _return(ALLOW), refused])
    body = [_if_argument(0, 0), _return(ALLOW), _if_argument(0, own), _return(ALLOW), refused]
    code += _rule(numbers["prlimit64"], body)
    if policy.processes:  # 5
        body = [_argument(0), _jump(_IF_ANY_BIT, _CLONE_NEWUSER, 0, 1), refused, _return(ALLOW)]
        code += _rule(numbers["clone"], body)
    else:
        body = [_argument(0), _jump(_IF_ANY_BIT, _CLONE_THREAD, 0, 1), _return(ALLOW), refused]
        code += _rule(numbers["clone"], body)
        for name in _NEW_PROCESS:
            code += _rule(numbers.get(name), [refused])
    return [*code, _return(ALLOW)]


def _rule(number: int | None, body: list[bytes]) -> list[bytes]:
    """Return the instructions for one system call; `body` must end with a return."""
    if number is None:  # This architecture does not have it.
        return []
    code = b"".join(body)
    return [_jump(_IF_EQUAL, number, 0, len(code) // 8), code]


def _if_argument(index: int, value: int) -> bytes:
    """Execute the next instruction only if an argument has this value."""
    return _argument(index) + _jump(_IF_EQUAL, value, 0, 1)


def _argument(index: int) -> bytes:
    return _load(_FIRST_ARGUMENT_OFFSET + 8 * index)


def _load(offset: int) -> bytes:
    return struct.pack("HBBI", _LOAD, 0, 0, offset)


def _jump(test: int, value: int, if_true: int, if_false: int) -> bytes:
    return struct.pack("HBBI", test, if_true, if_false, value)


def _return(action: int) -> bytes:
    return struct.pack("HBBI", _RETURN, 0, 0, action)


def _refuse(number: int) -> bytes:
    return _return(_ERRNO | number)
