import threading
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from wyoming_servers.devices import nvml
from wyoming_servers.devices.nvml import NvmlProbe

GIB = 2**30


class Card(SimpleNamespace):
    """A GPU as the driver has it."""


def card(uuid: str, **fields: Any) -> Card:
    defaults = {
        "uuid": uuid,
        "name": f"Card {uuid}",
        "total": 8 * GIB,
        "free": 6 * GIB,
        "processes": [(7, GIB)],
        "gpu": 50,
        "heat": 61,
        "power": 75_500,
        "lost": False,
    }
    return Card(**(defaults | fields))


class Library:
    """NVML with cards the test makes up; faults are the real library's."""

    NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU
    NVMLError = pynvml.NVMLError
    NVMLError_LibraryNotFound = pynvml.NVMLError_LibraryNotFound
    NVMLError_DriverNotLoaded = pynvml.NVMLError_DriverNotLoaded

    def __init__(self, *cards: Card) -> None:
        self.cards = cards
        self.open = 0

    def nvmlInit(self) -> None:  # noqa: N802
        self.open += 1

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.open -= 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:  # noqa: N802
        return self.cards[index]

    def nvmlDeviceGetUUID(self, handle: Card) -> str:  # noqa: N802
        return handle.uuid

    def nvmlDeviceGetName(self, handle: Card) -> Any:  # noqa: N802
        return handle.name

    def nvmlDeviceGetMemoryInfo(self, handle: Card) -> Any:  # noqa: N802
        if handle.lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return SimpleNamespace(total=handle.total, free=handle.free)

    def nvmlDeviceGetUtilizationRates(self, handle: Card) -> Any:  # noqa: N802
        return SimpleNamespace(gpu=self._known(handle.gpu))

    def nvmlDeviceGetTemperature(self, handle: Card, sensor: int) -> Any:  # noqa: N802
        return self._known(handle.heat)

    def nvmlDeviceGetPowerUsage(self, handle: Card) -> Any:  # noqa: N802
        return self._known(handle.power)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: Card) -> Any:  # noqa: N802
        return [
            SimpleNamespace(pid=pid, usedGpuMemory=size)
            for pid, size in self._known(handle.processes)
        ]

    @staticmethod
    def _known(value: Any) -> Any:
        if value is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return value


@pytest.fixture
async def make():
    """Make probes over made-up cards."""
    probes = []

    def make(*cards: Card, visible: str | None = None) -> NvmlProbe:
        probes.append(NvmlProbe(visible, Library(*cards)))
        return probes[-1]

    yield make
    for probe in probes:
        await probe.close()
        assert probe._nvml.open == 0


async def test_gpu_is_read_with_memory_processes_and_load(make):
    probe = make(card("GPU-1", processes=[(7, GIB), (9, None)]))
    (device,) = await probe.devices()
    assert (device.id, device.name, device.total) == ("cuda:0", "Card GPU-1", 8 * GIB)
    reading = (await probe.sample(())).readings["cuda:0"]
    assert (reading.total, reading.free, reading.used) == (8 * GIB, 6 * GIB, 2 * GIB)
    assert reading.by_pid == {7: GIB}
    assert (reading.utilisation, reading.temperature, reading.power) == (0.5, 61.0, 75.5)


async def test_values_that_a_gpu_does_not_provide_are_none(make):
    probe = make(card("GPU-1", gpu=None, heat=None, power=None, processes=None))
    reading = (await probe.sample(())).readings["cuda:0"]
    assert (reading.utilisation, reading.temperature, reading.power) == (None, None, None)
    assert reading.by_pid == {}


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        (None, ["a1", "b2", "b3"]),
        ("2,0", ["b3", "a1"]),
        ("GPU-b2", ["b2"]),
        ("1, GPU-a", ["b2", "a1"]),
        ("0,7,1", ["a1"]),
        ("GPU-b", []),
        ("-1", []),
        ("", []),
    ],
)
async def test_gpus_are_numbered_like_the_visible_devices_of_cuda(make, visible, names):
    cards = [card(f"GPU-{name}", name=name.encode()) for name in ("a1", "b2", "b3")]
    probe = make(*cards, visible=visible)
    devices = await probe.devices()
    assert [device.name for device in devices] == names
    assert [device.id for device in devices] == [f"cuda:{n}" for n in range(len(names))]


async def test_lost_gpu_is_left_out_and_the_others_are_read(make, caplog):
    gone, fine = card("GPU-1"), card("GPU-2")
    probe = make(gone, fine)
    assert len(await probe.devices()) == 2
    gone.lost = True
    for _ in range(3):
        assert list((await probe.sample(())).readings) == ["cuda:1"]
    assert caplog.text.count("cannot be read") == 1
    gone.lost = False
    assert list((await probe.sample(())).readings) == ["cuda:0", "cuda:1"]


@pytest.mark.parametrize(
    "fault", [pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, pynvml.NVML_ERROR_DRIVER_NOT_LOADED]
)
async def test_machine_without_a_driver_has_no_gpus_and_logs_nothing(fault, caplog):
    class Without(Library):
        def nvmlInit(self) -> None:  # noqa: N802
            raise pynvml.NVMLError(fault)

    probe = NvmlProbe(None, Without())
    assert await probe.devices() == ()
    assert (await probe.sample([1])).readings == {}
    await probe.close()
    assert caplog.text == ""


async def test_broken_driver_is_logged_once(caplog):
    class Broken(Library):
        def nvmlInit(self) -> None:  # noqa: N802
            raise pynvml.NVMLError(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH)

    probe = NvmlProbe(None, Broken())
    for _ in range(3):
        assert (await probe.sample(())).readings == {}
    assert await probe.devices() == ()
    await probe.close()
    assert caplog.text.count("cannot be read") == 1


async def test_driver_that_hangs_is_abandoned(monkeypatch, caplog):
    monkeypatch.setattr(nvml, "_TIMEOUT_S", 0.05)
    free = threading.Event()

    class Hangs(Library):
        def nvmlInit(self) -> None:  # noqa: N802
            free.wait(10)

    probe = NvmlProbe(None, Hangs())
    assert (await probe.sample(())).readings == {}
    assert (await probe.sample(())).readings == {}
    await probe.close()
    free.set()
    assert caplog.text.count("cannot be read (driver)") == 1


async def test_nvml_probe_reads_this_machine_without_an_exception():
    probe = NvmlProbe()
    devices = await probe.devices()
    readings = (await probe.sample(())).readings
    await probe.close()
    assert sorted(readings) == sorted(device.id for device in devices)
