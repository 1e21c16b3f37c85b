"""Pipelines that recognize speakers; the level of a voice decides who it is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import ModelSpec, Task
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.speech.asr.pipeline import AsrPipeline
from wyoming_servers.speech.fake import SPECS, FakeCoordinator, LoudnessVad
from wyoming_servers.speech.speaker.recognizer import SpeakerRecognizer
from wyoming_servers.speech.speaker.store import SpeakerStore
from wyoming_servers.speech.wake.pipeline import WakePipeline

EMBEDDER = ModelSpec("speaker/voicefilter", Task.SPEAKER, "fake", options={"threshold": 0.95})


@dataclass
class Home:
    """Everything that recognizes speakers, over a fake coordinator."""

    store: SpeakerStore
    speakers: SpeakerRecognizer
    asr: AsrPipeline
    wake: WakePipeline
    coordinator: FakeCoordinator
    config: ConfigHolder


@pytest.fixture
def make_home(tmp_path: Path, bus: EventBus, clock: FakeClock) -> Callable[..., Home]:
    def make(**settings: Any) -> Home:
        specs = {**SPECS, EMBEDDER.id: EMBEDDER}
        coordinator = FakeCoordinator(specs)
        asr = {"model": "asr/english"} | settings.pop("asr", {})
        config = ConfigHolder(Config.model_validate({"asr": asr, **settings}))
        store = SpeakerStore(tmp_path / "speakers.json", bus, clock)
        speakers = SpeakerRecognizer(store, coordinator, specs, config, bus, clock)
        pipeline = AsrPipeline(coordinator, specs, config, bus, clock, make_vad=LoudnessVad)
        pipeline.recognize_speakers(speakers)
        wake = WakePipeline(coordinator, specs, config, bus, clock)
        wake.recognize_speakers(speakers)
        return Home(store, speakers, pipeline, wake, coordinator, config)

    return make


@pytest.fixture
def speak() -> Callable[..., bytes]:
    """Make speech of a voice: its level is its identity."""

    def make(level: int, seconds: float = 2.0) -> bytes:
        high = level.to_bytes(2, "little", signed=True)
        return (high * 40 + bytes(80)) * int(seconds * 200)

    return make
