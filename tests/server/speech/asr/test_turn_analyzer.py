"""The end of a turn by sound and words, with a scripted model of turns."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from wyoming_servers.audio.turn_detector import TurnSettings
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import SPEECH_FORMAT, ModelSpec, Task
from wyoming_servers.core.errors import InferenceFailedError, LoadFailedError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.speech.asr.pipeline import AsrPipeline, AsrRequest, Utterance
from wyoming_servers.speech.asr.transcriber import Hypothesis
from wyoming_servers.speech.asr.turn import PauseEvidence, end_silence
from wyoming_servers.speech.asr.turn_analyzer import HEARD_SECONDS
from wyoming_servers.speech.fake import SPECS, FakeCoordinator, LoudnessVad, ScriptedRun
from wyoming_servers.worker.interface import OutputChunk

Make = Callable[..., Any]
Sound = Callable[..., bytes]
Live = Callable[[Utterance, bytes], Awaitable[None]]

SPEC = ModelSpec("smart-turn", Task.TURN, "fake")
FINISHED, UNSURE, UNFINISHED = 0.95, 0.5, 0.05
DOOR, COMPLETE, OPEN, DANGLING = "", "Turn on the light.", "turn on ten lights", "Turn on the"


@pytest.mark.parametrize(
    ("text", "finished", "silence"),
    [
        (COMPLETE, None, 0.3),
        (COMPLETE, FINISHED, 0.15),
        (COMPLETE, UNSURE, 0.3),
        (COMPLETE, UNFINISHED, 0.7),
        (OPEN, None, 0.7),
        (OPEN, FINISHED, 0.3),
        (OPEN, UNSURE, 0.7),
        (OPEN, UNFINISHED, 1.2),
        (DANGLING, FINISHED, 1.2),
        (DOOR, FINISHED, 1.2),
    ],
)
def test_end_silence_depends_on_sound_and_words(
    text: str, finished: float | None, silence: float
) -> None:
    hypothesis = Hypothesis(text, "en", -0.2, 1.0)
    assert end_silence(hypothesis, TurnSettings(), finished) == silence


def test_end_silence_without_a_text_depends_on_the_sound() -> None:
    assert end_silence(None, TurnSettings()) == 0.7
    assert end_silence(None, TurnSettings(), UNFINISHED) == 1.2


def test_end_silence_waits_for_the_text_and_not_for_the_sound() -> None:
    settings = TurnSettings()
    known = PauseEvidence(hypothesis=Hypothesis(COMPLETE, "en", -0.2, 1.0), awaits_sound=True)
    assert known.end_silence(settings) == 0.3
    assert PauseEvidence(finished=FINISHED, awaits_text=True).end_silence(settings) == 1.2


class TurnModel:
    """Answers with a probability after some seconds."""

    def __init__(self, clock: FakeClock, probability: float, seconds: float = 0.05) -> None:
        self.clock = clock
        self.probability = probability
        self.seconds = seconds
        self.error: Exception | None = None
        self.runs: list[ScriptedRun] = []

    async def __call__(self, run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        self.runs.append(run)
        await self.clock.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        run.answer = {"probability": self.probability}
        for chunk in ():
            yield chunk


@pytest.fixture
def coordinator() -> FakeCoordinator:
    return FakeCoordinator({**SPECS, SPEC.id: SPEC})


@pytest.fixture
def make(coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock) -> Make:
    """Return a pipeline, and the model of turns that it asks."""

    def build(probability: float, seconds: float = 0.05, **asr: Any) -> tuple[AsrPipeline, Any]:
        model = TurnModel(clock, probability, seconds)
        coordinator.inferences[Task.TURN] = model
        settings = {"model": "asr/many", "turn_model": SPEC.id} | asr
        config = Config.model_validate({"asr": settings})
        holder = ConfigHolder(config)
        specs = coordinator.specs
        pipeline = AsrPipeline(coordinator, specs, holder, bus, clock, make_vad=LoudnessVad)
        return pipeline, model

    return build


async def seconds_to_the_end(utterance: Utterance, live: Live, quiet: Sound) -> float:
    for count in range(100):
        if utterance.ended.is_set():
            return count * 0.03
        await live(utterance, quiet(0.03))
    raise AssertionError("the turn does not end")


@pytest.mark.parametrize(
    ("text", "probability", "ends"),
    [(COMPLETE, FINISHED, 0.3), (COMPLETE, UNFINISHED, 0.7), (OPEN, FINISHED, 0.33)],
)
async def test_turn_ends_by_sound_and_words(
    make: Make,
    script: Make,
    speech: Sound,
    quiet: Sound,
    live: Live,
    text: str,
    probability: float,
    ends: float,
) -> None:
    script(text, seconds=0.03)
    pipeline, model = make(probability)
    async with pipeline.open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0))
        assert await seconds_to_the_end(utterance, live, quiet) == pytest.approx(ends, abs=0.07)
    assert len(model.runs) == 1


async def test_turn_model_hears_the_end_of_the_speech_only(
    make: Make, script: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    script(COMPLETE)
    pipeline, model = make(FINISHED)
    async with pipeline.open(AsrRequest()) as utterance:
        await live(utterance, speech(9.0) + quiet(0.5))
    assert len(model.runs[0].received) == HEARD_SECONDS * 32_000


@pytest.mark.parametrize("trouble", ["slow", "broken", "does not load", "is missing", "off"])
async def test_words_decide_without_a_turn_model(
    make: Make,
    script: Make,
    speech: Sound,
    quiet: Sound,
    live: Live,
    coordinator: FakeCoordinator,
    trouble: str,
) -> None:
    script(COMPLETE, seconds=0.05)
    pipeline, model = make(UNFINISHED, seconds=5.0 if trouble == "slow" else 0.05)
    if trouble == "broken":
        model.error = InferenceFailedError("The process has died.")
    elif trouble == "is missing":
        del coordinator.specs[SPEC.id]  # type: ignore[attr-defined]
    elif trouble == "off":
        pipeline, _ = make(UNFINISHED, turn_model="none")
    async with pipeline.open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0))
        if trouble == "does not load":
            coordinator.lease_errors = [LoadFailedError("It is damaged.")]
        ends = await seconds_to_the_end(utterance, live, quiet)
        assert ends == pytest.approx(0.33, abs=0.07)
        assert (await utterance.finish()).text == COMPLETE
    assert coordinator.active_leases == 0


async def test_recording_does_not_load_the_turn_model(
    make: Make, script: Make, speech: Sound, quiet: Sound, coordinator: FakeCoordinator
) -> None:
    script(COMPLETE, seconds=0.0)
    pipeline, _ = make(FINISHED)
    async with pipeline.open(AsrRequest()) as utterance:
        await utterance.feed(speech(2.0) + quiet(0.5) + speech(1.0), SPEECH_FORMAT)
        await utterance.finish()
    assert SPEC.id not in coordinator.leased


async def test_turn_model_is_not_asked_when_the_client_ends_the_turn(
    make: Make, script: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    script(COMPLETE)
    pipeline, model = make(FINISHED)
    async with pipeline.open(AsrRequest(turn_detection=False)) as utterance:
        await live(utterance, speech(1.0) + quiet(0.5))
        assert (await utterance.finish()).text == COMPLETE
    assert not model.runs
