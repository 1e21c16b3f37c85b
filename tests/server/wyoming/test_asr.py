import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from wyoming.asr import (
    Transcribe,
    Transcript,
    TranscriptChunk,
    TranscriptStart,
    TranscriptStop,
)
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.vad import VoiceStarted, VoiceStopped

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import (
    InferenceFailedError,
    LoadFailedError,
)
from wyoming_servers.speech.asr import speculation
from wyoming_servers.speech.fake import (
    ScriptedRun,
    transcribe_duration,
)
from wyoming_servers.worker.interface import OutputChunk

Serve = Callable[..., Any]
Connect = Callable[..., Any]
Sound = Callable[[float], bytes]


async def test_wyoming_library_client_gets_a_transcript(serve: Serve, speech: Sound) -> None:
    running = await serve()
    async with AsyncTcpClient("127.0.0.1", running.ports["asr"], read_timeout=10) as client:
        await client.write_event(Transcribe(language="en").event())
        await client.write_event(AudioStart(16_000, 2, 1).event())
        await client.write_event(AudioChunk(16_000, 2, 1, speech(1.0)).event())
        await client.write_event(AudioStop().event())
        events = []
        while not events or not TranscriptStop.is_type(events[-1].type):
            event = await client.read_event()
            assert event is not None
            events.append(event)
    started, stopped, start, chunk, transcript, _ = events
    assert VoiceStarted.from_event(started).timestamp == pytest.approx(0, abs=50)
    assert VoiceStopped.from_event(stopped).timestamp == pytest.approx(1_000, abs=50)
    assert TranscriptStart.from_event(start).language == "en"
    assert TranscriptChunk.from_event(chunk).text == "1.0 seconds"
    assert Transcript.from_event(transcript) == Transcript("1.0 seconds", language="en")


async def test_empty_transcript_has_no_chunks(serve: Serve, connect: Connect, quiet: Sound) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send_utterance(quiet(1.0))
    types = [event.type for event in await client.read_until("transcript-stop")]
    assert types == ["transcript-start", "transcript", "transcript-stop"]


