"""What a worker process and the preparation of a model may do; see `core.sandbox`.

Both run the code of inference libraries on files that were downloaded. They need Python and the
libraries, the model's own files, the facts about the machine by which libraries choose their
threads. They need no network, and none of the server's other files. Workers on a GPU get the
driver's devices in addition. What a driver needs depends on its version and the card, so it is
tried once (`cuda_probe`); where it does not work confined, workers on a GPU are not confined.
"""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from wyoming_servers.core.domain import ModelSpec, Placement
from wyoming_servers.core.sandbox.policy import SandboxPolicy, is_enabled, secrets_folder

CACHE_ROLE: Final = "cache_dir"
"""Role of the folder among a model's files in which its engine keeps derived files."""

_LIBRARY_PATHS: Final = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/lib64"),
    *("/bin", "/usr/bin", "/usr/local/bin", "/usr/share", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"),
    *("/etc/localtime", "/etc/timezone", "/etc/nsswitch.conf", "/etc/passwd", "/etc/group"),
)
"""Libraries of the system, their data, and what the C library reads."""

_MACHINE_PATHS: Final = (
    *("/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version"),
    *("/proc/filesystems", "/proc/loadavg", "/proc/sys/vm", "/proc/sys/kernel"),
    *("/proc/devices", "/proc/modules", "/sys"),
)

_OWN_THREADS: Final = "/proc/self/task"
"""The driver names its threads, and listens on a UNIX socket of its own (seen with driver 580)."""
_CUDA_DEVICES: Final = ("nvidia*", "nvhost*", "nvmap", "dxg")
"""Names in /dev, as patterns: cards and control nodes of the driver, on Jetson, and on WSL."""

_CUDA_PATHS: Final = (
    *("/proc/driver/nvidia", "/proc/driver/nvidia-uvm", "/etc/nvidia", "/usr/lib/wsl"),
    *("/usr/local/nvidia", "/usr/local/cuda", "/opt/cuda", "/run/opengl-driver"),
)
"""State and files of the driver, and libraries where containers and distributions put them."""

_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108  (named, not used)
"""Some drivers keep their state for debuggers and other processes there."""

_CUDA_DESCRIPTORS: Final = 4_096

_PROBE_SECONDS: Final = 60.0
"""A driver that wakes up a card of a large machine takes some seconds."""

_DEVICES: Final = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")

_PROBED: Final[dict[str, bool]] = {}
"""Whether the driver works, by policy."""

_LOGGER: Final = logging.getLogger(__name__)

_GIB: Final = 1024**3

_LIMITS: Final = {"CORE": 0, "NOFILE": 1_024, "FSIZE": 4 * _GIB}
"""No limit of processes (it counts those of the user, not of this process) and of address space
(models are mapped, and CUDA reserves terabytes)."""


def worker_policy(
    spec: ModelSpec, placement: Placement, environment: Mapping[str, str]
) -> SandboxPolicy | None:
    """Return the policy of a worker with this environment; None if it is not confined.

    Makes the model's cache folder, which must exist to be allowed. Blocks on the disk.
    """
    found = _policy("worker", spec.files, environment)
    if found is None or not placement.device.startswith("cuda"):
        return found
    without_model = _policy("CUDA probe", {}, environment)
    assert without_model is not None  # noqa: S101  (the sandbox is on)
    if not _cuda_works_confined(_with_cuda(without_model, environment), environment):
        return None
    return _with_cuda(found, environment)


def preparation_policy(
    files: Mapping[str, str], environment: Mapping[str, str]
) -> SandboxPolicy | None:
    """Return the policy of the preparation of a model; as `worker_policy`."""
    return _policy("model preparation", files, environment)


def _policy(
    kind: str, files: Mapping[str, str], environment: Mapping[str, str]
) -> SandboxPolicy | None:
    if not is_enabled():
        return None
    secrets = secrets_folder()
    caches = [path for role, path in files.items() if role == CACHE_ROLE]
    for folder in caches:
        _make_folder(Path(folder))
    if (words := files.get("models_dir")) and secrets and secrets in Path(words).parents:
        _make_folder(Path(words))
    read, list_only = _without_secrets(
        [
            *_python_paths(environment),
            *_LIBRARY_PATHS,
            *_MACHINE_PATHS,
        ],
        secrets,
    )
    return SandboxPolicy(
        kind,
        read=(*read, *_with_targets(path for role, path in files.items() if role != CACHE_ROLE)),
        list_only=tuple(list_only),
        write=tuple(_with_targets(caches)),
        devices=_DEVICES,
        processes=True,  # Files of a model that are missing are derived in a process.
        limits=_LIMITS,
    )


