import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    AudioFormat,
    Priority,
    Task,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    DeadlineError,
    InferenceFailedError,
    InternalError,
    LoadFailedError,
    UnsupportedLanguageError,
)
from wyoming_servers.speech.asr.pipeline import (
    AsrRequest,
    Transcript,
    Utterance,
    VoiceStarted,
    VoiceStopped,
)
from wyoming_servers.speech.fake import (
    FakeCoordinator,
    ScriptedRun,
)
from wyoming_servers.worker.interface import OutputChunk

Make = Callable[..., Any]
Sound = Callable[..., bytes]
Published = Callable[[str], list[Any]]
Live = Callable[[Utterance, bytes], Awaitable[None]]


async def feed(utterance: Utterance, pcm: bytes, audio: AudioFormat = SPEECH_FORMAT) -> None:
    """Feed chunks of 30 ms, as a satellite does."""
    step = audio.bytes_for(0.03)
    for start in range(0, len(pcm), step):
        await utterance.feed(pcm[start : start + step], audio)


async def transcribe(utterance: Utterance, pcm: bytes) -> Transcript:
    """Transcribe a whole utterance."""
    async with utterance:
        await feed(utterance, pcm)
        return await utterance.finish()


async def test_pipeline_returns_one_stripped_transcript(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound, published: Published
) -> None:
    async with make_asr().open(AsrRequest(client="a")) as utterance:
        await feed(utterance, speech(2.0))
        transcript = await utterance.finish()
    assert transcript.text == "2.0 seconds"
    assert transcript.language == "en"
    assert transcript.seconds == pytest.approx(2.0, abs=0.1)
    assert coordinator.leased == ["asr/many"]
    assert coordinator.active_leases == 0
    (event,) = published("request_finished")
    assert (event.code, event.model, event.client) == ("", "asr/many", "a")
    assert set(event.stages) == {"speech", "queue", "inference"}
    assert event.audio_seconds > 0


async def test_pipeline_leases_the_model_at_the_start_of_speech(
    make_asr: Make,
    coordinator: FakeCoordinator,
    speech: Sound,
    quiet: Sound,
    published: Published,
) -> None:
    async with make_asr().open(AsrRequest(client="a")) as utterance:
        await feed(utterance, quiet(2.0))
        assert (coordinator.active_leases, published("speech_started")) == (0, [])
        await feed(utterance, speech(0.5))
        await asyncio.sleep(0)
        assert coordinator.active_leases == 1
        assert [event.client for event in published("speech_started")] == ["a"]
        await feed(utterance, speech(0.5) + quiet(0.5) + speech(0.5))
        assert len(published("speech_started")) == 1


async def test_silence_is_an_empty_transcript_without_a_lease(
    make_asr: Make, coordinator: FakeCoordinator, quiet: Sound
) -> None:
    async with make_asr().open(AsrRequest()) as utterance:
        await feed(utterance, quiet(3.0))
        assert (await utterance.finish()).text == ""
    assert (coordinator.leased, coordinator.runs) == ([], [])


async def test_no_audio_is_an_empty_transcript(make_asr: Make) -> None:
    async with make_asr().open(AsrRequest()) as utterance:
        await utterance.feed(b"", SPEECH_FORMAT)
        assert (await utterance.finish()).text == ""


async def test_word_at_the_end_of_the_audio_is_transcribed(
    make_asr: Make, speech: Sound, quiet: Sound
) -> None:
    assert (await transcribe(make_asr().open(AsrRequest()), quiet(0.96) + speech(0.12))).text


