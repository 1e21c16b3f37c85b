"""Reads the memory of NVIDIA GPUs through the driver's management library (NVML)."""

import logging
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final, TypeVar

import pynvml

from wyoming_servers.devices.daemon_executor import DaemonExecutor
from wyoming_servers.devices.probe import Device, Reading, Sample

_LOGGER = logging.getLogger(__name__)

_TIMEOUT_S: Final = 3.0
"""A call of the driver can hang forever if a GPU has fallen off the bus."""

T = TypeVar("T")


class NvmlProbe:
    """Reads every GPU that worker processes can use; without a driver there is none.

    NVML orders GPUs by their position on the bus. CUDA does so only if the environment of a worker
    has `CUDA_DEVICE_ORDER=PCI_BUS_ID`; then `cuda:N` is the same GPU in both.
    """

    def __init__(self, visible: str | None = None, library: Any = pynvml) -> None:
        self._visible = visible
        """`CUDA_VISIBLE_DEVICES` of the workers: indices or UUIDs with commas; None: all GPUs."""
        self._nvml = library
        self._thread = DaemonExecutor("GPU memory probe", _TIMEOUT_S)
        self._handles: dict[str, Any] | None = None
        self._initialised = False
        self._warned: set[str] = set()

    async def devices(self) -> tuple[Device, ...]:
        try:
            return await self._thread.run(self._devices)
        except (TimeoutError, self._nvml.NVMLError) as err:
            self._warn_once("driver", err)
            return ()

    async def sample(self, pids: Collection[int]) -> Sample:
        """Read every GPU, with all of its processes, whatever `pids` contains."""
        try:
            return Sample(await self._thread.run(self._read))
        except (TimeoutError, self._nvml.NVMLError) as err:
            self._warn_once("driver", err)
            return Sample({})

    async def close(self) -> None:
        try:
            await self._thread.run(self._shut_down)
        except (TimeoutError, self._nvml.NVMLError) as err:
            self._warn_once("shutdown", err)
        self._thread.close()

    def _open(self) -> dict[str, Any]:
        """Return the handles of the visible GPUs, by device id."""
        if self._handles is None:
            try:
                self._nvml.nvmlInit()
            except (self._nvml.NVMLError_LibraryNotFound, self._nvml.NVMLError_DriverNotLoaded):
                self._handles = {}
            else:
                self._initialised = True
                handles = [
                    self._nvml.nvmlDeviceGetHandleByIndex(index)
                    for index in range(self._nvml.nvmlDeviceGetCount())
                ]
                order = self._order(handles)
                self._handles = {f"cuda:{n}": handle for n, handle in enumerate(order)}
        return self._handles

    def _order(self, handles: list[Any]) -> Iterable[Any]:
        """Select GPUs as CUDA does: an invalid entry ends the list."""
        if self._visible is None:
            return handles
        ids = [self._text(self._nvml.nvmlDeviceGetUUID(handle)) for handle in handles]
        picked = []
        for entry in (part.strip() for part in self._visible.split(",")):
            if entry.isdigit() and int(entry) < len(handles):
                picked.append(handles[int(entry)])
                continue
            matches = [h for h, uuid in zip(handles, ids, strict=True) if uuid.startswith(entry)]
            if not entry or len(matches) != 1:
                break
            picked.append(matches[0])
        return picked

    def _devices(self) -> tuple[Device, ...]:
        return tuple(
            Device(
                id=device,
                name=self._text(self._nvml.nvmlDeviceGetName(handle)),
                total=int(self._nvml.nvmlDeviceGetMemoryInfo(handle).total),
            )
            for device, handle in self._open().items()
        )

    def _read(self) -> dict[str, Reading]:
        readings = {}
        for device, handle in self._open().items():
            try:
                readings[device] = self._read_one(handle)
            except self._nvml.NVMLError as err:
                self._warn_once(device, err)  # lost or being reset: it is left out of the sample
            else:
                self._warned.discard(device)
        return readings

    def _read_one(self, handle: Any) -> Reading:
        nvml = self._nvml
        memory = nvml.nvmlDeviceGetMemoryInfo(handle)
        load = self._optional(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu)
        heat = self._optional(
            lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
        )
        power = self._optional(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        processes = self._optional(lambda: nvml.nvmlDeviceGetComputeRunningProcesses(handle))
        return Reading(
            total=int(memory.total),
            free=int(memory.free),
            used=int(memory.total) - int(memory.free),
            by_pid={
                int(process.pid): int(process.usedGpuMemory)
                for process in processes or ()
                if process.usedGpuMemory is not None
            },
            utilisation=None if load is None else load / 100,
            temperature=None if heat is None else float(heat),
            power=None if power is None else power / 1_000,
        )

    def _optional(self, read: Callable[[], T]) -> T | None:
        """Return a value that not every GPU provides."""
        try:
            return read()
        except self._nvml.NVMLError:
            return None

    def _shut_down(self) -> None:
        self._handles = {}
        if self._initialised:
            self._initialised = False
            self._nvml.nvmlShutdown()

    def _warn_once(self, about: str, err: Exception) -> None:
        if about not in self._warned:
            self._warned.add(about)
            _LOGGER.warning("the memory of the GPU cannot be read (%s): %s", about, err)

    @staticmethod
    def _text(value: str | bytes) -> str:
        return value.decode() if isinstance(value, bytes) else value
