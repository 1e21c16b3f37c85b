"""Shared by the GPU tests: a running scheduler, models for it, and a report."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.core.event_bus import SequencedEvent
from wyoming_servers.devices.machine import MachineProbe
from wyoming_servers.scheduling.coordinator import Coordinator
from wyoming_servers.scheduling.status import ModelStatus

GPU = "cuda:0"
MIB = 2**20
SPEECH = bytes(16_000 * 2 * 3)
"""Three seconds of silence: random weights recognize no speech anyway."""


class Report:
    """Measurements in the order they were taken."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, what: str, **figures: Any) -> None:
        self.rows.append({"what": what, **figures})


def whisper(name: str, folder: Path, **changes: Any) -> ModelSpec:
    """A Whisper model that runs on the GPU."""
    given: dict[str, Any] = {
        "id": name,
        "task": Task.ASR,
        "engine": "faster-whisper",
        "files": {"directory": str(folder)},
        "languages": ("en",),
        "placements": (Placement(GPU, "float16"),),
        "memory_bytes": 2_400 * MIB,
        "keep_alive": 600.0,
    }
    return ModelSpec(**(given | changes))


@dataclass
class RunningScheduler:
    """A running scheduler and the events it published."""

    coordinator: Coordinator
    probe: MachineProbe
    events: list[SequencedEvent] = field(default_factory=list)

    def status(self, model: str) -> ModelStatus:
        return next(one for one in self.coordinator.snapshot().models if one.spec.id == model)

    def events_of(self, kind: str, model: str | None = None) -> list[dict[str, Any]]:
        """Return the events of a type, of a model."""
        found = [item.event.as_dict() for item in self.events]
        return [
            event
            for event in found
            if event["type"] == kind and model in (None, event.get("model"))
        ]

    async def gpu_used(self) -> int:
        """Bytes in use on the card, by all programs."""
        return (await self.probe.sample([])).readings[GPU].used

    async def infer(self, model: str, **request: Any) -> tuple[float, Placement]:
        """Run a request; returns its seconds without the wait for the model, and the placement."""
        async with self.coordinator.lease(model) as lease:
            begin = time.perf_counter()
            ask = {"language": "en", "beam_size": 1, **request}
            async with lease.open(ask, payload=SPEECH) as run:
                await run.result()
            return time.perf_counter() - begin, lease.placement

    async def speak(self, model: str, text: str) -> tuple[float, float]:
        """Synthesize a text; returns the seconds of computing and of audio."""
        async with self.coordinator.lease(model) as lease:
            begin = time.perf_counter()
            size = 0
            async with lease.open({"text": text, "voice": "af_heart"}) as run:
                async for chunk in run:
                    size += len(chunk.payload)
            return time.perf_counter() - begin, size / 2 / lease.info.sample_rate

    async def until(self, true: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
        """Wait for something to become true, or fail."""
        try:
            async with asyncio.timeout(seconds):
                while not true():  # noqa: ASYNC110  (it looks at another process too)
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"{what} did not happen; events: {[i.event for i in self.events[-20:]]}")


OpenScheduler = Callable[..., Any]
"""`async with open_scheduler(spec, …, budget="3GiB") as it`."""