async def test_transcript_grows_when_partials_are_requested(
    serve: Serve, connect: Connect, speech: Sound, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def more_and_more(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        async for _ in run.input():
            pass
        words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
        run.answer = {"text": " ".join(words[: 3 + len(running.coordinator.runs)])}
        yield OutputChunk({})

    monkeypatch.setattr(speculation, "PARTIAL_INTERVAL", 0.02)
    running = await serve()
    running.coordinator.inferences[Task.ASR] = more_and_more
    client = await connect(running.ports["asr"])
    await client.send("transcribe", context={"partials": True})
    await client.audio(speech(0.9))
    begin = await client.read_until("transcript-chunk")
    await client.send("audio-stop")
    events = begin + await client.read_until("transcript-stop")
    types = [event.type for event in events]
    chunks = [event.data["text"] for event in events if event.type == "transcript-chunk"]
    assert len(chunks) > 1
    assert [type_ for type_ in types if not type_.startswith("voice-")] == [
        "transcript-start",
        *["transcript-chunk"] * len(chunks),
        "transcript",
        "transcript-stop",
    ]
    assert types.index("voice-started") < types.index("transcript-chunk")
    assert types.index("voice-stopped") < types.index("transcript")
    assert "".join(chunks) == events[-2].data["text"]


async def test_error_ends_a_transcript_stream(
    serve: Serve, connect: Connect, speech: Sound
) -> None:
    async def die(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        raise InferenceFailedError("killed by signal 9")
        yield OutputChunk({})

    running = await serve()
    running.coordinator.inferences[Task.ASR] = die
    client = await connect(running.ports["asr"])
    await client.send_utterance(speech(1.0), context={"partials": True})
    *_, error = await client.read_until("error", "transcript", "transcript-stop")
    assert error.type == "error"
    assert await client.is_alive()


async def test_connection_transcribes_several_utterances(
    serve: Serve, connect: Connect, speech: Sound
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    for seconds in (1.0, 2.0, 1.0):
        await client.send_utterance(speech(seconds), language="en")
        assert (await client.expect("transcript"))["text"] == f"{seconds} seconds"
    assert await client.is_alive()
    assert running.coordinator.active_leases == 0


async def test_utterances_are_answered_in_order(
    serve: Serve, connect: Connect, speech: Sound
) -> None:
    async def slowly(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        async for chunk in transcribe_duration(run):
            await asyncio.sleep(0.02)
            yield chunk

    running = await serve()
    running.coordinator.inferences[Task.ASR] = slowly
    client = await connect(running.ports["asr"])
    await client.send_utterance(speech(1.0))
    await client.send_utterance(speech(3.0), language="de")
    await client.send_utterance(speech(2.0), language="xx")
    await client.send_utterance(speech(2.0))
    await client.send_utterance(speech(2.0), language=5)
    await client.send_utterance(speech(2.0))
    await client.send("audio-start", rate="x")
    assert (await client.expect("transcript"))["text"] == "1.0 seconds"
    assert (await client.expect("transcript"))["language"] == "de"
    assert (await client.expect("error"))["code"] == "UNSUPPORTED_LANGUAGE"
    for _ in range(2):
        assert (await client.expect("transcript"))["text"] == "2.0 seconds"
        assert (await client.expect("error"))["code"] == "BAD_REQUEST"


@pytest.mark.parametrize("events", ["chunks alone", "start", "transcribe"])
async def test_utterance_may_start_with_any_event(
    serve: Serve, connect: Connect, speech: Sound, events: str
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    if events == "transcribe":
        await client.send("transcribe")
    if events == "start":
        await client.send("audio-start", rate=16_000, width=2, channels=1)
    await client.audio(speech(1.0))
    await client.send("audio-stop")
    assert (await client.expect("transcript"))["text"] == "1.0 seconds"


async def test_audio_stop_alone_is_an_empty_transcript(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("audio-stop")
    assert (await client.expect("transcript"))["text"] == ""
    await client.send("transcribe", language="en")
    await client.send("audio-start", rate=16_000, width=2, channels=1)
    await client.send("audio-chunk", rate=16_000, width=2, channels=1)
    await client.send("audio-stop")
    assert (await client.expect("transcript"))["text"] == ""
    assert running.coordinator.leased == []


async def test_answer_may_come_before_audio_stop(
    serve: Serve, connect: Connect, speech: Sound, quiet: Sound, spoken: None
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("transcribe")
    await client.send("audio-start", rate=16_000, width=2, channels=1)
    await client.audio(speech(1.0) + quiet(1.0))
    assert (await client.expect("transcript"))["text"] != ""
    await client.audio(speech(2.0))
    await client.send("audio-stop")
    assert await client.is_alive()
    await client.send_utterance(speech(1.0))
    assert (await client.expect("transcript"))["text"] == "1.0 seconds"


async def test_utterance_may_follow_one_without_audio_stop(
    serve: Serve, connect: Connect, speech: Sound, quiet: Sound, spoken: None
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("transcribe")
    await client.audio(speech(1.0) + quiet(1.0))
    assert (await client.expect("transcript"))["text"] != ""
    await client.send_utterance(speech(1.0))
    assert (await client.expect("transcript"))["text"] == "1.0 seconds"


async def test_minutes_of_silence_are_one_empty_transcript(serve: Serve, connect: Connect) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("transcribe")
    await client.send("audio-start", rate=16_000, width=2, channels=1)
    await client.audio(bytes(32_000 * 600), step=64_000)
    await client.send("audio-stop")
    assert (await client.expect("transcript"))["text"] == ""
    assert await client.is_alive()
    assert running.coordinator.leased == []


async def test_audio_start_without_audio_stop_restarts_the_utterance(
    serve: Serve, connect: Connect, speech: Sound
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("audio-start", rate=16_000, width=2, channels=1)
    await client.audio(speech(3.0))
    await client.send("audio-start", rate=16_000, width=2, channels=1)
    await client.audio(speech(1.0))
    await client.send("audio-stop")
    assert (await client.expect("transcript"))["text"] == "1.0 seconds"
    assert await client.is_alive()


async def test_transcribe_without_audio_stop_restarts_the_utterance(
    serve: Serve, connect: Connect, speech: Sound
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("transcribe", language="en")
    await client.audio(speech(3.0))
    await client.send_utterance(speech(1.0), language="de")
    assert await client.expect("transcript") == {"text": "1.0 seconds", "language": "de"}
    assert await client.is_alive()


@pytest.mark.parametrize(
    ("transcribe", "code"),
    [
        ({"language": "xx"}, "UNSUPPORTED_LANGUAGE"),
        ({"language": 5}, "BAD_REQUEST"),
        ({"language": ["en"]}, "BAD_REQUEST"),
        ({"name": {"a": 1}}, "BAD_REQUEST"),
        ({"name": "whisper/enormous"}, "MODEL_MISSING"),
        ({"transcript_names": "Kitchen"}, "BAD_REQUEST"),
        ({"transcript_terms": [1, 2]}, "BAD_REQUEST"),
        ({"vad_sensitivity": 1}, "BAD_REQUEST"),
        ({"context": "x"}, "BAD_REQUEST"),
        ({"context": {"turn_detection": 1}}, "BAD_REQUEST"),
        ({"context": {"partials": "yes"}}, "BAD_REQUEST"),
        ({"context": {"task": "sing"}}, "BAD_REQUEST"),
        ({"context": {"task": 5}}, "BAD_REQUEST"),
    ],
    ids=str,
)
async def test_invalid_transcribe_is_one_error(
    serve: Serve, connect: Connect, speech: Sound, transcribe: dict[str, Any], code: str
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send_utterance(speech(1.0), **transcribe)
    assert (await client.expect("error"))["code"] == code
    assert await client.is_alive()
    await client.send_utterance(speech(1.0), language="zh-CN")
    assert await client.expect("transcript") == {"text": "1.0 seconds", "language": "zh"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"rate": "16000", "width": 2, "channels": 1},
        {"rate": 16_000, "width": 2.5, "channels": 1},
        {"rate": 16_000, "width": 2, "channels": True},
        {"rate": 0, "width": 2, "channels": 1},
        {"rate": -16_000, "width": 2, "channels": 1},
        {"rate": 10**12, "width": 2, "channels": 1},
        {"rate": 16_000, "width": 9, "channels": 1},
        {"rate": 16_000, "width": 2, "channels": 0},
        {},
    ],
    ids=str,
)
async def test_invalid_audio_format_is_one_error(
    serve: Serve, connect: Connect, speech: Sound, wrong: dict[str, Any]
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("transcribe")
    for _ in range(5):
        await client.send("audio-chunk", bytes(960), **wrong)
    await client.send("audio-stop")
    assert (await client.expect("error"))["code"] == "BAD_REQUEST"
    assert await client.is_alive()
    await client.send_utterance(speech(1.0))
    assert (await client.expect("transcript"))["text"] == "1.0 seconds"


async def test_invalid_audio_start_is_one_error(
    serve: Serve, connect: Connect, speech: Sound
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("transcribe")
    await client.send("audio-start", rate="fast")
    assert (await client.expect("error"))["code"] == "BAD_REQUEST"
    await client.audio(speech(1.0))
    await client.send("audio-start", rate=16_000, width=2, channels=1)
    await client.audio(speech(1.0))
    await client.send("audio-stop")
    assert (await client.expect("transcript"))["text"] == "1.0 seconds"


async def test_chunks_without_a_format_have_the_one_of_audio_start(
    serve: Serve, connect: Connect, speech: Sound
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send("audio-start", rate=32_000, width=2, channels=1)
    await client.send("audio-chunk", speech(4.0))
    await client.send("audio-stop")
    assert (await client.expect("transcript"))["text"] == "2.0 seconds"


async def test_client_may_request_a_translation_into_english(
    serve: Serve, connect: Connect, speech: Sound
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    for context, task in (({"task": "translate"}, "translate"), ({}, "transcribe")):
        await client.send_utterance(speech(1.0), language="de", context=context)
        await client.expect("transcript")
        assert running.coordinator.runs[-1].request["task"] == task


async def test_names_and_sensitivity_are_applied(
    serve: Serve, connect: Connect, speech: Sound, quiet: Sound
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    await client.send_utterance(
        speech(1.0) + quiet(1.0),
        transcript_names=["Ecobee"],
        transcript_terms=["dim"],
        vad_sensitivity="relaxed",
        context={"anything": [1]},
        unknown_field=True,
    )
    assert (await client.expect("transcript"))["text"] == "1.2 seconds"  # The pause is left out.
    request = running.coordinator.runs[0].request
    assert (request["names"], request["terms"]) == (["Ecobee"], ["dim"])


async def never(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
    await asyncio.Event().wait()
    yield OutputChunk({})


async def test_recording_is_not_ended_by_a_pause(
    serve: Serve, connect: Connect, speech: Sound, quiet: Sound
) -> None:
    running = await serve()
    client = await connect(running.ports["asr"])
    recording = speech(1.0) + quiet(2.0) + speech(1.0)
    await client.send_utterance(recording, context={"turn_detection": False})
    assert (await client.expect("transcript"))["text"] == "4.0 seconds"


@pytest.mark.parametrize(
    "phase",
    [
        "before audio",
        "silence",
        "listening",
        "loading",
        "partial",
        "speculation",
        "waiting for a speculation",
        "inference",
        "after stop",
    ],
)
async def test_client_that_leaves_releases_the_lease(
    serve: Serve, connect: Connect, speech: Sound, quiet: Sound, phase: str
) -> None:
    running = await serve()
    running.coordinator.inferences[Task.ASR] = never
    if phase == "loading":
        running.coordinator.gate.clear()
    client = await connect(running.ports["asr"])
    await client.send("transcribe", context={"partials": phase == "partial"})
    if phase == "silence":
        await client.audio(quiet(1.0))
        assert await client.is_alive()
    elif phase == "partial":
        await client.audio(speech(0.9))
        await running.working(1)
    elif phase != "before audio":
        await client.audio(speech(0.5))
    if phase == "loading":
        await running.request_waits()
    elif phase not in {"before audio", "silence"}:
        await running.leased()
    if "speculation" in phase:
        await client.audio(quiet(0.3))
        await running.working(1)
    if phase in {"waiting for a speculation", "inference", "after stop"}:
        await client.send("audio-stop")
        assert await client.is_alive()
        await running.working(1)
    if phase == "after stop":
        await client.audio(speech(1.0))
    await client.leave()
    await running.empty()
    await running.all_released()
    assert all(run.cancelled for run in running.coordinator.runs)
    assert not _WORK & {task.get_name() for task in asyncio.all_tasks()}
    events = [item.event for item in running.bus.recent()]
    finished = {event.code for event in events if event.type == "request_finished"}
    assert finished == {"CANCELLED"}
    guessed = [event.outcome for event in events if event.type == "speculation_ended"]
    assert guessed == (["void"] if "speculation" in phase else [])


_WORK = {"transcribe", "speculation", "partials"}
"""Names of the tasks of an utterance."""


async def test_failed_load_is_sent_during_the_speech(
    serve: Serve, connect: Connect, speech: Sound
) -> None:
    running = await serve()
    running.coordinator.gate.clear()
    client = await connect(running.ports["asr"])
    await client.send("transcribe")
    await client.audio(speech(0.5))
    await running.request_waits()
    running.coordinator.lease_errors.append(LoadFailedError("The file is broken."))
    running.coordinator.gate.set()
    error = await client.expect("error")
    assert error["code"] == "LOAD_FAILED"
    assert "The file is broken." in error["text"]
    await client.audio(speech(0.5))
    await client.send("audio-stop")
    assert await client.is_alive()
    await client.send_utterance(speech(1.0))
    assert (await client.expect("transcript"))["text"] == "1.0 seconds"


async def test_dead_worker_is_one_error(serve: Serve, connect: Connect, speech: Sound) -> None:
    async def die(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        raise InferenceFailedError("killed by signal 9")
        yield OutputChunk({})

    running = await serve()
    running.coordinator.inferences[Task.ASR] = die
    client = await connect(running.ports["asr"])
    await client.send_utterance(speech(1.0))
    assert (await client.expect("error"))["code"] == "INFERENCE_FAILED"
    running.coordinator.inferences[Task.ASR] = transcribe_duration
    await client.send_utterance(speech(1.0))
    assert (await client.expect("transcript"))["text"] == "1.0 seconds"


async def test_unexpected_error_is_logged_but_not_sent_in_detail(
    serve: Serve, connect: Connect, speech: Sound, caplog: pytest.LogCaptureFixture
) -> None:
    async def stumble(run: ScriptedRun) -> AsyncIterator[OutputChunk]:
        raise KeyError("secret detail")
        yield OutputChunk({})

    running = await serve()
    running.coordinator.inferences[Task.ASR] = stumble
    client = await connect(running.ports["asr"])
    await client.send_utterance(speech(1.0))
    error = await client.expect("error")
    assert error["code"] == "UNKNOWN"
    assert "secret" not in error["text"]
    assert "KeyError: 'secret detail'" in caplog.text
    assert await client.is_alive()