async def test_turn_ends_after_a_pause(
    make_asr: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    pipeline = make_asr(end_silence=0.7, speculative_transcription=False)
    async with pipeline.open(AsrRequest()) as utterance:
        await live(utterance, speech(1.0) + quiet(0.5))
        assert not utterance.ended.is_set()
        await live(utterance, quiet(0.4))
        assert utterance.ended.is_set()
        await live(utterance, speech(5.0))
        assert (await utterance.finish()).seconds == pytest.approx(1.2, abs=0.05)


@pytest.mark.parametrize(("sensitivity", "ends"), [("aggressive", True), ("relaxed", False)])
async def test_client_sets_the_sensitivity(
    make_asr: Make, speech: Sound, quiet: Sound, live: Live, sensitivity: str, ends: bool
) -> None:
    request = AsrRequest(vad_sensitivity=sensitivity)
    async with make_asr(speculative_transcription=False).open(request) as utterance:
        await live(utterance, speech(1.0) + quiet(0.6))
        assert utterance.ended.is_set() is ends


async def test_turn_without_speech_ends(make_asr: Make, quiet: Sound, live: Live) -> None:
    async with make_asr(no_speech_timeout=2).open(AsrRequest()) as utterance:
        await live(utterance, quiet(2.2))
        assert utterance.ended.is_set()
        assert (await utterance.finish()).text == ""


@pytest.mark.parametrize("request_says", [False, None])
async def test_client_ends_the_turn_without_turn_detection(
    make_asr: Make, speech: Sound, quiet: Sound, request_says: bool | None
) -> None:
    pipeline = make_asr(turn_detection=request_says is False)
    async with pipeline.open(AsrRequest(turn_detection=request_says)) as utterance:
        await feed(utterance, quiet(12.0) + speech(1.0) + quiet(5.0) + speech(1.0))
        assert not utterance.ended.is_set()
        transcript = await utterance.finish()
    assert transcript.seconds == pytest.approx(8.0, abs=1.1)


async def test_endless_utterance_is_cut_and_transcribed(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound, live: Live
) -> None:
    async with make_asr(max_utterance=3).open(AsrRequest()) as utterance:
        await live(utterance, speech(10.0))
        assert utterance.ended.is_set()
        transcript = await utterance.finish()
    assert transcript.seconds == pytest.approx(3.0, abs=0.3)
    assert len(coordinator.runs[0].received) < 4 * 32_000


async def test_nothing_is_cut_without_turn_detection(
    make_asr: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    pipeline = make_asr(max_utterance=3, no_speech_timeout=2, turn_detection=False)
    async with pipeline.open(AsrRequest()) as utterance:
        await live(utterance, quiet(5.0) + speech(4.0) + quiet(5.0) + speech(1.0))
        assert not utterance.ended.is_set()
        assert (await utterance.finish()).seconds == pytest.approx(11.0, abs=0.2)


async def test_silence_of_minutes_takes_no_memory(make_asr: Make, quiet: Sound) -> None:
    async with make_asr(turn_detection=False).open(AsrRequest()) as utterance:
        await utterance.feed(quiet(120.0), SPEECH_FORMAT)
        assert utterance.held_bytes <= 2 * 32_000
        assert (await utterance.finish()).text == ""


async def test_recording_is_transcribed_whole_and_in_parts(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound, quiet: Sound
) -> None:
    sound = quiet(12.0) + speech(12.0) + quiet(2.0) + speech(14.0) + quiet(3.0) + speech(9.0)
    async with make_asr(max_utterance=5, no_speech_timeout=5).open(AsrRequest()) as utterance:
        await feed(utterance, sound)
        assert not utterance.ended.is_set()
        transcript = await utterance.finish()
    lengths = [len(run.received) / 32_000 for run in coordinator.runs]
    assert lengths == pytest.approx([1 + 12 + 1, 1 + 14 + 3 + 9], abs=0.3)
    assert transcript.text == " ".join(run.answer["text"].strip() for run in coordinator.runs)
    assert transcript.seconds == pytest.approx(sum(lengths), abs=0.1)
    assert {run.priority for run in coordinator.runs} == {Priority.BACKGROUND}


async def test_speaker_whose_first_audio_had_to_wait_still_has_turns(
    make_asr: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    async with make_asr().open(AsrRequest()) as utterance:
        await feed(utterance, speech(2.0) + quiet(1.0))
        assert not utterance.ended.is_set()
        await live(utterance, quiet(2.5))
        assert utterance.ended.is_set()


async def test_turn_of_a_client_that_stops_sending_ends(
    make_asr: Make, speech: Sound, live: Live, clock: FakeClock
) -> None:
    async with make_asr(no_speech_timeout=4).open(AsrRequest()) as utterance:
        await clock.advance(100)
        assert not utterance.ended.is_set()
        await live(utterance, speech(1.0))
        await clock.advance(3.8)
        assert not utterance.ended.is_set()
        await clock.advance(0.3)
        assert utterance.ended.is_set()
        assert (await utterance.finish()).text == "1.0 seconds"


async def test_turn_is_reported_from_the_first_speech_to_the_end(
    make_asr: Make, speech: Sound, quiet: Sound, live: Live
) -> None:
    async with make_asr().open(AsrRequest()) as utterance:
        await live(utterance, quiet(1.0) + speech(1.0))
        started = await anext(utterance.updates())
        await live(utterance, quiet(1.5))
        updates = [started, *[update async for update in utterance.updates()]]
    assert [type(update) for update in updates] == [VoiceStarted, VoiceStopped]
    assert [update.at for update in updates] == pytest.approx([1.0, 2.0], abs=0.1)


async def test_turn_without_speech_is_not_reported(make_asr: Make, quiet: Sound) -> None:
    async with make_asr().open(AsrRequest()) as utterance:
        await feed(utterance, quiet(1.0))
        await utterance.finish()
        assert [update async for update in utterance.updates()] == []


async def test_silence_before_the_speech_is_dropped(
    make_asr: Make, speech: Sound, quiet: Sound
) -> None:
    async with make_asr().open(AsrRequest()) as utterance:
        await feed(utterance, quiet(8.0) + speech(1.0))
        assert (await utterance.finish()).seconds == pytest.approx(2.0, abs=0.2)


@pytest.mark.parametrize(
    "audio", [AudioFormat(48_000), AudioFormat(8_000), AudioFormat(44_100, channels=2)], ids=str
)
async def test_pipeline_converts_rates_and_channels(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound, audio: AudioFormat
) -> None:
    async with make_asr().open(AsrRequest()) as utterance:
        await feed(utterance, speech(2.0, audio.rate, audio.channels), audio)
        assert (await utterance.finish()).text == "2.0 seconds"
    assert len(coordinator.runs[0].received) == pytest.approx(64_000, abs=3_200)


async def test_audio_format_may_change_in_the_middle(make_asr: Make, speech: Sound) -> None:
    async with make_asr().open(AsrRequest()) as utterance:
        await feed(utterance, speech(1.0))
        await feed(utterance, speech(1.0, 48_000), AudioFormat(48_000))
        assert (await utterance.finish()).text == "2.0 seconds"


async def test_impossible_format_is_a_bad_request(make_asr: Make) -> None:
    async with make_asr().open(AsrRequest()) as utterance:
        with pytest.raises(BadRequestError):
            await utterance.feed(bytes(100), AudioFormat(1))


async def test_unsupported_language_is_refused_and_published(
    make_asr: Make, published: Published
) -> None:
    with pytest.raises(UnsupportedLanguageError):
        make_asr().open(AsrRequest(language="xx"))
    assert [event.code for event in published("request_finished")] == ["UNSUPPORTED_LANGUAGE"]


async def test_request_options_reach_the_worker(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound
) -> None:
    request = AsrRequest(
        language="de-DE",
        names=("Küche", " ", "Ecobee"),
        terms=("dimmen",),
        task="translate",
    )
    async with make_asr(languages=["en", "de"], beam_size=3, initial_prompt="Hallo").open(
        request
    ) as utterance:
        await feed(utterance, speech(1.0))
        await utterance.finish()
    assert coordinator.runs[0].request == {
        "language": "de",
        "languages": ["en", "de"],
        "beam_size": 3,
        "task": "translate",
        "initial_prompt": "Hallo",
        "names": ["Küche", "Ecobee"],
        "terms": ["dimmen"],
        "word_timestamps": False,
    }


class Words:
    """A stored vocabulary."""

    names = ("Ecobee", "Aunt Ada")
    terms = ("dim",)


async def test_stored_words_follow_those_of_the_request_without_duplicates(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound
) -> None:
    stored = Words()
    pipeline = make_asr(vocabulary=stored)
    for name in ("Aunt Ada", "Uncle Bob"):
        stored.names = ("Ecobee", name)
        request = AsrRequest(names=("Kitchen", "Ecobee"), terms=("blink",))
        async with pipeline.open(request) as utterance:
            await feed(utterance, speech(1.0))
            await utterance.finish()
    first, second = (run.request for run in coordinator.runs)
    assert first["names"] == ["Kitchen", "Ecobee", "Aunt Ada"]
    assert first["terms"] == ["blink", "dim"]
    assert second["names"] == ["Kitchen", "Ecobee", "Uncle Bob"]


async def test_leaving_during_speech_releases_the_lease(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound, published: Published
) -> None:
    async with make_asr().open(AsrRequest()) as utterance:
        await feed(utterance, speech(1.0))
        await asyncio.sleep(0)
        assert coordinator.active_leases == 1
    assert coordinator.active_leases == 0
    assert utterance._buffer._vad.closed
    assert [event.code for event in published("request_finished")] == ["CANCELLED"]


async def test_leaving_while_the_model_loads_leaves_the_queue(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound
) -> None:
    coordinator.gate.clear()
    async with make_asr().open(AsrRequest()) as utterance:
        await feed(utterance, speech(1.0))
        await asyncio.sleep(0)
        assert coordinator.waiting == 1
    assert coordinator.waiting == 0


async def never(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    await asyncio.Event().wait()
    yield OutputChunk({})


async def test_missing_answer_is_a_timeout_and_cancels_the_run(
    make_asr: Make,
    coordinator: FakeCoordinator,
    speech: Sound,
    clock: FakeClock,
    published: Published,
) -> None:
    coordinator.inferences[Task.ASR] = never
    utterance = make_asr(limits={"request_timeout": 5}).open(AsrRequest())

    async def transcribe() -> None:
        async with utterance:
            await feed(utterance, speech(1.0))
            await utterance.finish()

    task = asyncio.create_task(transcribe())
    await clock.run_ready_tasks()
    await clock.advance(5.1)
    with pytest.raises(DeadlineError, match="asr/many"):
        await task
    assert coordinator.runs[0].cancelled
    assert coordinator.active_leases == 0
    assert [event.code for event in published("request_finished")] == ["TIMEOUT"]


async def test_model_that_is_never_ready_is_a_timeout(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound, clock: FakeClock
) -> None:
    coordinator.gate.clear()
    async with make_asr(limits={"request_timeout": 5}).open(AsrRequest()) as utterance:
        await feed(utterance, speech(1.0))
        task = asyncio.create_task(utterance.finish())
        await clock.advance(5.1)
        with pytest.raises(DeadlineError):
            await task
    assert coordinator.waiting == 0


async def test_failed_load_ends_the_turn_at_once(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound, published: Published
) -> None:
    coordinator.lease_errors.append(LoadFailedError("broken file"))
    utterance = make_asr().open(AsrRequest())
    async with utterance:
        await feed(utterance, speech(0.5))
        await asyncio.wait_for(utterance.ended.wait(), 5)
        with pytest.raises(LoadFailedError, match="broken file"):
            await utterance.finish()
    assert [event.code for event in published("request_finished")] == ["LOAD_FAILED"]


async def test_worker_error_is_raised_unchanged(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound
) -> None:
    async def die(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        raise InferenceFailedError("killed by signal 9")
        yield OutputChunk({})

    coordinator.inferences[Task.ASR] = die
    with pytest.raises(InferenceFailedError, match="signal 9"):
        await transcribe(make_asr().open(AsrRequest()), speech(1.0))
    assert coordinator.active_leases == 0


async def test_result_without_a_text_is_an_internal_error(
    make_asr: Make, coordinator: FakeCoordinator, speech: Sound
) -> None:
    async def mumble(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        run.answer = {"text": None}
        yield OutputChunk({})

    coordinator.inferences[Task.ASR] = mumble
    with pytest.raises(InternalError):
        await transcribe(make_asr().open(AsrRequest()), speech(1.0))


async def test_minutes_of_audio_do_not_block_other_tasks(make_asr: Make, quiet: Sound) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async with make_asr().open(AsrRequest()) as utterance:
        await utterance.feed(quiet(300.0), SPEECH_FORMAT)
    task.cancel()
    assert turns >= 15
