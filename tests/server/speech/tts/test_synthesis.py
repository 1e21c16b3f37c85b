"""Speech synthesis over a coordinator without processes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.config.holder import ConfigHolder
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
from wyoming_servers.speech.tts import text_frontend
from wyoming_servers.speech.tts.phrase_cache import PhraseCache
from wyoming_servers.speech.tts.pipeline import (
    SynthesisStream,
    TtsPipeline,
    TtsRequest,
)
from wyoming_servers.speech.tts.synthesis import MAX_QUEUED_BYTES, SLICE_BYTES
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.worker.interface import OutputChunk

Make = Callable[..., Any]
Published = Callable[[str], list[Any]]

THREE = "The first sentence is here. Then a second one follows it. And this is the third."


async def synthesize(speech: SynthesisStream, text: str) -> list[bytes]:
    """Return the audio of a text that is fed at once."""
    async with speech:
        speech.feed(text)
        speech.end()
        return [chunk async for chunk in speech]


async def test_audio_comes_in_chunks_of_2048_samples(
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
    await synthesize(make_tts().open(TtsRequest()), THREE)
    assert [run.request["text"] for run in coordinator.runs][-2:] == [
        "Then a second one follows it.",
        "And this is the third.",
    ]
    assert len(coordinator.leased) == 1


async def test_sentences_are_separated_by_silence(make_tts: Make) -> None:
    text = "Good morning. It is nine."
    without = await synthesize(make_tts(sentence_silence=0).open(TtsRequest()), text)
    paused = await synthesize(make_tts(sentence_silence=0.5).open(TtsRequest()), text)
    assert sum(map(len, paused)) - sum(map(len, without)) == 16_000
    assert bytes(4_096) in paused


async def test_first_sentence_is_synthesized_before_the_text_is_complete(
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


async def test_slow_client_has_only_one_sentence_computed_ahead(
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


def endless(coordinator: FakeCoordinator) -> list[int]:
    """Let every run speak for 100 s; returns the list of the sizes of its output so far."""
    taken: list[int] = []

    async def speak(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        for _ in range(100):
            taken.append(32_000)
            yield OutputChunk({}, b"\1\1" * 16_000)

    coordinator.inferences[Task.TTS] = speak
    return taken


async def test_client_that_does_not_read_holds_a_bounded_amount_of_audio(
    make_tts: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    taken = endless(coordinator)
    async with make_tts().open(TtsRequest()) as speech:
        speech.feed("One sentence. ")
        speech.pause(50)
        speech.end("And another one.")
        await clock.run_ready_tasks(1_000)
        assert speech._audio.size <= MAX_QUEUED_BYTES
        assert sum(taken) <= MAX_QUEUED_BYTES + SLICE_BYTES
        audio = sum([len(chunk) async for chunk in speech])
    assert audio == 2 * 100 * 32_000 + 50 * 32_000 + 6_400


async def test_slow_reader_is_no_timeout(
    make_tts: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    endless(coordinator)
    async with make_tts(limits={"request_timeout": 5}).open(TtsRequest()) as speech:
        speech.end("One sentence.")
        size = 0
        async for chunk in speech:
            size += len(chunk)
            if size % 320_000 == 0:
                await clock.advance(20)
    assert size == 100 * 32_000


async def test_long_pause_is_silence_made_as_it_is_read(
    make_tts: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    async with make_tts(sentence_silence=0).open(TtsRequest()) as speech:
        speech.feed("One.")
        for _ in range(6):
            speech.pause(10)
        speech.end("Two.")
        await clock.run_ready_tasks(1_000)
        assert speech._audio.size <= MAX_QUEUED_BYTES
        audio = b"".join([chunk async for chunk in speech])
    assert len(audio) == 2 * 500 * 8 + 60 * 32_000
    assert bytes(60 * 32_000) in audio


async def test_pauses_longer_than_a_minute_together_are_refused(make_tts: Make) -> None:
    async with make_tts().open(TtsRequest()) as speech:
        speech.feed("One.")
        for _ in range(6):
            speech.pause(10)
        with pytest.raises(BadRequestError, match="60 s"):
            speech.pause(0.1)


async def test_sentence_that_is_too_long_for_the_cache_is_not_kept(
    cached_tts: TtsPipeline, coordinator: FakeCoordinator
) -> None:
    endless(coordinator)
    for _ in range(2):
        await synthesize(cached_tts.open(TtsRequest()), "Hello.")
    assert len(coordinator.runs) == 2


async def test_long_text_is_normalized_one_sentence_at_a_time(
    make_tts: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def count(text: str, language: str) -> str:
        seen.append(text)
        return text

    monkeypatch.setattr(text_frontend, "normalize", count)
    frontend = text_frontend.TextFrontend("en", speed=1.0, gap=0.2, limit=20_000)
    frontend.end("?! " * 3_000 + "This is a sentence. " * 500)
    assert seen == []
    yields = 0

    async def others() -> None:
        nonlocal yields
        while True:
            await asyncio.sleep(0)
            yields += 1

    async with asyncio.TaskGroup() as group:
        task = group.create_task(others())
        chunk = await frontend.peek()
        task.cancel()
    assert chunk is not None
    assert chunk.text == "This is a sentence."
    assert 10 < len(seen) <= yields + 2


LONG = "I have set a timer for ten minutes and dimmed all the lamps upstairs."


def make_voice(
    coordinator: FakeCoordinator, bus: EventBus, *, engine: str, streams_audio: bool
) -> TtsPipeline:
    """A pipeline whose only voice reports whether it streams; only `piper` is expected to."""
    coordinator.info[Task.TTS] = {"sample_rate": 16_000, "streams_audio": streams_audio}
    specs = {"tts/joe": replace(SPECS["tts/joe"], engine=engine)}
    config = Config.model_validate({"tts": {"voice": "en_US-joe"}})
    return TtsPipeline(coordinator, specs, ConfigHolder(config), bus, FakeClock())


async def texts(pipeline: TtsPipeline, coordinator: FakeCoordinator) -> list[str]:
    """Return the texts of the runs that synthesize LONG."""
    coordinator.runs.clear()
    async with pipeline.open(TtsRequest()) as speech:
        speech.end(LONG)
        assert [chunk async for chunk in speech]
    return [run.request["text"] for run in coordinator.runs]


async def test_streaming_voice_gets_whole_sentences(
    coordinator: FakeCoordinator, bus: EventBus
) -> None:
    pipeline = make_voice(coordinator, bus, engine="piper", streams_audio=True)
    assert await texts(pipeline, coordinator) == [LONG]


async def test_other_voice_gets_a_short_first_clause(
    coordinator: FakeCoordinator, bus: EventBus
) -> None:
    pipeline = make_voice(coordinator, bus, engine="fake", streams_audio=False)
    assert len(await texts(pipeline, coordinator)) == 2


@pytest.mark.parametrize(("engine", "streams_audio"), [("piper", False), ("fake", True)])
async def test_first_sentence_is_cut_as_the_loaded_voice_reports(
    coordinator: FakeCoordinator, bus: EventBus, engine: str, streams_audio: bool
) -> None:
    """Such as a Piper voice that cannot be split, or that fell back from the GPU to the CPU."""
    pipeline = make_voice(coordinator, bus, engine=engine, streams_audio=streams_audio)
    expected = 1 if streams_audio else 2
    assert len(await texts(pipeline, coordinator)) == expected
    assert coordinator.leased == ["tts/joe"]
    # The report is remembered: the next stream need not cut its text twice.
    assert pipeline.open(TtsRequest())._frontend.set_streams_audio(streams_audio) is False
    assert len(await texts(pipeline, coordinator)) == expected


async def test_text_is_cut_anew_with_its_pauses_and_speeds(
    coordinator: FakeCoordinator, bus: EventBus
) -> None:
    pipeline = make_voice(coordinator, bus, engine="piper", streams_audio=False)
    async with pipeline.open(TtsRequest()) as speech:
        speech.set_speed_factor(0.5)
        speech.feed(LONG)
        speech.pause(1.0)
        speech.set_speed_factor(2.0)
        speech.end("Good night.")
        assert [chunk async for chunk in speech]
    requests = [run.request for run in coordinator.runs]
    assert [request["speed"] for request in requests] == [0.5, 0.5, 2.0]
    assert " ".join(request["text"] for request in requests) == f"{LONG} Good night."


async def test_all_texts_reach_the_worker_at_once_with_the_audio_each_client_has_left(
    coordinator: FakeCoordinator, bus: EventBus
) -> None:
    together = asyncio.Barrier(2)
    requests: dict[str, Any] = {}

    async def hum(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        requests[run.request["text"]] = run.request
        if len(requests) <= 2:
            await together.wait()
        yield OutputChunk({}, bytes(2 * 32_000))

    coordinator.inferences[Task.TTS] = hum
    pipeline = make_voice(coordinator, bus, engine="fake", streams_audio=False)
    async with asyncio.timeout(5):
        await asyncio.gather(
            synthesize(pipeline.open(TtsRequest()), "One is this. And another one."),
            synthesize(pipeline.open(TtsRequest()), "Two are these."),
        )
    one, other, next_ = (
        requests[text] for text in ("One is this.", "Two are these.", "And another one.")
    )
    assert [item["buffered_seconds"] for item in (one, other)] == [None, None]
    assert next_["buffered_seconds"] == pytest.approx(2.0, abs=0.2)
    assert [item["next_characters"] for item in (one, other, next_)] == [[16], [], []]
    assert one["stream"] == next_["stream"] != other["stream"]


async def test_text_that_exceeds_the_limit_at_its_end_is_rejected(make_tts: Make) -> None:
    async with make_tts(max_text=100).open(TtsRequest()) as speech:
        speech.feed("Good morning. ")
        with pytest.raises(BadRequestError, match="100 characters"):
            speech.end("How are you today? " * 5)


async def test_cached_phrase_does_not_wait_for_the_worker(
    cached_tts: TtsPipeline, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    assert await synthesize(cached_tts.open(TtsRequest()), "Hello.")

    async def never(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        await asyncio.Event().wait()
        yield OutputChunk({})

    coordinator.inferences[Task.TTS] = never
    async with cached_tts.open(TtsRequest()) as stuck:
        stuck.feed("This one takes the turn and keeps it.")
        stuck.end()
        await clock.run_ready_tasks()
        assert await synthesize(cached_tts.open(TtsRequest()), "Hello.")


@pytest.mark.parametrize("text", ["", "   \n", "...", "?! –", "🙂"])
async def test_text_without_words_is_a_short_silence_without_a_lease(
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


async def test_voice_without_audio_gives_a_short_silence(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    async def mute(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        run.answer = {"samples": 0}
        return
        yield OutputChunk({})

    coordinator.inferences[Task.TTS] = mute
    chunks = await synthesize(make_tts().open(TtsRequest()), "Hello.")
    assert sum(map(len, chunks)) == 3_200


async def test_request_to_the_worker_has_voice_speaker_and_speed(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    request = TtsRequest(voice="en_us-JOE", speaker="HIGH", speed=1.5)
    await synthesize(make_tts().open(request), "Hello.")
    assert coordinator.runs[0].request == {
        "text": "Hello.",
        "voice": "en_US-joe",
        "speaker": "high",
        "speed": 1.5,
        "stream": coordinator.runs[0].request["stream"],
        "buffered_seconds": None,
        "next_characters": [],
    }


async def test_language_selects_the_voice_and_the_model(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    await synthesize(make_tts(speed=0.8).open(TtsRequest(language="de-AT")), "Guten Tag.")
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
async def test_unknown_voice_speaker_or_speed_is_rejected_and_counted(
    make_tts: Make, published: Published, request_: TtsRequest, error: type[Exception]
) -> None:
    with pytest.raises(error):
        make_tts().open(request_)
    assert len(published("request_finished")) == 1


async def test_text_that_exceeds_the_limit_is_rejected_whole_or_in_parts(make_tts: Make) -> None:
    pipeline = make_tts(max_text=100)
    with pytest.raises(BadRequestError, match="longer than 100 characters"):
        await synthesize(pipeline.open(TtsRequest()), "x" * 1_000_000)
    async with pipeline.open(TtsRequest()) as speech:
        for _ in range(10):
            speech.feed("ten chars ")
        with pytest.raises(BadRequestError):
            speech.feed("x")


async def test_worker_crash_raises_its_error(
    make_tts: Make, coordinator: FakeCoordinator, published: Published
) -> None:
    async def die(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        yield OutputChunk({}, bytes(8_192))
        raise InferenceFailedError("killed by signal 9")

    coordinator.inferences[Task.TTS] = die
    with pytest.raises(InferenceFailedError, match="signal 9"):
        await synthesize(make_tts().open(TtsRequest()), "Hello.")
    assert coordinator.active_leases == 0
    assert [event.code for event in published("request_finished")] == ["INFERENCE_FAILED"]


async def test_refused_lease_raises_from_format_too(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    coordinator.lease_errors.append(BusyError("full"))
    async with make_tts().open(TtsRequest()) as speech:
        speech.feed("Hello.")
        speech.end()
        with pytest.raises(BusyError):
            await speech.format()


async def test_failure_is_counted_without_a_reader(
    make_tts: Make, coordinator: FakeCoordinator, published: Published, clock: FakeClock
) -> None:
    coordinator.lease_errors.append(BusyError("full"))
    async with make_tts().open(TtsRequest()) as speech:
        speech.feed("Hello.")
        speech.end()
        await clock.run_ready_tasks()
    assert [event.code for event in published("request_finished")] == ["BUSY"]


async def test_model_without_a_sample_rate_is_an_internal_error(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    coordinator.info.clear()
    with pytest.raises(InternalError, match="sample rate"):
        await synthesize(make_tts().open(TtsRequest()), "Hello.")


@pytest.mark.parametrize("stuck_at", ["lease", "run"])
async def test_lease_and_run_time_out(
    make_tts: Make, coordinator: FakeCoordinator, clock: FakeClock, stuck_at: str
) -> None:
    async def never(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        await asyncio.Event().wait()
        yield OutputChunk({})

    coordinator.inferences[Task.TTS] = never
    if stuck_at == "lease":
        coordinator.gate.clear()
    task = asyncio.create_task(
        synthesize(make_tts(limits={"request_timeout": 5}).open(TtsRequest()), "Hello.")
    )
    await clock.advance(5.1)
    with pytest.raises(DeadlineError):
        await task
    assert (coordinator.active_leases, coordinator.waiting) == (0, 0)


async def test_waiting_for_text_does_not_time_out(
    make_tts: Make, coordinator: FakeCoordinator, clock: FakeClock
) -> None:
    async with make_tts(limits={"request_timeout": 5}).open(TtsRequest()) as speech:
        audio = aiter(speech)
        speech.feed("Good morning to you. ")
        speech.feed("It ")
        await anext(audio)
        await clock.advance(100)
        speech.feed("is nine.")
        speech.end()
        assert [chunk async for chunk in audio]


async def test_closing_early_cancels_the_run_and_ends_the_lease(
    make_tts: Make, coordinator: FakeCoordinator, published: Published
) -> None:
    async with make_tts().open(TtsRequest()) as speech:
        speech.feed(THREE)
        speech.end()
        await anext(aiter(speech))
        assert coordinator.active_leases == 1
    assert coordinator.active_leases == 0
    assert [event.code for event in published("request_finished")] == ["CANCELLED"]


async def test_model_is_prefetched_when_a_stream_opens(
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
    return TtsPipeline(coordinator, SPECS, ConfigHolder(config), bus, clock, cache)


async def test_repeated_text_needs_no_lease(
    cached_tts: TtsPipeline,
    coordinator: FakeCoordinator,
    published: Published,
) -> None:
    text = "Good morning, dear all of you out there. The light is on."
    first = await synthesize(cached_tts.open(TtsRequest()), text)
    leases = len(coordinator.leased)
    assert await synthesize(cached_tts.open(TtsRequest()), text) == first
    assert len(coordinator.leased) == leases
    made, repeated = published("request_finished")
    assert (made.phrases, made.cached) == (repeated.phrases, 0)
    assert repeated.phrases == repeated.cached > 0
    assert "queue" not in repeated.stages
    assert made.audio_seconds > repeated.audio_seconds == 0


async def test_speed_and_voice_are_part_of_the_cache_key(
    cached_tts: TtsPipeline, coordinator: FakeCoordinator
) -> None:
    for request in (TtsRequest(), TtsRequest(speed=1.5), TtsRequest(voice="en_GB-amy")):
        await synthesize(cached_tts.open(request), "Hello.")
    assert len(coordinator.runs) == 3


async def test_new_sentence_is_synthesized_between_cached_ones(
    cached_tts: TtsPipeline, coordinator: FakeCoordinator
) -> None:
    await synthesize(cached_tts.open(TtsRequest()), "One. Three.")
    whole = await synthesize(cached_tts.open(TtsRequest()), "One. Two. Three.")
    assert [run.request["text"] for run in coordinator.runs] == ["One.", "Three.", "Two."]
    assert whole


async def test_text_is_normalized_and_the_lexicon_applied(
    coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock, tmp_path: Path
) -> None:
    lexicon = Lexicon(tmp_path / "lexicon.yaml")
    await lexicon.put("en", "HA", "Home Assistant")
    config = Config.model_validate({"tts": {"voice": "en_US-joe"}})
    tts = TtsPipeline(coordinator, SPECS, ConfigHolder(config), bus, clock, lexicon=lexicon)
    await synthesize(tts.open(TtsRequest()), "HA says 21 °C.")
    assert coordinator.runs[0].request["text"] == (
        "Home Assistant says twenty-one degrees Celsius."
    )


async def test_pause_is_silence_and_speed_factor_applies_to_the_text_after_it(
    make_tts: Make, coordinator: FakeCoordinator
) -> None:
    async def length(pause: float) -> int:
        async with make_tts(sentence_silence=0).open(TtsRequest(speed=1.2)) as speech:
            speech.feed("One.")
            speech.pause(pause)
            speech.set_speed_factor(0.5)
            speech.feed("Two.")
            speech.end()
            return sum([len(chunk) async for chunk in speech])

    assert await length(1.5) - await length(0.5) == 32_000
    assert [run.request["speed"] for run in coordinator.runs] == [1.2, 0.6, 1.2, 0.6]


async def test_changed_configuration_applies_to_the_next_request(
    coordinator: FakeCoordinator, bus: EventBus, clock: FakeClock
) -> None:
    holder = ConfigHolder(Config.model_validate({"tts": {"voice": "en_US-joe"}}))
    tts = TtsPipeline(coordinator, SPECS, holder, bus, clock)
    before = tts.open(TtsRequest())
    changed = Config.model_validate({"tts": {"voice": "de_DE-eva", "speed": 1.5, "max_text": 150}})
    holder.replace(changed, frozenset({"tts.voice", "tts.speed", "tts.max_text"}))
    assert (tts.open(TtsRequest()).voice, tts.max_text) == ("de_DE-eva", 150)
    await synthesize(tts.open(TtsRequest()), "Guten Tag.")
    await synthesize(before, "Hello. " * 20)
    assert coordinator.runs[0].request["speed"] == 1.5
    assert {run.request["voice"] for run in coordinator.runs[1:]} == {"en_US-joe"}
