"""OpenAI's official client against this server."""

import asyncio
import base64
import io
import json
import wave
from collections.abc import AsyncIterator
from pathlib import Path

import av
import openai
import pytest

from wyoming_servers.core.errors import BadRequestError, InferenceFailedError
from wyoming_servers.media.recording_chunker import RecordingChunk


@pytest.fixture
def blockbuster() -> None:
    """Disabled: the official client reads files and the platform name in the event loop."""


@pytest.fixture
async def ai(live) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key="s3cret", base_url=f"{live.base_url}/v1", max_retries=0, timeout=20
    ) as client:
        yield client


AUDIO = ("speech.wav", b"sound")


async def test_transcription_returns_the_text(ai) -> None:
    answer = await ai.audio.transcriptions.create(model="whisper-1", file=AUDIO)
    assert answer.text == "2.0 seconds 1.0 seconds"


async def test_recording_longer_than_a_job_may_be_is_refused(ai, context) -> None:
    jobs = context.config.jobs.model_copy(update={"max_duration": 5.0})
    config = context.config.model_copy(update={"jobs": jobs})
    context.config_holder.replace(config, frozenset({"jobs.max_duration"}))
    with pytest.raises(openai.APIStatusError) as failure:
        await ai.audio.transcriptions.create(model="whisper-1", file=AUDIO)
    assert failure.value.status_code == 413
    assert failure.value.code == "TOO_LARGE"


async def test_verbose_transcription_has_segments_and_words(ai, coordinator) -> None:
    answer = await ai.audio.transcriptions.create(
        model="asr/many",
        file=AUDIO,
        language="de",
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
    )
    assert (answer.language, answer.duration) == ("german", 10.0)
    assert [(part.start, part.end) for part in answer.segments] == [(1.0, 3.0), (8.0, 9.0)]
    assert coordinator.runs[0].request["word_timestamps"] is True
    assert coordinator.runs[0].request["language"] == "de"


@pytest.mark.parametrize(
    ("granularities", "parts"),
    [([], {"segments"}), (["segment"], {"segments"}), (["word"], {"words"})],
    ids=str,
)
async def test_verbose_transcription_has_only_what_was_asked_for(
    live, granularities, parts
) -> None:
    form = {"response_format": "verbose_json", "timestamp_granularities[]": granularities}
    answer = await live.post("/v1/audio/transcriptions", files={"file": AUDIO}, data=form)
    assert answer.json().keys() & {"segments", "words"} == parts


async def test_diarized_transcription_has_one_speaker(ai) -> None:
    answer = await ai.audio.transcriptions.create(
        model="gpt-4o-transcribe-diarize",
        file=AUDIO,
        response_format="diarized_json",
        chunking_strategy="auto",
    )
    assert [(part.speaker, part.start, part.text) for part in answer.segments] == [
        ("A", 1.0, "2.0 seconds"),
        ("A", 8.0, "1.0 seconds"),
    ]
    assert (answer.text, answer.duration) == ("2.0 seconds 1.0 seconds", 10.0)
    stream = await ai.audio.transcriptions.create(
        model="gpt-4o-transcribe-diarize", file=AUDIO, response_format="diarized_json", stream=True
    )
    events = [event async for event in stream if event.type == "transcript.text.segment"]
    assert [event.speaker for event in events] == ["A", "A"]


async def test_keywords_and_languages_reach_the_model(ai, coordinator) -> None:
    await ai.audio.transcriptions.create(
        model="asr/many",
        file=AUDIO,
        keywords=["Ada", "scullery"],
        languages=["de", "en"],
    )
    request = coordinator.runs[0].request
    assert (request["names"], request["languages"]) == (["Ada", "scullery"], ["de", "en"])
    assert request["language"] is None
    await ai.audio.transcriptions.create(model="gpt-transcribe", file=AUDIO, languages=["de"])
    assert coordinator.runs[-1].request["language"] == "de"


@pytest.mark.parametrize(
    "model", ["gpt-transcribe", "gpt-4o-mini-transcribe-2025-12-15", "gpt-4o-transcribe-diarize"]
)
async def test_current_names_of_openai_mean_the_default_model(ai, model) -> None:
    assert (await ai.audio.transcriptions.create(model=model, file=AUDIO)).text
    assert (await ai.models.retrieve(model)).owned_by == "openai"


async def test_null_means_the_default_in_a_speech_request(live, coordinator) -> None:
    body = {"input": "Hello.", "model": None, "voice": None, "response_format": None, "speed": None}
    assert (await live.post("/v1/audio/speech", json=body)).status_code == 200
    assert coordinator.runs[0].request["voice"] == "en_US-joe"
    body = {"input": "Hello.", "model": "gpt-4o-mini-tts-2025-12-15", "voice": "marin"}
    assert (await live.post("/v1/audio/speech", json=body)).status_code == 200


