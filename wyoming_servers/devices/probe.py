"""The interface of memory probes, and the types of their readings."""

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
