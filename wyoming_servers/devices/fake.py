"""A memory probe whose readings a test sets."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from wyoming_servers.devices.probe import HOST, Device, Reading, Sample


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
