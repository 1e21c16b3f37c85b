import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import SPEECH_FORMAT, Task
from wyoming_servers.core.errors import (
    BadRequestError,
    ConflictError,
    InferenceFailedError,
    LoadFailedError,
)
from wyoming_servers.speech.asr.pipeline import AsrRequest, PartialText, Transcript
from wyoming_servers.speech.fake import ScriptedRun, embed_level
from wyoming_servers.speech.wake.pipeline import WakePipelineRequest
from wyoming_servers.worker.interface import OutputChunk

Make = Callable[..., Any]
Speak = Callable[..., bytes]
Published = Callable[[str], list[Any]]

ANNA, BEN, TELEVISION = 8_000, 24_000, 16_000
"""Levels of voices."""


async def enroll(home: Any, name: str, pcm: bytes, *, foreign: bool = False) -> None:
    speaker = await home.store.add(name, foreign=foreign)
    await home.store.add_samples(speaker.id, await home.speakers.embed(pcm))


async def transcribe(home: Any, pcm: bytes, client: str = "satellite:1") -> Transcript:
    async with home.asr.open(AsrRequest(client=client)) as utterance:
        for start in range(0, len(pcm), 960):
            await utterance.feed(pcm[start : start + 960], SPEECH_FORMAT)
        transcript: Transcript = await utterance.finish()
        return transcript


async def test_nothing_is_computed_while_nobody_is_enrolled(make_home: Make, speak: Speak) -> None:
    home = make_home(asr={"only_known_speakers": True})
    assert (await transcribe(home, speak(ANNA))).text
    assert home.coordinator.leased == ["asr/english"]
    home.speakers.preload("a test")
    assert home.coordinator.prefetched == []


async def test_transcript_and_events_name_the_speaker(
    make_home: Make, speak: Speak, published: Published
) -> None:
    home = make_home()
    await enroll(home, "Anna", speak(ANNA, 9.0))
    await enroll(home, "Ben", speak(BEN, 9.0))
    transcript = await transcribe(home, speak(BEN))
    assert transcript.speaker is not None
    assert (transcript.speaker.name, transcript.speaker.known) == ("Ben", True)
    assert transcript.speaker.confidence > 0.6
    (event,) = published("speaker_recognized")
    (finished,) = published("request_finished")
    assert (event.speaker, event.request, event.refused) == ("Ben", finished.request, False)
    assert (finished.speaker, finished.confidence) == ("Ben", pytest.approx(event.confidence, 1e-3))


async def test_speech_of_others_has_no_speaker(
    make_home: Make, speak: Speak, published: Published
) -> None:
    home = make_home()
    await enroll(home, "Anna", speak(ANNA))
    transcript = await transcribe(home, speak(TELEVISION))
    assert transcript.text
    assert transcript.speaker is None
    (event,) = published("speaker_recognized")
    assert (event.speaker, event.speaker_id) == ("", "")
    assert event.confidence < 0.5


async def test_unknown_speech_gets_an_empty_transcript_if_only_known_speakers_are_answered(
    make_home: Make, speak: Speak, published: Published
) -> None:
    home = make_home(asr={"only_known_speakers": True, "partial_transcripts": True})
    await enroll(home, "Anna", speak(ANNA))
    await enroll(home, "News", speak(TELEVISION), foreign=True)
    async with home.asr.open(AsrRequest(client="satellite:1")) as utterance:
        await utterance.feed(speak(TELEVISION), SPEECH_FORMAT)
        await utterance.end()
        updates = [update async for update in utterance.updates()]
        assert (await utterance.finish()).text == ""
    assert not any(isinstance(update, PartialText) for update in updates)
    (event,) = published("speaker_recognized")
    assert (event.refused, event.speaker) == (True, "")
    known = await transcribe(home, speak(ANNA))
    assert known.text
    assert known.speaker is not None


async def test_embedding_is_computed_during_the_speech(
    make_home: Make, speak: Speak, clock: FakeClock
) -> None:
    home = make_home()
    await enroll(home, "Anna", speak(ANNA))
    async with home.asr.open(AsrRequest(client="a")) as utterance:
        pcm = speak(ANNA, 1.0)
        for start in range(0, len(pcm), 960):
            await utterance.feed(pcm[start : start + 960], SPEECH_FORMAT)
            await clock.run_ready_tasks()
        probed = [run for run in home.coordinator.runs if run.request == {}][-1]
        assert SPEECH_FORMAT.seconds(len(probed.received)) > 0.7
        await utterance.finish()
    assert home.coordinator.active_leases == 0


