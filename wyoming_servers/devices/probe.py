"""What can be known about a device's memory, and the small interface of whoever knows it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

HOST: Final = "cpu"
"""The host's own memory, under the name that placements use."""


@dataclass(frozen=True, slots=True)
class Device:
    """Something with memory of its own that models can run on."""

    id: str
    """`cpu`, or `cuda:N` as CTranslate2 and torch name the Nth NVIDIA GPU."""
    name: str
    """What people call it, such as `NVIDIA GeForce RTX 3060`."""
    total: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One device's memory at one moment, in bytes, and how hard it works."""

    total: int
    free: int
    """What a new allocation could get, memory that is only cache included."""
    used: int
    by_pid: Mapping[int, int] = field(default_factory=dict)
    """Bytes per process, for those that can be seen. A container may hide process ids, and then
    a process that holds memory is missing here."""
    utilisation: float | None = None
    """0 to 1; None where it cannot be known."""
    temperature: float | None = None
    """Degrees Celsius."""
    power: float | None = None
    """Watts."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Every device that could be read at one moment; one that is missing cannot be used now."""

    readings: Mapping[str, Reading]
    """By device id."""


class MemoryProbe(Protocol):
    """Reads memory. No call raises, blocks the event loop, or waits for more than a few seconds."""

    async def devices(self) -> tuple[Device, ...]:
        """Name the devices there are, the host first."""
        ...

    async def sample(self, pids: Collection[int]) -> Sample:
        """Read every device; `pids` are the processes whose host memory is wanted."""
        ...

    async def close(self) -> None:
        """Let go of drivers and threads. Reading after that gives nothing."""
        ...
