"""Reads the memory of the host and, with NVIDIA's driver, of all GPUs of this machine."""

import asyncio
import ctypes
import logging
import os
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

import psutil

from wyoming_servers.devices.daemon_executor import DaemonExecutor
from wyoming_servers.devices.probe import HOST, Device, MemoryProbe, Reading, Sample

_LOGGER = logging.getLogger(__name__)

_UNLIMITED: Final = 2**60
"""Version 1 control groups report a number near 2**63 if there is no limit."""

_TIMEOUT_S: Final = 2.0


_DRIVER: Final = "libnvidia-ml.so.1"
"""Part of NVIDIA's driver; pynvml loads the same file."""


class MachineProbe:
    """Combines several probes and reads them concurrently."""

    def __init__(self, *probes: MemoryProbe) -> None:
        self._probes = probes

    @classmethod
    def detect(cls) -> "MachineProbe":
        """Return a probe of the host and of the NVIDIA GPUs that worker processes can use.

        Workers inherit the environment of this process, and with it CUDA_VISIBLE_DEVICES.
        """
        if not _has_driver():
            return cls(HostProbe())
        # Imported late: 17 MB of bindings that a machine without a GPU does not need.
        from wyoming_servers.devices.nvml import NvmlProbe  # noqa: PLC0415

        return cls(HostProbe(), NvmlProbe(os.environ.get("CUDA_VISIBLE_DEVICES")))

    async def devices(self) -> tuple[Device, ...]:
        found = await asyncio.gather(*(probe.devices() for probe in self._probes))
        return tuple(device for devices in found for device in devices)

    async def sample(self, pids: Collection[int]) -> Sample:
        readings: dict[str, Reading] = {}
        tasks = [
            asyncio.create_task(probe.sample(pids), name="memory probe") for probe in self._probes
        ]
        for sample in await asyncio.gather(*tasks):
            readings |= sample.readings
        return Sample(readings)

    async def close(self) -> None:
        await asyncio.gather(*(probe.close() for probe in self._probes))


def _has_driver() -> bool:
    try:
        ctypes.CDLL(_DRIVER)
    except OSError:
        return False
    return True


class HostProbe:
    """Reads the host's memory with psutil, and the limits from the control group file systems."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._thread = DaemonExecutor("host memory probe", _TIMEOUT_S)

    async def devices(self) -> tuple[Device, ...]:
        try:
            return (await self._thread.run(self._device),)
        except (TimeoutError, OSError, psutil.Error) as err:
            _LOGGER.warning("the memory of the host cannot be read: %s", err)
            return ()

    async def sample(self, pids: Collection[int]) -> Sample:
        wanted = tuple(pids)
        try:
            return Sample({HOST: await self._thread.run(lambda: self.read(wanted))})
        except (TimeoutError, OSError, psutil.Error) as err:
            _LOGGER.warning("the memory of the host cannot be read: %s", err)
            return Sample({})

    async def close(self) -> None:
        self._thread.close()

    def _device(self) -> Device:
        return Device(id=HOST, name=self._name(), total=self.read(()).total)

    def read(self, pids: Collection[int] = ()) -> Reading:
        """Return the memory of this machine, or of the container. Reads small files."""
        memory = psutil.virtual_memory()
        total, free = memory.total, memory.available
        for limit, used in self._groups():
            total, free = min(total, limit), min(free, max(0, limit - used))
        return Reading(
            total=total,
            free=free,
            used=total - free,
            by_pid=resident(pids),
            utilisation=psutil.cpu_percent() / 100,
        )

    def _name(self) -> str:
        """Return the name of the processor."""
        try:
            text = (self._root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return "CPU"
        found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
        return found[1].strip() if found else "CPU"

    def _groups(self) -> list[tuple[int, int]]:
        """Return limit and use, in bytes, of each enclosing control group that has a limit.

        Inactive file cache does not count as used: the kernel drops it first.
        """
        found = []
        for folder, names in self._folders():
            limit = _number(folder / names[0])
            used = _number(folder / names[1])
            if limit is not None and used is not None and limit < _UNLIMITED:
                cache = _statistic(folder / "memory.stat", names[2])
                found.append((limit, max(0, used - cache)))
        return found

    def _folders(self) -> list[tuple[Path, tuple[str, str, str]]]:
        """Return the folders of the enclosing control groups, with the names of their files.

        In a container, the path in /proc/self/cgroup may be that of the host and may not exist
        here; then the group mounted at the root is the container's.
        """
        try:
            lines = (self._root / "proc/self/cgroup").read_text(encoding="ascii").splitlines()
        except OSError:
            return []
        folders = []
        for line in lines:
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                base = self._root / "sys/fs/cgroup"
                names = ("memory.max", "memory.current", "inactive_file")
            elif "memory" in controllers.split(","):
                base = self._root / "sys/fs/cgroup/memory"
                names = (
                    "memory.limit_in_bytes",
                    "memory.usage_in_bytes",
                    "total_inactive_file",
                )
            else:
                continue
            folder = base / path.strip("/")
            while True:
                folders.append((folder, names))
                if folder == base:
                    break
                folder = folder.parent
        return folders


def resident(pids: Collection[int]) -> dict[int, int]:
    """Return the resident set size of each process that exists, in bytes. Reads files."""
    sizes = {}
    for pid in pids:
        try:
            size = psutil.Process(pid).memory_info().rss
        except psutil.Error:
            continue  # it has exited or belongs to another user
        if size > 0:  # a zombie process holds nothing
            sizes[pid] = size
    return sizes


def _number(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _statistic(path: Path, name: str) -> int:
    try:
        text = path.read_text(encoding="ascii")
    except OSError:
        return 0
    found = re.search(rf"^{name} (\d+)$", text, re.MULTILINE)
    return int(found[1]) if found else 0
