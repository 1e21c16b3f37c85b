"""Reads all devices of this machine through one probe."""

import asyncio
import ctypes
import os
from collections.abc import Collection
from typing import Final

from wyoming_servers.devices.host import HostProbe
from wyoming_servers.devices.probe import Device, MemoryProbe, Reading, Sample

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
        for sample in await asyncio.gather(*(probe.sample(pids) for probe in self._probes)):
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
