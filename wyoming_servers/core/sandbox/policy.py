"""What a kind of child process may do, as data that the parent passes to the child."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final, Self


@dataclass(frozen=True, slots=True)
class SandboxPolicy:
    """What a child process may do. Everything that is not mentioned here is refused."""

    kind: str
    """Name of the kind of child, for the log."""
    read: tuple[str, ...] = ()
    """Files, and folders with all they contain, that may be read and executed."""
    list_only: tuple[str, ...] = ()
    """Folders whose names may be listed; their files may not be read."""
    write: tuple[str, ...] = ()
    """Files, and folders with all they contain, that may be read, written, made and deleted."""
    devices: tuple[str, ...] = ()
    """Device files, and folders of them, that may be opened and controlled (ioctl)."""
    unix_sockets: bool = False
    """Whether new UNIX sockets may be made. Inherited ones and socket pairs always work."""
    unix_connections: bool = False
    """Whether the sockets that it makes may connect to other programs."""
    processes: bool = False
    """Whether it may start processes; they are confined as well."""
    dumpable: bool = True
    """Whether other processes of the user may read its memory (/proc/PID/smaps, debuggers)."""
    limits: Mapping[str, int] = field(default_factory=dict)
    """Resource limits by the name in `resource` without RLIMIT_, such as {"CORE": 0}."""
    kill_on_socket: bool = False
    """Whether an attempt to make a socket kills the process instead of failing. For tests, which
    prove with it that no library tries."""

    def to_json(self) -> str:
        """Return the policy as a command line argument."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a policy. Raises ValueError or TypeError if it is malformed."""
        values = json.loads(text)
        paths = ("read", "list_only", "write", "devices")
        return cls(**(values | {name: tuple(values[name]) for name in paths}))


@dataclass(slots=True)
class _Settings:
    enabled: bool = True
    secrets: Path | None = None


_SETTINGS: Final = _Settings()


def configure(*, enabled: bool, secrets: Path | None = None) -> None:
    """Set once, before the first child starts, whether this process confines its children.

    `secrets` is the folder with secrets (the data directory): no folder that contains it becomes
    readable as a whole.
    """
    _SETTINGS.enabled = enabled
    _SETTINGS.secrets = secrets.absolute() if secrets is not None else None


def is_enabled() -> bool:
    """Return whether children are confined (`security.sandbox`)."""
    return _SETTINGS.enabled


def secrets_folder() -> Path | None:
    """Return the folder with secrets, if one was configured."""
    return _SETTINGS.secrets


_INHERITED: Final = frozenset(
    {
        *("HOME", "HOSTTYPE", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TEMP", "TERM"),
        *("TMP", "TMPDIR", "TZ", "TZDIR", "USER", "VIRTUAL_ENV", "XDG_CACHE_HOME"),
        *("CUBLAS_WORKSPACE_CONFIG", "ESPEAK_DATA_PATH", "GLIBC_TUNABLES"),
    }
)
"""Variables that every child inherits: where things are, and in which language."""

_INHERITED_PREFIXES: Final = (
    *("LC_", "LD_", "PYTHON", "MALLOC_", "COVERAGE_", "ASAN_", "UBSAN_", "DYLD_"),
    *("CUDA_", "CUDNN_", "NVIDIA_", "NCCL_"),
    *("OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "BLIS_", "VECLIB_", "NUMEXPR_"),
    *("CT2_", "ORT_", "TORCH", "PYTORCH_", "FAKE_"),
)
"""Starts of names of variables that tune interpreters and numerical libraries."""


def inherited_environment() -> dict[str, str]:
    """Return the variables of this process that a child may see.

    It is a list of what is known to be needed. Secrets are in variables of any name (a token of
    the API, credentials of a proxy or a cloud), so everything else stays here.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
    }
