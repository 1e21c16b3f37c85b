import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import (
    AudioFormat,
    Task,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
    DeadlineError,
    InferenceFailedError,
    InternalError,
    ModelMissingError,
    UnsupportedLanguageError,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.speech.fake import (
    SPECS,
    FakeCoordinator,
    ScriptedRun,
)
from wyoming_servers.speech.tts.phrase_cache import PhraseCache
from wyoming_servers.speech.tts.pipeline import (
    SynthesisStream,
    TtsPipeline,
    TtsRequest,
)
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.worker.interface import OutputChunk

Make = Callable[..., Any]
Published = Callable[[str], list[Any]]

THREE = "The first sentence is here. Then a second one follows it. And this is the third."


async def say(speech: SynthesisStream, text: str) -> list[bytes]:
    """Speak a whole text."""
    async with speech:
        speech.feed(text)
        speech.end()
        return [chunk async for chunk in speech]


async def test_a_text_becomes_audio_in_chunks_of_2048_samples(
    make_tts: Make, coordinator: FakeCoordinator, published: Published
) -> None:
    async with make_tts().open(TtsRequest(client="a")) as speech:
        speech.feed("Hello there, my friend.")
        speech.end()
        assert await speech.format() == AudioFormat(16_000)
        chunks = [chunk async for chunk in speech]
    assert {len(chunk) for chunk in chunks[:-1]} == {4_096}
    assert sum(map(len, chunks)) == 2 * 500 * len("Hello there, my friend.")
    assert (coordinator.leased, coordinator.active_leases) == (["tts/joe"], 0)
    (event,) = published("request_finished")
    assert (event.code, event.model, event.client) == ("", "tts/joe", "a")
    assert set(event.stages) == {"queue", "inference", "first_audio"}
    assert event.audio_seconds > 0


async def test_each_sentence_is_a_run_of_its_own(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    await say(make_tts().open(TtsRequest()), THREE)
    assert [run.request["text"] for run in coordinator.runs][-2:] == [
        "Then a second one follows it.",
        "And this is the third.",
    ]
    assert len(coordinator.leased) == 1


async def test_a_pause_stands_between_sentences(make_tts: Make) -> None:
    text = "Good morning. It is nine."
    without = await say(make_tts(sentence_silence=0).open(TtsRequest()), text)
    paused = await say(make_tts(sentence_silence=0.5).open(TtsRequest()), text)
    assert sum(map(len, paused)) - sum(map(len, without)) == 16_000
    assert bytes(4_096) in paused


async def test_the_first_sentence_is_spoken_before_the_text_is_complete(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    async with make_tts().open(TtsRequest()) as speech:
        audio = aiter(speech)
        for piece in ("Good ", "morning ", "to ", "you. ", "It "):
            speech.feed(piece)
        assert await asyncio.wait_for(anext(audio), 5)
        speech.feed("is nine.")
        speech.end()
        assert [chunk async for chunk in audio]
    assert [run.request["text"] for run in coordinator.runs] == [
        "Good morning to you.",
        "It is nine.",
    ]


async def test_only_one_sentence_is_made_ahead_of_a_slow_listener(
    make_tts: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    text = " ".join(f"This is sentence number {n} of many." for n in range(9))
    async with make_tts().open(TtsRequest()) as speech:
        speech.feed(text)
        speech.end()
        audio = aiter(speech)
        await anext(audio)
        await clock.run_ready_tasks(200)
        assert len(coordinator.runs) == 2
        rest = [chunk async for chunk in audio]
    assert len(coordinator.runs) == 9
    assert rest


LONG = "I have set a timer for ten minutes and dimmed all the lamps upstairs."


def in_stretches(coordinator: FakeCoordinator, config: Config, bus: EventBus) -> TtsPipeline:
    """A pipeline whose voice begins to sound before a sentence is made."""
    coordinator.info[Task.TTS] = {"sample_rate": 16_000, "parallel_runs": 1, "streams_audio": True}
    specs = {"tts/joe": replace(SPECS["tts/joe"], engine="piper")}
    return TtsPipeline(coordinator, specs, config, bus, FakeClock())


async def test_a_voice_that_begins_at_once_is_given_whole_sentences(
    make_tts: Make, coordinator: FakeCoordinator, bus: EventBus
) -> None:
    async def texts(pipeline: TtsPipeline) -> list[str]:
        coordinator.runs.clear()
        async with pipeline.open(TtsRequest()) as speech:
            speech.end(LONG)
            assert [chunk async for chunk in speech]
        return [run.request["text"] for run in coordinator.runs]

    assert len(await texts(make_tts())) == 2
    config = Config.model_validate({"tts": {"voice": "en_US-joe"}})
    assert await texts(in_stretches(coordinator, config, bus)) == [LONG]


async def test_a_worker_that_makes_stretches_has_all_texts_at_once_and_what_each_still_has(
    coordinator: FakeCoordinator, bus: EventBus
) -> None:
    together = asyncio.Barrier(2)
    slack: dict[str, Any] = {}

    async def hum(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        slack[run.request["text"]] = run.request["slack"]
        if len(slack) <= 2:
            # With turns the second one would begin when the first has ended.
            await together.wait()
        yield OutputChunk({}, bytes(2 * 32_000))

    coordinator.inferences[Task.TTS] = hum
    config = Config.model_validate({"tts": {"voice": "en_US-joe"}})
    pipeline = in_stretches(coordinator, config, bus)
    async with asyncio.timeout(5):
        await asyncio.gather(
            say(pipeline.open(TtsRequest()), "One is this. And another one."),
            say(pipeline.open(TtsRequest()), "Two are these."),
        )
    assert slack == {
        "One is this.": None,
        "Two are these.": None,
        "And another one.": pytest.approx(2.0, abs=0.2),
    }


async def test_a_text_that_is_too_long_at_its_end_is_refused(make_tts: Make) -> None:
    async with make_tts(max_text=100).open(TtsRequest()) as speech:
        speech.feed("Good morning. ")
        with pytest.raises(BadRequestError, match="100 characters"):
            speech.end("How are you today? " * 5)


async def test_the_sentences_of_two_clients_take_turns(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    """The fake worker makes one sentence at a time, in the order they were asked for."""
    one_at_a_time = asyncio.Lock()
    order = []

    async def hum(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        async with one_at_a_time:
            order.append(run.request["text"][0])
            await asyncio.sleep(0)
            yield OutputChunk({}, bytes(20_000))

    coordinator.inferences[Task.TTS] = hum
    pipeline = make_tts()
    long = " ".join(f"A long text, sentence {n}." for n in range(10))
    await asyncio.gather(
        say(pipeline.open(TtsRequest()), long),
        say(pipeline.open(TtsRequest()), "Be short."),
    )
    assert "B" in order[:3]


async def test_who_has_enough_to_hear_waits_for_who_has_heard_nothing(
    make_tts: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    """The fake voice takes a second for a sentence that is heard for ten."""

    async def hum(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        await clock.sleep(1)
        yield OutputChunk({}, bytes(10 * 32_000))

    coordinator.inferences[Task.TTS] = hum
    pipeline = make_tts()
    long = asyncio.create_task(
        say(pipeline.open(TtsRequest()), " ".join(f"Sentence {n} of many." for n in range(4)))
    )
    await clock.advance(1.5)
    short = asyncio.create_task(say(pipeline.open(TtsRequest()), "Be short."))
    await clock.advance(20)
    await asyncio.gather(long, short)
    spoken = [run.request["text"] for run in coordinator.runs]
    assert spoken.index("Be short.") == 2


async def test_what_the_cache_has_waits_for_nobody(
    cached_tts: TtsPipeline, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    assert await say(cached_tts.open(TtsRequest()), "Hello.")

    async def never(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        await asyncio.Event().wait()
        yield OutputChunk({})

    coordinator.inferences[Task.TTS] = never
    async with cached_tts.open(TtsRequest()) as stuck:
        stuck.feed("This one takes the turn and keeps it.")
        stuck.end()
        await clock.run_ready_tasks()
        assert await say(cached_tts.open(TtsRequest()), "Hello.")


@pytest.mark.parametrize("text", ["", "   \n", "...", "?! –", "🙂"])
async def test_a_text_without_words_is_a_short_silence_without_any_model(
    make_tts: Make, coordinator: FakeCoordinator, text: str
) -> None:
    async with make_tts().open(TtsRequest()) as speech:
        speech.feed(text)
        speech.end()
        audio = await speech.format()
        chunks = [chunk async for chunk in speech]
    assert coordinator.leased == []
    assert 0.05 < audio.seconds(sum(map(len, chunks))) < 0.5
    assert not any(b"".join(chunks))


async def test_a_voice_that_makes_no_sound_is_a_short_silence(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    async def mute(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        run.answer = {"samples": 0}
        return
        yield OutputChunk({})

    coordinator.inferences[Task.TTS] = mute
    chunks = await say(make_tts().open(TtsRequest()), "Hello.")
    assert sum(map(len, chunks)) == 3_200


async def test_the_worker_is_told_voice_speaker_and_speed(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    request = TtsRequest(voice="en_us-JOE", speaker="HIGH", speed=1.5)
    await say(make_tts().open(request), "Hello.")
    assert coordinator.runs[0].request == {
        "text": "Hello.",
        "voice": "en_US-joe",
        "speaker": "high",
        "speed": 1.5,
        "slack": None,
    }


async def test_a_language_chooses_the_voice_and_the_model(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    await say(make_tts(speed=0.8).open(TtsRequest(language="de-AT")), "Guten Tag.")
    assert coordinator.leased == ["tts/others"]
    assert coordinator.runs[0].request["voice"] == "de_DE-eva"
    assert coordinator.runs[0].request["speed"] == 0.8


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (TtsRequest(voice="nobody"), ModelMissingError),
        (TtsRequest(language="xx"), UnsupportedLanguageError),
        (TtsRequest(speaker="nobody"), BadRequestError),
        (TtsRequest(speed=3.0), BadRequestError),
        (TtsRequest(speed=float("nan")), BadRequestError),
    ],
)
async def test_what_does_not_exist_is_refused_and_counted(
    make_tts: Make, published: Published, request_: TtsRequest, error: type[Exception]
) -> None:
    with pytest.raises(error):
        make_tts().open(request_)
    assert len(published("request_finished")) == 1


async def test_a_text_that_is_too_long_is_refused_however_it_comes(make_tts: Make) -> None:
    pipeline = make_tts(max_text=100)
    with pytest.raises(BadRequestError, match="longer than 100 characters"):
        await say(pipeline.open(TtsRequest()), "x" * 1_000_000)
    async with pipeline.open(TtsRequest()) as speech:
        for _ in range(10):
            speech.feed("ten chars ")
        with pytest.raises(BadRequestError):
            speech.feed("x")


async def test_a_worker_that_dies_is_told_as_it_is(
    make_tts: Make, coordinator: FakeCoordinator, published: Published
) -> None:
    async def die(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        yield OutputChunk({}, bytes(8_192))
        raise InferenceFailedError("killed by signal 9")

    coordinator.inferences[Task.TTS] = die
    with pytest.raises(InferenceFailedError, match="signal 9"):
        await say(make_tts().open(TtsRequest()), "Hello.")
    assert coordinator.active_leases == 0
    assert [event.code for event in published("request_finished")] == ["INFERENCE_FAILED"]


async def test_a_refused_lease_raises_from_the_format_too(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    coordinator.lease_errors.append(BusyError("full"))
    async with make_tts().open(TtsRequest()) as speech:
        speech.feed("Hello.")
        speech.end()
        with pytest.raises(BusyError):
            await speech.format()


async def test_a_failure_nobody_asks_for_is_counted_all_the_same(
    make_tts: Make, coordinator: FakeCoordinator, published: Published, clock: FakeClock
) -> None:
    coordinator.lease_errors.append(BusyError("full"))
    async with make_tts().open(TtsRequest()) as speech:
        speech.feed("Hello.")
        speech.end()
        await clock.run_ready_tasks()
    assert [event.code for event in published("request_finished")] == ["BUSY"]


async def test_a_model_without_a_sample_rate_is_our_bug(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    coordinator.info.clear()
    with pytest.raises(InternalError, match="sample rate"):
        await say(make_tts().open(TtsRequest()), "Hello.")


@pytest.mark.parametrize("stuck_at", ["lease", "run"])
async def test_speech_that_does_not_come_is_a_timeout(
    make_tts: Make, coordinator: FakeCoordinator, clock: FakeClock, stuck_at: str
) -> None:
    async def never(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        await asyncio.Event().wait()
        yield OutputChunk({})

    coordinator.inferences[Task.TTS] = never
    if stuck_at == "lease":
        coordinator.gate.clear()
    task = asyncio.create_task(say(make_tts(limits={"request": 5}).open(TtsRequest()), "Hello."))
    await clock.advance(5.1)
    with pytest.raises(DeadlineError):
        await task
    assert (coordinator.active_leases, coordinator.waiting) == (0, 0)


async def test_waiting_for_text_is_no_timeout(
    make_tts: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    async with make_tts(limits={"request": 5}).open(TtsRequest()) as speech:
        audio = aiter(speech)
        speech.feed("Good morning to you. ")
        speech.feed("It ")
        await anext(audio)
        await clock.advance(100)
        speech.feed("is nine.")
        speech.end()
        assert [chunk async for chunk in audio]


async def test_leaving_early_cancels_the_run_and_frees_the_model(
    make_tts: Make, coordinator: FakeCoordinator, published: Published
) -> None:
    async with make_tts().open(TtsRequest()) as speech:
        speech.feed(THREE)
        speech.end()
        await anext(aiter(speech))
        assert coordinator.active_leases == 1
    assert coordinator.active_leases == 0
    assert [event.code for event in published("request_finished")] == ["CANCELLED"]


async def test_the_voice_is_called_as_soon_as_a_text_is_coming(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    async with make_tts().open(TtsRequest()):
        assert coordinator.prefetched == [("tts/joe", "a text is coming")]
        assert coordinator.leased == []


@pytest.fixture
def cached_tts(
    coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock, tmp_path: Path
) -> TtsPipeline:
    config = Config.model_validate({"tts": {"voice": "en_US-joe"}})
    cache = PhraseCache(tmp_path, memory=2**24, disk=0)
    return TtsPipeline(coordinator, SPECS, config, bus, clock, cache)


async def test_a_repeated_text_takes_no_model(
    cached_tts: TtsPipeline,
    coordinator: FakeCoordinator,
    published: Published,
) -> None:
    text = "Good morning, dear all of you out there. The light is on."
    first = await say(cached_tts.open(TtsRequest()), text)
    leases = len(coordinator.leased)
    assert await say(cached_tts.open(TtsRequest()), text) == first
    assert len(coordinator.leased) == leases
    made, repeated = published("request_finished")
    assert (made.phrases, made.cached) == (repeated.phrases, 0)
    assert repeated.phrases == repeated.cached > 0
    assert "queue" not in repeated.stages
    assert made.audio_seconds > repeated.audio_seconds == 0


async def test_another_speed_or_voice_is_another_phrase(
    cached_tts: TtsPipeline, coordinator: FakeCoordinator
) -> None:
    for request in (TtsRequest(), TtsRequest(speed=1.5), TtsRequest(voice="en_GB-amy")):
        await say(cached_tts.open(request), "Hello.")
    assert len(coordinator.runs) == 3


async def test_what_is_new_in_a_text_is_made_between_what_is_known(
    cached_tts: TtsPipeline, coordinator: FakeCoordinator
) -> None:
    await say(cached_tts.open(TtsRequest()), "One. Three.")
    whole = await say(cached_tts.open(TtsRequest()), "One. Two. Three.")
    assert [run.request["text"] for run in coordinator.runs] == ["One.", "Three.", "Two."]
    assert whole


async def test_numbers_are_read_in_words_and_words_as_the_lexicon_has_them(
    coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock, tmp_path: Path
) -> None:
    lexicon = Lexicon(tmp_path / "lexicon.yaml")
    await lexicon.put("en", "HA", "Home Assistant")
    config = Config.model_validate({"tts": {"voice": "en_US-joe"}})
    tts = TtsPipeline(coordinator, SPECS, config, bus, clock, lexicon=lexicon)
    await say(tts.open(TtsRequest()), "HA says 21 °C.")
    assert coordinator.runs[0].request["text"] == (
        "Home Assistant says twenty-one degrees Celsius."
    )


async def test_a_pause_is_silence_and_a_pace_is_of_what_follows(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    async def length(pause: float) -> int:
        async with make_tts(sentence_silence=0).open(TtsRequest(speed=1.2)) as speech:
            speech.feed("One.")
            speech.pause(pause)
            speech.pace(0.5)
            speech.feed("Two.")
            speech.end()
            return sum([len(chunk) async for chunk in speech])

    assert await length(1.5) - await length(0.5) == 32_000
    assert [run.request["speed"] for run in coordinator.runs] == [1.2, 0.6, 1.2, 0.6]