async def test_speaker_that_is_late_does_not_delay_the_transcript(
    make_home: Make, speak: Speak, clock: FakeClock
) -> None:
    home = make_home()
    await enroll(home, "Anna", speak(ANNA))

    async def hang(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        await clock.sleep(3_600)
        yield OutputChunk({})

    home.coordinator.inferences[Task.SPEAKER] = hang
    async with home.asr.open(AsrRequest(client="a")) as utterance:
        await utterance.feed(speak(ANNA), SPEECH_FORMAT)
        await utterance.end()
        transcript = asyncio.create_task(utterance.finish())
        await clock.run_ready_tasks()
        assert not transcript.done()
        await clock.advance(0.05)
        await clock.run_ready_tasks()
        assert transcript.done()
        assert transcript.result().text
        assert transcript.result().speaker is None
    assert home.coordinator.active_leases == 0


async def test_worker_that_dies_is_asked_again(make_home: Make, speak: Speak) -> None:
    home = make_home(asr={"only_known_speakers": True})
    await enroll(home, "Anna", speak(ANNA))
    attempts = 0

    async def die_once(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise InferenceFailedError("The worker was killed.")
        async for chunk in embed_level(run):
            yield chunk

    home.coordinator.inferences[Task.SPEAKER] = die_once
    transcript = await transcribe(home, speak(ANNA))
    assert transcript.speaker is not None
    assert transcript.text


async def test_gate_that_cannot_recognize_answers_with_the_error(
    make_home: Make, speak: Speak
) -> None:
    home = make_home(asr={"only_known_speakers": True})
    await enroll(home, "Anna", speak(ANNA))

    async def fail(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        raise LoadFailedError("The model is broken.")
        yield OutputChunk({})

    home.coordinator.inferences[Task.SPEAKER] = fail
    with pytest.raises(LoadFailedError):
        await transcribe(home, speak(ANNA))


async def test_recent_utterances_enroll_a_speaker(
    make_home: Make, speak: Speak, clock: FakeClock
) -> None:
    home = make_home()
    anna = await home.store.add("Anna")
    for _ in range(3):
        await transcribe(home, speak(ANNA), "10.0.0.5:1")
    await transcribe(home, speak(TELEVISION), "10.0.0.6:1")
    assert len(home.speakers.recent()) == 4
    samples = home.speakers.recent_samples(client="10.0.0.5", last=3)
    await home.store.add_samples(anna.id, samples)
    transcript = await transcribe(home, speak(ANNA))
    assert transcript.speaker is not None
    with pytest.raises(ConflictError):
        home.speakers.recent_samples(["unknown"])
    await clock.advance(901)
    with pytest.raises(ConflictError, match="no recent speech"):
        home.speakers.recent_samples(last=3)


async def test_recording_without_speech_enrolls_nobody(make_home: Make, speak: Speak) -> None:
    home = make_home()
    with pytest.raises(BadRequestError, match="less than"):
        await home.speakers.embed(speak(ANNA, 0.3))


async def test_wake_word_of_an_unknown_speaker_is_suppressed(
    make_home: Make, speak: Speak, published: Published
) -> None:
    home = make_home(speakers={"verify_wake_words": True})
    await enroll(home, "Ben", speak(BEN))

    async def detections(level: int) -> list[Any]:
        async with home.wake.open(WakePipelineRequest(client="satellite:1")) as stream:
            await stream.feed(speak(level, 1.0), SPEECH_FORMAT)
            stream.end()
            return [found async for found in stream]

    assert await detections(10_000) == []
    assert all(event.suppressed for event in published("wake_word_detected"))
    (found, *_) = await detections(BEN)
    assert (found.word, found.speaker) == ("hey_jarvis", "Ben")
    refused, *_ = published("speaker_recognized")
    assert (refused.kind, refused.refused) == ("wake", True)


async def test_pieces_get_names_or_letters(make_home: Make, speak: Speak) -> None:
    home = make_home()
    await enroll(home, "Ben", speak(BEN))
    voices = (ANNA, BEN, 32_000, ANNA, BEN)
    pieces = [speak(voice) for voice in voices]
    assert await home.speakers.label([*pieces, b""]) == ["A", "Ben", "B", "A", "Ben", "Ben"]
