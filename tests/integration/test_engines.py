"""Speech-to-text, text-to-speech and wake words of the integration, over the WebSocket."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from fakes.conductor import UUID, FakeConductor, model, offer
from fakes.speech import AUDIO
from homeassistant.components import stt, tts, wake_word
from homeassistant.components.assist_pipeline import PipelineEvent, PipelineEventType
from homeassistant.components.assist_pipeline.pipeline import KEY_ASSIST_PIPELINE
from homeassistant.components.assist_pipeline.runtime import PipelineRunDebug
from homeassistant.components.tts.entity import TTSAudioRequest
from homeassistant.components.tts.helper import get_engine_instance
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import device_registry as dr
from homeassistant.helpers import entity_registry as er
from pytest_homeassistant_custom_component.common import MockConfigEntry

WaitUntil = Callable[[Callable[[], Any]], Awaitable[None]]

METADATA = stt.SpeechMetadata(
    "en",
    stt.AudioFormats.WAV,
    stt.AudioCodecs.PCM,
    stt.AudioBitRates.BITRATE_16,
    stt.AudioSampleRates.SAMPLERATE_16000,
    stt.AudioChannels.CHANNEL_MONO,
)


def entity_id(home: HomeAssistant, domain: str, key: str) -> str:
    """Return the entity of a unique id."""
    found = er.async_get(home).async_get_entity_id(domain, "wyoming_conductor", f"{UUID}_{key}")
    assert found is not None
    return found


def speech_to_text(home: HomeAssistant, name: str = "whisper/base") -> stt.SpeechToTextEntity:
    """Return the entity of a model."""
    entity = stt.async_get_speech_to_text_entity(home, entity_id(home, "stt", f"{name}_stt"))
    assert entity is not None
    return entity


def text_to_speech(home: HomeAssistant) -> tts.TextToSpeechEntity:
    """Return the entity of the voices."""
    entity = get_engine_instance(home, entity_id(home, "tts", "tts"))
    assert isinstance(entity, tts.TextToSpeechEntity)
    return entity


async def texts(*chunks: str) -> AsyncGenerator[str]:
    """Yield a text in chunks."""
    for chunk in chunks:
        yield chunk


async def synthesize(home: HomeAssistant, text: AsyncGenerator[str], **options: Any) -> bytes:
    """Return the audio of a streamed text."""
    response = await text_to_speech(home).internal_async_stream_tts_audio(
        TTSAudioRequest("en_US", options, text)
    )
    assert response.extension == "wav"
    return b"".join([chunk async for chunk in response.data_gen])


@pytest.mark.usefixtures("loaded_entry")
async def test_stt_transcribes_with_its_model(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    async def audio() -> AsyncGenerator[bytes]:
        for _ in range(3):
            yield b"\0\0" * 160

    result = await speech_to_text(home).async_process_audio_stream(METADATA, audio())

    assert (result.text, result.result) == ("Turn on the light.", stt.SpeechResultState.SUCCESS)
    (request,) = conductor.speech.received("transcribe")
    assert (request["name"], request["language"]) == ("whisper/base", "en")
    payloads = [payload for kind, _, payload in conductor.speech.events if kind == "audio-chunk"]
    assert payloads == [b"\0\0" * 160] * 3


@pytest.mark.usefixtures("loaded_entry")
async def test_stt_returns_when_server_ends_turn(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    conductor.speech.ends_after = 2
    is_closed = False

    async def endless() -> AsyncGenerator[bytes]:
        nonlocal is_closed
        try:
            while True:
                await asyncio.sleep(0)
                yield b"\0\0" * 160
        finally:
            is_closed = True

    result = await speech_to_text(home).async_process_audio_stream(METADATA, endless())

    assert result.text == "Turn on the light."
    assert is_closed


@pytest.mark.usefixtures("loaded_entry")
async def test_stt_fails_without_waiting(
    home: HomeAssistant, conductor: FakeConductor, caplog: pytest.LogCaptureFixture
) -> None:
    async def endless() -> AsyncGenerator[bytes]:
        while True:
            await asyncio.sleep(0)
            yield b"\0\0" * 160

    async def broken() -> AsyncGenerator[bytes]:
        yield b"\0\0"
        raise ValueError("the satellite has left")

    with pytest.raises(ValueError, match="has left"):
        await speech_to_text(home).async_process_audio_stream(METADATA, broken())
    conductor.speech.error = "whisper/base is not installed"
    result = await speech_to_text(home).async_process_audio_stream(METADATA, endless())
    assert result.result is stt.SpeechResultState.ERROR
    assert "could not transcribe: whisper/base is not installed" in caplog.text
    await conductor.stop()
    result = await speech_to_text(home).async_process_audio_stream(METADATA, endless())
    assert result.result is stt.SpeechResultState.ERROR


async def test_stt_languages_and_models_follow_server(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    coordinator = loaded_entry.runtime_data.coordinator
    assert speech_to_text(home).supported_languages == ["de", "en", "fr"]
    assert speech_to_text(home).audio_processing.requires_external_vad
    conductor.models[0]["languages"] = ["en", "fi"]
    conductor.config["asr"]["external_vad"] = False
    conductor.models.append(model("whisper/other", "asr"))
    await coordinator.async_refresh()
    await home.async_block_till_done()
    assert speech_to_text(home).supported_languages == ["en", "fi"]
    assert not speech_to_text(home).audio_processing.requires_external_vad
    assert speech_to_text(home, "whisper/other").supported_languages == ["en"]


async def test_only_default_of_many_models_is_enabled(
    home: HomeAssistant, entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.models += [model(f"whisper/{number}", "asr") for number in range(5)]
    assert await home.config_entries.async_setup(entry.entry_id)
    registry = er.async_get(home)
    entities = er.async_entries_for_config_entry(registry, entry.entry_id)
    enabled = [it for it in entities if it.domain == "stt" and it.disabled_by is None]
    assert [it.unique_id for it in enabled] == [f"{UUID}_whisper/base_stt"]


@pytest.mark.usefixtures("loaded_entry")
async def test_request_names_satellite_and_assistant(
    home: HomeAssistant, conductor: FakeConductor, loaded_entry: MockConfigEntry
) -> None:
    engine = entity_id(home, "stt", "whisper/base_stt")
    device = dr.async_get(home).async_get_or_create(
        config_entry_id=loaded_entry.entry_id, identifiers={("test", "1")}, name="Kitchen satellite"
    )
    satellite = er.async_get(home).async_get_or_create(
        "assist_satellite", "test", "1", device_id=device.id
    )
    data = home.data[KEY_ASSIST_PIPELINE]
    preferred = data.pipeline_store.async_get_preferred_item()
    for satellite_id in (None, satellite.entity_id):
        run = PipelineRunDebug()
        start = {"satellite_id": satellite_id} if satellite_id else {}
        run.events.append(PipelineEvent(PipelineEventType.RUN_START, start))
        run.events.append(PipelineEvent(PipelineEventType.STT_START, {"engine": engine}))
        data.pipeline_debug.setdefault(preferred, {})[str(satellite_id)] = run

    async def audio() -> AsyncGenerator[bytes]:
        yield b"\0\0"

    await speech_to_text(home).async_process_audio_stream(METADATA, audio())

    (request,) = conductor.speech.received("transcribe")
    assert request["context"] == {"assistant": "Home Assistant", "satellite": "Kitchen satellite"}


@pytest.mark.usefixtures("loaded_entry")
async def test_tts_streams_text_and_audio(home: HomeAssistant, conductor: FakeConductor) -> None:
    audio = await synthesize(home, texts("Hello ", "world."), voice="en_US-amy-low", speed=1.5)

    assert audio[:4] == b"RIFF"
    assert audio.endswith(2 * AUDIO)
    (start,) = conductor.speech.received("synthesize-start")
    assert start == {"voice": {"name": "en_US-amy-low"}, "context": {"speed": 1.5}}
    assert [it["text"] for it in conductor.speech.received("synthesize-chunk")] == [
        "Hello ",
        "world.",
    ]


@pytest.mark.usefixtures("loaded_entry")
async def test_tts_options_select_voice_volume_and_speaker(
    home: HomeAssistant, conductor: FakeConductor
) -> None:
    entity = text_to_speech(home)
    assert entity.default_language == "en_US"
    assert entity.default_options == {"speed": 1.0}
    assert [it.voice_id for it in entity.async_get_supported_voices("en_US") or []] == [
        "en_US-joe-medium",
        "en_US-amy-low",
    ]
    await entity.async_get_tts_audio("Hi.", "en_US", {})
    await entity.async_get_tts_audio("Hi.", "en_US", {"volume": 1.5, "speaker": 3})
    await entity.async_get_tts_audio("Hi.", "en_US", {"voice": "joe@slow", "volume": 2})
    assert [it["voice"] for it in conductor.speech.received("synthesize-start")] == [
        {"language": "en_US"},
        {"name": "en_US-joe-medium@volume=1.5", "speaker": "3"},
        {"name": "joe@slow,volume=2"},
    ]


@pytest.mark.usefixtures("loaded_entry")
async def test_incomplete_speech_is_an_error(home: HomeAssistant, conductor: FakeConductor) -> None:
    async def broken() -> AsyncGenerator[str]:
        yield "Hello"
        raise ValueError("the agent has failed")

    with pytest.raises(ValueError, match="agent has failed"):
        await synthesize(home, broken())
    conductor.speech.breaks = True
    with pytest.raises(HomeAssistantError, match="closed the connection"):
        await synthesize(home, texts("Hello."))
    conductor.speech.error = "No such voice"
    with pytest.raises(HomeAssistantError, match="No such voice"):
        await synthesize(home, texts("Hello."))
    await conductor.stop()
    with pytest.raises(HomeAssistantError, match="cannot be reached"):
        await synthesize(home, texts("Hello."))


async def test_voices_and_wake_words_follow_server(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.config["tts"] = {"voice": "en_US-amy-low", "speed": 1.2, "presets": ["de_A@slow"]}
    conductor.models[1]["offers"].append(offer("de_A", "de_DE"))
    conductor.models[2]["offers"].append(offer("computer", "en"))
    await loaded_entry.runtime_data.coordinator.async_refresh()
    entity = text_to_speech(home)
    assert entity.supported_languages == ["de_DE", "en_US"]
    assert entity.default_options == {"speed": 1.2}
    voices = entity.async_get_supported_voices("en_US")
    assert voices is not None
    assert voices[0].voice_id == "en_US-amy-low"
    assert entity.async_get_supported_voices("de_DE") == [
        tts.Voice("de_A", "de A"),
        tts.Voice("de_A@slow", "de A (slow)"),
    ]
    words = wake_word.async_get_wake_word_detection_entity(
        home, entity_id(home, "wake_word", "wake_word")
    )
    assert words is not None
    assert wake_word.WakeWord("computer", "computer", "computer") in (
        await words.get_supported_wake_words()
    )


@pytest.mark.usefixtures("loaded_entry")
async def test_wake_word_is_detected(home: HomeAssistant, conductor: FakeConductor) -> None:
    entity = wake_word.async_get_wake_word_detection_entity(
        home, entity_id(home, "wake_word", "wake_word")
    )
    assert entity is not None

    async def endless() -> AsyncGenerator[tuple[bytes, int]]:
        timestamp = 0
        while True:
            await asyncio.sleep(0)
            yield b"\0\0" * 160, timestamp
            timestamp += 10

    found = await entity.async_process_audio_stream(endless(), "hey_jarvis")

    assert found is not None
    assert (found.wake_word_id, found.wake_word_phrase) == ("hey_jarvis", "hey jarvis")
    assert found.timestamp == 80
    assert found.queued_audio
    assert conductor.speech.received("detect")[0]["names"] == ["hey_jarvis"]
    assert conductor.speech.received("audio-chunk")[1]["timestamp"] == 10

    async def short() -> AsyncGenerator[tuple[bytes, int]]:
        yield b"\0\0", 0

    assert await entity.async_process_audio_stream(short(), None) is None
    conductor.speech.error = "not installed"
    assert await entity.async_process_audio_stream(endless(), "gone") is None


async def test_rejected_token_starts_reauthentication(
    home: HomeAssistant, loaded_entry: MockConfigEntry, conductor: FakeConductor
) -> None:
    conductor.token = "changed"

    async def audio() -> AsyncGenerator[bytes]:
        yield b"\0\0"

    result = await speech_to_text(home).async_process_audio_stream(METADATA, audio())

    assert result.result is stt.SpeechResultState.ERROR
    with pytest.raises(HomeAssistantError):
        await synthesize(home, texts("Hello."))
    flows = home.config_entries.flow.async_progress_by_handler("wyoming_conductor")
    assert [flow["context"]["source"] for flow in flows] == ["reauth"]
