"""Memory that a test fills and empties by hand."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from wyoming_servers.devices.probe import HOST, Device, Reading, Sample


@dataclass(slots=True)
class FakeDevice:
    """One device; change its fields at will."""

    total: int
    others: int = 0
    """Bytes held by programs that are not ours."""
    held: dict[int, int] = field(default_factory=dict)
    """Bytes per process of ours."""
    lingering: int = 0
    """Bytes that no process holds any more and that have not come back yet."""
    hides_pids: bool = False
    """Whether readings tell no processes, as in many containers."""
    missing: bool = False
    """Whether it cannot be read, as a GPU that fell off the bus."""

    @property
    def used(self) -> int:
        return min(self.total, self.others + sum(self.held.values()) + self.lingering)


class FakeProbe:
    """A machine of memory that only exists in a test."""

    def __init__(self, devices: Mapping[str, int] | None = None) -> None:
        self.machine: dict[str, FakeDevice] = {
            device: FakeDevice(total) for device, total in (devices or {HOST: 16 * 2**30}).items()
        }
        """By device id; the sizes given are totals in bytes."""
        self.samples = 0
        """How often it was read."""
        self.closed = False

    def hold(self, device: str, pid: int, size: int) -> None:
        """Let a process hold this much on a device."""
        self.machine[device].held[pid] = size

    def drop(self, pid: int, *, linger: bool = False) -> None:
        """Let a process be gone; with `linger` its memory has not come back yet."""
        for device in self.machine.values():
            size = device.held.pop(pid, 0)
            if linger:
                device.lingering += size

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
