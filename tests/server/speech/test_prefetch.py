import asyncio
from collections.abc import AsyncIterator

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import (
    RequestFinished,
    SpeechStarted,
    WakeWordDetected,
)
from wyoming_servers.speech.fake import (
    SPECS,
    FakeCoordinator,
)
from wyoming_servers.speech.prefetch import Prefetcher
from wyoming_servers.speech.tts.voices import VoiceRegistry

CONFIG = Config.model_validate({"asr": {"model": "asr/many"}, "tts": {"voice": "de_DE-eva"}})


@pytest.fixture(autouse=True)
async def prefetcher(
    coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock
) -> AsyncIterator[None]:
    voices = VoiceRegistry(SPECS, CONFIG.tts.voice)
    task = asyncio.create_task(Prefetcher(coordinator, voices, ConfigHolder(CONFIG), bus).run())
    await clock.run_ready_tasks()
    yield
    task.cancel()
    await asyncio.wait([task])


async def test_wake_word_prefetches_the_asr_model(
    coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock
) -> None:
    bus.publish(WakeWordDetected(client="a", word="alexa", score=0.9))
    await clock.run_ready_tasks()
    assert [model for model, _ in coordinator.prefetched] == ["asr/many"]


async def test_start_of_speech_prefetches_the_asr_model_and_the_voice(
    coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock
) -> None:
    bus.publish(SpeechStarted(client="a"))
    await clock.run_ready_tasks()
    assert [model for model, _ in coordinator.prefetched] == ["asr/many", "tts/others"]


async def test_voice_that_spoke_last_is_prefetched(
    coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock
) -> None:
    bus.publish(RequestFinished(kind="tts", model="tts/mine", client="a", seconds=1))
    failed = RequestFinished(kind="tts", model="tts/x", client="a", seconds=1, code="TIMEOUT")
    bus.publish(failed)
    bus.publish(SpeechStarted(client="a"))
    await clock.run_ready_tasks()
    assert [model for model, _ in coordinator.prefetched] == ["asr/many", "tts/mine"]


async def test_transcript_prefetches_the_default_voice(
    coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock
) -> None:
    stages = {"inference": 0.2}
    bus.publish(RequestFinished(kind="asr", model="asr/many", client="a", seconds=1, stages=stages))
    await clock.run_ready_tasks()
    assert [model for model, _ in coordinator.prefetched] == ["tts/others"]


@pytest.mark.parametrize(
    "event",
    [
        RequestFinished(kind="asr", model="m", client="a", seconds=1),
        RequestFinished(
            kind="asr", model="m", client="a", seconds=1, code="TIMEOUT", stages={"inference": 9.0}
        ),
        RequestFinished(kind="tts", model="m", client="a", seconds=1, stages={"inference": 0.2}),
    ],
    ids=["silence", "a failure", "an answer"],
)
async def test_other_events_prefetch_nothing(
    coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock, event: RequestFinished
) -> None:
    bus.publish(event)
    await clock.run_ready_tasks()
    assert coordinator.prefetched == []