async def test_open_webui_reads_models_and_voices(live) -> None:
    models = (await live.get("/v1/audio/models")).json()["models"]
    assert {"id": "tts/joe", "name": "tts/joe"} in models
    assert not {model["id"] for model in models} & {"asr/english", "wake/words"}
    voices = (await live.get("/v1/audio/voices")).json()["voices"]
    assert voices[0] == {"id": "en_US-joe", "name": "Joe"}


async def test_lists_may_be_public(live, context) -> None:
    paths = ("/v1/models", "/v1/models/whisper-1", "/v1/audio/models", "/v1/audio/voices")
    anonymous = {"Authorization": ""}
    assert {(await live.get(path, headers=anonymous)).status_code for path in paths} == {401}
    api = context.config.api.model_copy(update={"public_lists": True})
    config = context.config.model_copy(update={"api": api})
    context.config_holder.replace(config, frozenset({"api.public_lists"}))
    assert {(await live.get(path, headers=anonymous)).status_code for path in paths} == {200}
    assert (await live.get("/jobs", headers=anonymous)).status_code == 401


@pytest.mark.parametrize(
    ("kind", "begin"),
    [("text", "2.0 seconds 1.0"), ("srt", "1\n00:00:01,000 -->"), ("vtt", "WEBVTT\n")],
)
async def test_text_formats_are_plain_text(kind, begin, ai) -> None:
    answer = await ai.audio.transcriptions.create(
        model="whisper-1", file=AUDIO, response_format=kind
    )
    assert str(answer).startswith(begin)


async def test_transcription_can_be_streamed(ai) -> None:
    stream = await ai.audio.transcriptions.create(
        model="gpt-4o-transcribe", file=AUDIO, stream=True
    )
    events = [event async for event in stream]
    assert [event.type for event in events] == [
        "transcript.text.delta",
        "transcript.text.delta",
        "transcript.text.done",
    ]
    assert events[0].delta + events[1].delta == events[2].text == "2.0 seconds 1.0 seconds"


async def test_stream_of_a_client_that_disconnects_is_closed_before_its_recording_is_deleted(
    live, recording, context, monkeypatch
) -> None:
    deleted = asyncio.Event()

    async def discard(_path: Path) -> None:
        recording.log.append("deleted")
        deleted.set()

    monkeypatch.setattr(context.jobs.upload_spool, "discard", discard)
    recording.parts[1:] = [RecordingChunk(float(n), n + 1.0, bytes(32_000)) for n in range(50)]
    form = {"model": "whisper-1", "stream": "true"}
    async with live.stream(
        "POST", "/v1/audio/transcriptions", files={"file": AUDIO}, data=form
    ) as answer:
        await anext(answer.aiter_lines())
    async with asyncio.timeout(5):
        await deleted.wait()
    assert recording.log == ["closed", "deleted"]


async def test_translation_uses_the_translate_task(live, coordinator) -> None:
    # The client marks this endpoint as deprecated; programs still use it.
    answer = await live.post(
        "/v1/audio/translations", files={"file": AUDIO}, data={"model": "whisper-1"}
    )
    assert answer.json()["text"]
    assert {run.request["task"] for run in coordinator.runs} == {"translate"}


async def test_recording_is_deleted_after_the_transcription(ai, context) -> None:
    await ai.audio.transcriptions.create(model="whisper-1", file=AUDIO)
    await asyncio.sleep(0.05)
    assert await asyncio.to_thread(lambda: list(context.jobs.uploads_folder.iterdir())) == []


@pytest.mark.parametrize(
    ("kind", "rate", "tolerance"),
    [("wav", 16_000, 0.01), ("mp3", 16_000, 0.2), ("flac", 16_000, 0.01),
     ("opus", 48_000, 0.1), ("aac", 16_000, 0.2)],
)  # fmt: skip
async def test_speech_is_encoded_in_every_format(kind, rate, tolerance, ai) -> None:
    answer = await ai.audio.speech.create(
        model="tts-1", voice="alloy", input="x" * 64, response_format=kind
    )
    data = answer.read()
    with av.open(io.BytesIO(data)) as container:
        assert container.streams.audio[0].rate == rate
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / rate == pytest.approx(2.0, abs=tolerance + 0.02)


async def test_pcm_speech_has_the_sample_rate_of_openai(ai) -> None:
    answer = await ai.audio.speech.create(
        model="tts/joe", voice="en_US-joe", input="x" * 64, response_format="pcm"
    )
    assert len(answer.read()) / 2 / 24_000 == pytest.approx(2.0, abs=0.05)


