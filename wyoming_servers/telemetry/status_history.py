"""Samples memory, load and queue of the last hour, for the graphs of the page."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.scheduling.status import Snapshot

SAMPLE_SECONDS: Final = 10.0

MAX_SAMPLES: Final = 360
"""One hour."""


@dataclass(frozen=True, slots=True)
class DeviceSample:
    """Memory and load of one device."""

    total: int
    """Bytes."""
    used: int
    """Bytes, by all programs."""
    models: int
    """Bytes, by loaded models."""
    utilisation: float | None
    """0 to 1."""


@dataclass(frozen=True, slots=True)
class StatusSample:
    """The server at one moment."""

    time: float
    """Seconds since 1970."""
    devices: Mapping[str, DeviceSample]
    active_requests: int
    queue_depth: int
    """Requests that wait for a model."""


class StatusHistory:
    """A ring buffer of samples."""

    def __init__(self, snapshot: Callable[[], Snapshot], clock: Clock) -> None:
        self._snapshot = snapshot
        self._clock = clock
        self._samples: deque[StatusSample] = deque(maxlen=MAX_SAMPLES)

    @property
    def samples(self) -> tuple[StatusSample, ...]:
        """All samples, oldest first."""
        return tuple(self._samples)

    async def run(self) -> None:
        """Sample until cancelled."""
        while True:
            self.sample()
            await self._clock.sleep(SAMPLE_SECONDS)

    def sample(self) -> None:
        """Add the present state."""
        snapshot = self._snapshot()
        self._samples.append(
            StatusSample(
                time=self._clock.wall(),
                devices={
                    device.device: DeviceSample(
                        device.total,
                        max(0, device.total - device.free),
                        device.committed,
                        device.utilisation,
                    )
                    for device in snapshot.devices
                    if device.present
                },
                active_requests=sum(model.leases for model in snapshot.models),
                queue_depth=snapshot.queue_depth,
            )
        )
