"""Pipelines with a fake coordinator; loud audio is speech."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    Task,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import Event
from wyoming_servers.speech.asr.pipeline import (
    AsrPipeline,
    Utterance,
    VocabularySource,
)
from wyoming_servers.speech.fake import (
    SPECS,
    FakeCoordinator,
    LoudnessVad,
    ScriptedRun,
)
from wyoming_servers.speech.tts.pipeline import TtsPipeline
from wyoming_servers.speech.wake.pipeline import WakePipeline
from wyoming_servers.worker.interface import OutputChunk

Make = Callable[..., Any]


@pytest.fixture
def bus(clock: FakeClock) -> EventBus:
    return EventBus(clock)


@pytest.fixture
def coordinator() -> FakeCoordinator:
    return FakeCoordinator(SPECS)


@pytest.fixture
def published(bus: EventBus) -> Callable[[str], list[Event]]:
    """Return the published events of one type."""

    def of_type(name: str) -> list[Event]:
        return [item.event for item in bus.recent(500) if item.event.type == name]

    return of_type


@pytest.fixture
def make_asr(coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock) -> Make:
    """Build the pipeline with settings of the `asr` and `limits` sections."""

    def make(
        limits: dict[str, Any] | None = None, vocabulary: VocabularySource | None = None, **asr: Any
    ) -> AsrPipeline:
        section = {"model": "asr/many"} | asr
        config = Config.model_validate({"asr": section, "limits": limits or {}})
        return AsrPipeline(
            coordinator,
            SPECS,
            ConfigHolder(config),
            bus,
            clock,
            make_vad=LoudnessVad,
            vocabulary=vocabulary,
        )

    return make


@pytest.fixture
def make_tts(coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock) -> Make:
    """Build the pipeline with settings of the `tts` and `limits` sections."""

    def make(limits: dict[str, Any] | None = None, **tts: Any) -> TtsPipeline:
        section = {"voice": "en_US-joe"} | tts
        config = Config.model_validate({"tts": section, "limits": limits or {}})
        return TtsPipeline(coordinator, SPECS, ConfigHolder(config), bus, clock)

    return make


@pytest.fixture
def make_wake(coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock) -> Make:
    """Build the pipeline with settings of the `wake` section."""

    def make(**wake: Any) -> WakePipeline:
        config = Config.model_validate({"wake": wake})
        return WakePipeline(coordinator, SPECS, ConfigHolder(config), bus, clock)

    return make


def _square(seconds: float, rate: int, high: bytes) -> bytes:
    period = rate // 200
    wave = high * (period // 2) + bytes(len(high)) * (period - period // 2)
    return (wave * (int(seconds * rate) // period + 1))[: int(seconds * rate) * len(high)]


@pytest.fixture
def speech() -> Callable[..., bytes]:
    """Make loud 16-bit audio of some seconds; mono by default."""

    def make(seconds: float, rate: int = 16_000, channels: int = 1) -> bytes:
        return _square(seconds, rate, b"\x00\x40" * channels)

    return make


@pytest.fixture
def live(clock: FakeClock) -> Callable[[Utterance, bytes], Awaitable[None]]:
    """Feed audio as a satellite does: 30 ms of it every 30 ms."""

    async def feed(utterance: Utterance, pcm: bytes) -> None:
        step = SPEECH_FORMAT.bytes_for(0.03)
        for start in range(0, len(pcm), step):
            await clock.advance(0.03)
            await utterance.feed(pcm[start : start + step], SPEECH_FORMAT)
        await clock.run_ready_tasks()

    return feed


@dataclass
class Script:
    """A model's text for each run, and the duration of a run."""

    clock: FakeClock
    texts: list[str]
    seconds: float = 0.1
    logprob: float = -0.2
    errors: dict[int, Exception] = field(default_factory=dict)
    """Errors by the number of the run, from 0."""
    runs: list[ScriptedRun] = field(default_factory=list)

    async def __call__(self, run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        number = len(self.runs)
        self.runs.append(run)
        async for _ in run.input():
            pass
        await self.clock.sleep(self.seconds)
        if number in self.errors:
            raise self.errors[number]
        text = self.texts[min(number, len(self.texts) - 1)]
        run.answer = {"text": text, "language": "en", "avg_logprob": self.logprob}
        yield OutputChunk({"start": 0.0, "end": 1.0, "text": text})


@pytest.fixture
def script(coordinator: FakeCoordinator, clock: FakeClock) -> Callable[..., Script]:
    """Make the model return these texts, one per run, and then the last one for every run."""

    def make(*texts: str, **how: Any) -> Script:
        engine = Script(clock, list(texts), **how)
        coordinator.inferences[Task.ASR] = engine
        return engine

    return make


@pytest.fixture
def quiet() -> Callable[..., bytes]:
    """Make silence of some seconds."""

    def make(seconds: float, rate: int = 16_000) -> bytes:
        return bytes(2 * int(seconds * rate))

    return make