async def test_speech_is_streamed_as_audio(ai) -> None:
    async with ai.audio.speech.with_streaming_response.create(
        model="tts-1", voice="nova", input="Hello. How are you?", response_format="wav"
    ) as answer:
        assert answer.headers["content-type"] == "audio/wav"
        data = b"".join([piece async for piece in answer.iter_bytes()])
    with wave.open(io.BytesIO(data)) as file:
        assert file.getframerate() == 16_000


async def test_speech_from_ssml_has_its_breaks_and_not_its_tags(live, coordinator) -> None:
    body = {"response_format": "wav", "text_format": "ssml"}
    markup = '<speak>One moment.<break time="2s"/><prosody rate="150%">Thank you.</prosody></speak>'
    answer = await live.post("/v1/audio/speech", json={"input": markup, **body})
    assert answer.status_code == 200
    texts = [run.request["text"] for run in coordinator.runs]
    assert texts == ["One moment.", "Thank you."]
    assert [run.request["speed"] for run in coordinator.runs] == [1.0, 1.5]
    assert bytes(2 * 16_000 * 2) in answer.content


async def test_speech_with_more_than_a_minute_of_breaks_is_refused(live) -> None:
    body = {"input": "One.<break time='10s'/>" * 7, "text_format": "ssml"}
    answer = await live.post("/v1/audio/speech", json=body)
    assert answer.status_code == 400
    assert "60 s" in answer.text


async def test_speech_is_streamed_as_events(live) -> None:
    answer = await live.post(
        "/v1/audio/speech",
        json={"input": "Hello.", "response_format": "pcm", "stream_format": "sse"},
    )
    messages = answer.text.strip().split("\n\n")
    # Lines of OpenAI's streams: nothing but data.
    assert all(message.startswith("data: {") and "\n" not in message for message in messages)
    events = [json.loads(message.removeprefix("data: "))["type"] for message in messages]
    assert events[0] == "speech.audio.delta"
    assert events[-1] == "speech.audio.done"
    assert base64.b64encode(b"\x00\x00").decode()[:1] in answer.text


async def test_models_lists_the_installed_models(ai) -> None:
    models = [model.id async for model in await ai.models.list()]
    assert {"asr/english", "tts/joe", "whisper-1", "tts-1"} <= set(models)
    assert "wake/words" not in models
    assert (await ai.models.retrieve("tts/joe")).owned_by == "tts"


async def test_errors_have_the_format_of_openai(ai, live) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await ai.audio.speech.create(model="tts-1", voice="nobody", input="x")
    assert missing.value.code == "MODEL_MISSING"
    assert "nobody" in missing.value.message
    with pytest.raises(openai.BadRequestError, match="response_format"):
        await ai.audio.transcriptions.create(
            model="whisper-1", file=AUDIO, response_format="limerick"
        )
    with pytest.raises(openai.BadRequestError) as empty:
        await ai.audio.speech.create(model="tts-1", voice="alloy", input="")
    assert empty.value.param == "body.input"
    with pytest.raises(openai.AuthenticationError):
        await ai.with_options(api_key="wrong").models.list()
    answer = await live.get("/v1/nothing")
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_failing_voice_is_an_error_response(ai, coordinator) -> None:
    coordinator.lease_errors = [InferenceFailedError("gone") for _ in range(4)]
    with pytest.raises(openai.InternalServerError):
        await ai.audio.speech.create(model="tts-1", voice="alloy", input="Hello.")


async def test_client_that_disconnects_from_speech_releases_the_voice(live, coordinator) -> None:
    async with live.stream(
        "POST", "/v1/audio/speech", json={"input": "Hello there. " * 400, "response_format": "mp3"}
    ) as answer:
        await anext(answer.aiter_bytes())
    async with asyncio.timeout(10):
        while coordinator.active_leases:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_stream_that_cannot_start_is_an_error_response(ai, recording) -> None:
    recording.parts = [BadRequestError("The file contains no audio.")]
    with pytest.raises(openai.BadRequestError, match="no audio"):
        await ai.audio.transcriptions.create(model="whisper-1", file=AUDIO, stream=True)


async def test_stream_that_fails_ends_with_an_error_event(ai, recording) -> None:
    recording.parts[2:] = [BadRequestError("The rest is noise.")]
    stream = await ai.audio.transcriptions.create(model="whisper-1", file=AUDIO, stream=True)
    assert (await anext(stream)).type == "transcript.text.delta"
    with pytest.raises(openai.APIError, match="The rest is noise"):
        await anext(stream)


async def test_worker_crash_during_a_transcription_is_retried_once(ai, coordinator) -> None:
    coordinator.lease_errors = [InferenceFailedError("gone")]
    answer = await ai.audio.transcriptions.create(model="whisper-1", file=AUDIO)
    assert answer.text == "2.0 seconds 1.0 seconds"