def _with_cuda(policy: SandboxPolicy, environment: Mapping[str, str]) -> SandboxPolicy:
    """Return the policy with what the driver of a GPU needs. Blocks on the disk."""
    _make_device_nodes()
    devices = sorted({str(path) for name in _CUDA_DEVICES for path in Path("/dev").glob(name)})
    # Kernels that the driver has compiled for this card.
    cache = Path(environment.get("CUDA_CACHE_PATH") or Path.home() / ".nv" / "ComputeCache")
    _make_folder(cache)
    # The daemon that lets several processes share a card (MPS) is reached by sockets in there.
    pipes = [path] if (path := environment.get("CUDA_MPS_PIPE_DIRECTORY")) else []
    secrets = secrets_folder()
    is_shared = secrets is not None and Path(_SHARED_MEMORY) in secrets.parents
    return replace(
        policy,
        read=(*policy.read, *_CUDA_PATHS),
        write=(
            *(*policy.write, str(cache), _OWN_THREADS, *pipes),
            *([] if is_shared else [_SHARED_MEMORY]),
        ),
        devices=(*policy.devices, *devices),
        unix_sockets=True,
        unix_connections=bool(pipes),
        limits={**policy.limits, "NOFILE": _CUDA_DESCRIPTORS},
    )


def _make_device_nodes() -> None:
    """Let the driver's helper make the node that CUDA needs; a confined process cannot call it."""
    helper = shutil.which("nvidia-modprobe")
    if helper and Path("/dev/nvidiactl").exists() and not Path("/dev/nvidia-uvm").exists():
        command = [helper, "-u", "-c", "0"]
        subprocess.run(command, check=False, capture_output=True, timeout=_PROBE_SECONDS)  # noqa: S603


def _cuda_works_confined(policy: SandboxPolicy, environment: Mapping[str, str]) -> bool:
    """Return whether the driver of this machine works with a policy; tried once. Blocks."""
    key = policy.to_json()
    if key not in _PROBED:
        works, reason = _probe_cuda(environment, policy)
        if not works and _probe_cuda(environment)[0]:
            _LOGGER.warning(
                "Workers on a GPU are not confined: the driver does not work in the sandbox (%s).",
                reason,
            )
            _PROBED[key] = False
        else:
            # Without any card, the load fails with a reason of its own.
            _PROBED[key] = True
    return _PROBED[key]


def _probe_cuda(
    environment: Mapping[str, str], policy: SandboxPolicy | None = None
) -> tuple[bool, str]:
    """Return whether the driver works, and why not."""
    command = [sys.executable, "-P", "-m", "wyoming_servers.worker.cuda_probe"]
    if policy is not None:
        command.append(policy.to_json())
    try:
        done = subprocess.run(  # noqa: S603  (our own program)
            command,
            check=False,
            capture_output=True,
            text=True,
            env=dict(environment),
            timeout=_PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        return False, str(err)
    reason = done.stdout.strip() or done.stderr.strip()[-200:] or f"exit code {done.returncode}"
    return done.returncode == 0, reason


def _python_paths(environment: Mapping[str, str]) -> list[str]:
    """Return the folders of Python, of its packages and of the libraries on the library path."""
    named = [
        path
        for name in ("PYTHONPATH", "LD_LIBRARY_PATH")
        for path in environment.get(name, "").split(os.pathsep)
    ]
    prefixes = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix}
    interpreter = [str(Path(sys.executable).resolve().parent), str(Path(sys.executable).parent)]
    inside = [f"{prefix}/{name}" for prefix in prefixes for name in ("lib", "lib64", "share")]
    settings = [f"{prefix}/pyvenv.cfg" for prefix in prefixes]
    everything = [*named, *(path for path in sys.path if path), *interpreter, *inside, *settings]
    return list(dict.fromkeys(str(Path(path).absolute()) for path in everything if path))


def _without_secrets(paths: Iterable[str], secrets: Path | None) -> tuple[list[str], list[str]]:
    """Divide paths into those to read as a whole, and folders that contain the secrets.

    Of the latter all but the way to the secrets is read. So a checkout of the project with its
    data directory inside is fine, and so is a data directory below /usr/local/lib.
    """
    read: list[str] = []
    list_only: list[str] = []
    pending = [Path(path) for path in paths]
    real = secrets.resolve() if secrets is not None else None
    while pending:
        path = pending.pop()
        resolved = path.resolve()
        if real is None or (resolved != real and resolved not in real.parents):
            read.append(str(path))
        elif resolved != real:
            list_only.append(str(path))
            pending += _children(path)
    return read, list_only


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _with_targets(paths: Iterable[str]) -> list[str]:
    """Return paths and what they link to, with the links in folders: the store of a download tool
    has folders of links."""
    result: dict[str, None] = {}
    for text in paths:
        path = Path(text)
        links = [item for item in _children(path) if item.is_symlink()] if path.is_dir() else []
        for item in (path, *links):
            result |= {str(item.absolute()): None, str(item.resolve()): None}
    return list(result)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        # A read-only store: its engine works without a cache.
        return
