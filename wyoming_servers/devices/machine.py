"""All devices of this machine through one probe."""

import asyncio
import ctypes
import os
from collections.abc import Collection
from typing import Final

from wyoming_servers.devices.host import HostProbe
from wyoming_servers.devices.probe import Device, MemoryProbe, Reading, Sample

_DRIVER: Final = "libnvidia-ml.so.1"
"""What NVIDIA's driver brings; pynvml loads the same file."""


class MachineProbe:
    """Asks several probes at once, so that a GPU driver that hangs delays no other reading."""

    def __init__(self, *probes: MemoryProbe) -> None:
        self._probes = probes

    @classmethod
    def detect(cls) -> "MachineProbe":
        """Read the host and the NVIDIA GPUs that worker processes can use.

        They inherit our environment, and with it CUDA's own variable that hides GPUs.
        """
        if not _has_driver():
            return cls(HostProbe())
        # 17 MB of bindings, which a machine without a GPU need not hold.
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
