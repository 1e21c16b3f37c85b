"""The interface of memory probes, the types of their readings, and a probe for tests."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

HOST: Final = "cpu"
"""Device id of the host's memory, as used in placements."""


@dataclass(frozen=True, slots=True)
class Device:
    """A device with its own memory on which models can run."""

    id: str
    """`cpu`, or `cuda:N` as CTranslate2 and torch name the Nth NVIDIA GPU."""
    name: str
    """Product name, such as `NVIDIA GeForce RTX 3060`."""
    total: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Memory (in bytes) and utilization of one device at one moment."""

    total: int
    free: int
    """What a new allocation could get, including memory used as cache."""
    used: int
    by_pid: Mapping[int, int] = field(default_factory=dict)
    """Bytes per visible process. A container may hide process ids; then processes that hold memory
    are missing here."""
    utilisation: float | None = None
    """0 to 1; None if unknown."""
    temperature: float | None = None
    """Degrees Celsius."""
    power: float | None = None
    """Watts."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Readings of one moment; a device that is missing cannot be used now."""

    readings: Mapping[str, Reading]
    """By device id."""


class MemoryProbe(Protocol):
    """Reads memory. No call raises, blocks the event loop, or takes more than a few seconds."""

    async def devices(self) -> tuple[Device, ...]:
        """Return all devices, the host first."""
        ...

    async def sample(self, pids: Collection[int]) -> Sample:
        """Read every device; `pids` are the processes whose host memory is measured."""
        ...

    async def close(self) -> None:
        """Release drivers and threads; later readings are empty."""
        ...


@dataclass(slots=True)
class FakeDevice:
    """One device; a test may change its fields at any time."""

    total: int
    others: int = 0
    """Bytes held by other programs."""
    held: dict[int, int] = field(default_factory=dict)
    """Bytes per worker process."""
    unreturned: int = 0
    """Bytes of exited processes that are not free yet."""
    hides_pids: bool = False
    """Whether readings have no process ids, as in many containers."""
    missing: bool = False
    """Whether it cannot be read, like a GPU that has fallen off the bus."""

    @property
    def used(self) -> int:
        return min(self.total, self.others + sum(self.held.values()) + self.unreturned)


class FakeProbe:
    """A machine with the given devices."""

    def __init__(self, devices: Mapping[str, int] | None = None) -> None:
        self.machine: dict[str, FakeDevice] = {
            device: FakeDevice(total) for device, total in (devices or {HOST: 16 * 2**30}).items()
        }
        """By device id; `devices` has the total bytes of each."""
        self.samples = 0
        """Number of readings."""
        self.closed = False

    def hold(self, device: str, pid: int, size: int) -> None:
        """Let a process hold `size` bytes on a device."""
        self.machine[device].held[pid] = size

    def drop(self, pid: int, *, unreturned: bool = False) -> None:
        """Let a process exit; with `unreturned` its memory is not free yet."""
        for device in self.machine.values():
            size = device.held.pop(pid, 0)
            if unreturned:
                device.unreturned += size

    async def devices(self) -> tuple[Device, ...]:
        return tuple(
            Device(id=name, name=f"Fake {name}", total=device.total)
            for name, device in self.machine.items()
        )

    async def sample(self, pids: Collection[int]) -> Sample:
        self.samples += 1
        return Sample(
            {
                name: Reading(
                    total=device.total,
                    free=device.total - device.used,
                    used=device.used,
                    by_pid={} if device.hides_pids else dict(device.held),
                )
                for name, device in self.machine.items()
                if not device.missing
            }
        )

    async def close(self) -> None:
        self.closed = True
