"""Speech-to-text: one entity per installed model, over the server's WebSocket."""

import asyncio
from collections.abc import AsyncIterable
from typing import override

from homeassistant.components.stt import (
    AudioBitRates,
    AudioChannels,
    AudioCodecs,
    AudioFormats,
    AudioSampleRates,
    SpeechMetadata,
    SpeechResult,
    SpeechResultState,
    SpeechToTextEntity,
)
from homeassistant.components.stt.models import SpeechAudioProcessing
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import assist_pipeline
from .api import ConductorAuthError, ConductorError, Model, WyomingConnection
from .const import ANSWER_TIMEOUT, AUDIO_FORMAT, DOMAIN, LOGGER
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .entity import ConductorModelEntity, async_add_dynamic_entities

PARALLEL_UPDATES = 0

SPEECH_TO_TEXT = EntityDescription(key="stt")

MAX_ENABLED = 3
"""Models whose entities are enabled without being chosen."""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add an entity for each installed model, now and later."""
    coordinator = entry.runtime_data.coordinator
    async_add_dynamic_entities(
        coordinator,
        async_add_entities,
        get_speech_to_text_models,
        lambda model: [ConductorSpeechToTextEntity(coordinator, model)],
    )


def get_speech_to_text_models(coordinator: ConductorCoordinator) -> list[tuple[str, Model]]:
    """Return the installed speech-to-text models by id."""
    snapshot = coordinator.data
    return [(name, snapshot.status.models[name]) for name in snapshot.asr_models]


class ConductorSpeechToTextEntity(ConductorModelEntity, SpeechToTextEntity):
    """Transcribes with one model of the server."""

    _attr_name = None

    def __init__(self, coordinator: ConductorCoordinator, model: Model) -> None:
        """Transcribe with `model`."""
        super().__init__(coordinator, SPEECH_TO_TEXT, model)
        snapshot = coordinator.data
        self._attr_entity_registry_enabled_default = (
            model.id == snapshot.status.default_asr or len(snapshot.asr_models) <= MAX_ENABLED
        )

    @property
    @override
    def supported_languages(self) -> list[str]:
        """Return the languages of the model, as the server lists them now."""
        model = self.coordinator.data.status.models.get(self.model_id)
        return [] if model is None else sorted(model.languages)

    @property
    @override
    def supported_formats(self) -> list[AudioFormats]:
        """Return the supported formats."""
        return [AudioFormats.WAV]

    @property
    @override
    def supported_codecs(self) -> list[AudioCodecs]:
        """Return the supported codecs."""
        return [AudioCodecs.PCM]

    @property
    @override
    def supported_bit_rates(self) -> list[AudioBitRates]:
        """Return the supported bit rates."""
        return [AudioBitRates.BITRATE_16]

    @property
    @override
    def supported_sample_rates(self) -> list[AudioSampleRates]:
        """Return the supported sample rates."""
        return [AudioSampleRates.SAMPLERATE_16000]

    @property
    @override
    def supported_channels(self) -> list[AudioChannels]:
        """Return the supported channels."""
        return [AudioChannels.CHANNEL_MONO]

    @property
    @override
    def audio_processing(self) -> SpeechAudioProcessing:
        """Return whether Home Assistant detects the end of speech as well.

        With that, satellites show when they listen. The server still ends the turn as soon as it
        knows that the speaker has finished.
        """
        snapshot = self.coordinator.data
        detects_turns = snapshot.get_config("asr", "turn_detection") is True
        uses_external_vad = snapshot.get_config("asr", "external_vad") is not False
        return SpeechAudioProcessing(
            requires_external_vad=uses_external_vad or not detects_turns,
            prefers_auto_gain_enabled=True,
            prefers_noise_reduction_enabled=True,
        )

    @override
    async def async_process_audio_stream(
        self, metadata: SpeechMetadata, stream: AsyncIterable[bytes]
    ) -> SpeechResult:
        """Transcribe an utterance; the server may end it before the stream ends."""
        # Before anything else: the run that has just started this stage is the one that calls.
        context = assist_pipeline.async_request_context(self.hass, self.entity_id)
        request = {"name": self.model_id, "language": metadata.language, "context": context}
        try:
            async with self.coordinator.client.connect_wyoming("asr") as connection:
                await connection.send("transcribe", request)
                await connection.send("audio-start", AUDIO_FORMAT)
                text = await _transcribe(connection, stream)
        except ConductorAuthError:
            self.coordinator.config_entry.async_start_reauth(self.hass)
            return SpeechResult(None, SpeechResultState.ERROR)
        except ConductorError as err:
            LOGGER.warning("%s could not transcribe: %s", self.entity_id, err)
            return SpeechResult(None, SpeechResultState.ERROR)
        return SpeechResult(text, SpeechResultState.SUCCESS)


async def _transcribe(connection: WyomingConnection, stream: AsyncIterable[bytes]) -> str:
    """Send audio until the transcript arrives. Raises ConductorError, or an error of the stream."""
    sending = asyncio.create_task(_send_audio(connection, stream), name=f"{DOMAIN} audio")
    receiving = asyncio.create_task(_receive_text(connection), name=f"{DOMAIN} transcript")
    try:
        await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
        if not receiving.done():
            await sending
        return await receiving
    finally:
        sending.cancel()
        receiving.cancel()
        await asyncio.gather(sending, receiving, return_exceptions=True)


async def _send_audio(connection: WyomingConnection, stream: AsyncIterable[bytes]) -> None:
    chunks = aiter(stream)
    try:
        async for audio in chunks:
            await connection.send("audio-chunk", AUDIO_FORMAT, audio)
        await connection.send("audio-stop")
    finally:
        # Ends Home Assistant's voice activity detection at once.
        if (close := getattr(chunks, "aclose", None)) is not None:
            await close()


async def _receive_text(connection: WyomingConnection) -> str:
    while True:
        event = await connection.receive(ANSWER_TIMEOUT)
        if event.type == "transcript":
            return str(event.data.get("text") or "")
