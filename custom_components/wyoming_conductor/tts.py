"""Text-to-speech: one entity per server with all of its voices, over the server's WebSocket."""

import asyncio
import io
import wave
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Any, Final, override

from homeassistant.components.tts import (
    ATTR_AUDIO_OUTPUT,
    ATTR_VOICE,
    TextToSpeechEntity,
    TtsAudioType,
    Voice,
)
from homeassistant.components.tts.entity import TTSAudioRequest, TTSAudioResponse
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import assist_pipeline
from .api import ConductorAuthError, ConductorError, WyomingConnection, WyomingEvent
from .const import ANSWER_TIMEOUT, DOMAIN
from .coordinator import ConductorCoordinator
from .data import ConductorConfigEntry
from .entity import ConductorEntity
from .snapshot import Snapshot, VoiceOffer

PARALLEL_UPDATES = 0

TEXT_TO_SPEECH = EntityDescription(key="tts", translation_key="tts")

ATTR_SPEAKER: Final = "speaker"
ATTR_SPEED: Final = "speed"
ATTR_VOLUME: Final = "volume"


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the entity as soon as the server has a voice."""
    coordinator = entry.runtime_data.coordinator
    is_added = False

    @callback
    def handle_update() -> None:
        nonlocal is_added
        if not is_added and coordinator.data.voice_offers:
            is_added = True
            async_add_entities([ConductorTextToSpeechEntity(coordinator)])

    handle_update()
    entry.async_on_unload(coordinator.async_add_listener(handle_update))


class ConductorTextToSpeechEntity(ConductorEntity, TextToSpeechEntity):
    """Synthesizes with the voices of the server.

    Options: `voice`, `speaker` of a voice with several, `speed` (0.5 to 2) and `volume` (0 to 4),
    each as a factor of the voice's own.
    """

    _attr_supported_options = [ATTR_AUDIO_OUTPUT, ATTR_VOICE, ATTR_SPEAKER, ATTR_SPEED, ATTR_VOLUME]  # noqa: RUF012

    def __init__(self, coordinator: ConductorCoordinator) -> None:
        """Offer the voices of the snapshot."""
        super().__init__(coordinator, TEXT_TO_SPEECH)
        self._voices: dict[str, list[Voice]] = {}
        self._update_voices()

    @callback
    @override
    def _handle_coordinator_update(self) -> None:
        self._update_voices()
        super()._handle_coordinator_update()

    @callback
    @override
    def async_get_supported_voices(self, language: str) -> list[Voice] | None:
        """Return the voices for a language, the server's default voice first."""
        return self._voices.get(language)

    @override
    async def async_stream_tts_audio(self, request: TTSAudioRequest) -> TTSAudioResponse:
        """Synthesize a text while it is written."""
        return TTSAudioResponse("wav", self._synthesize(request))

    @override
    async def async_get_tts_audio(
        self, message: str, language: str, options: dict[str, Any]
    ) -> TtsAudioType:
        """Synthesize a complete text."""

        async def text() -> AsyncGenerator[str]:
            yield message

        request = TTSAudioRequest(language, options, text())
        async with aclosing(self._synthesize(request)) as audio:
            return "wav", b"".join([chunk async for chunk in audio])

    @callback
    def _update_voices(self) -> None:
        """Take over the voices and settings of the snapshot."""
        snapshot = self.coordinator.data
        if not (offers := snapshot.voice_offers):
            # Keep the last known voices: an assistant must not lose its engine for a moment.
            return
        default = snapshot.default_voice
        voices: dict[str, list[Voice]] = {}
        for offer in sorted(offers, key=lambda offer: (offer.name != default, offer.label)):
            for language in offer.languages:
                voices.setdefault(language, []).append(Voice(offer.name, offer.label))
        self._voices = voices
        self._attr_supported_languages = sorted(voices)
        self._attr_default_language = _default_language(offers, default)
        # Options are part of the key of Home Assistant's cache of speech: with them, a change of
        # the server's speed is heard at once.
        speed = snapshot.get_config("tts", "speed")
        self._attr_default_options = {} if speed is None else {ATTR_SPEED: speed}

    async def _synthesize(self, request: TTSAudioRequest) -> AsyncGenerator[bytes]:
        """Yield a WAV file whose length is not known in advance.

        Raises HomeAssistantError if the speech is not complete, so that it is not cached.
        """
        context = assist_pipeline.async_request_context(self.hass, self.entity_id)
        start = _start_event(self.coordinator.data, request, context)
        try:
            async with self.coordinator.client.connect_wyoming("tts") as connection:
                sending = self.coordinator.config_entry.async_create_background_task(
                    self.hass,
                    _send_text(connection, start, request.message_gen),
                    name=f"{DOMAIN} text of {self.entity_id}",
                )
                try:
                    async for chunk in _receive_wav(connection, sending):
                        yield chunk
                finally:
                    sending.cancel()
                    await asyncio.gather(sending, return_exceptions=True)
        except ConductorError as err:
            if isinstance(err, ConductorAuthError):
                self.coordinator.config_entry.async_start_reauth(self.hass)
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="request_failed",
                translation_placeholders={"error": str(err)},
            ) from err


def _default_language(offers: list[VoiceOffer], default: str | None) -> str:
    """Return the language of the default voice, or of the first voice that has one."""
    ordered = sorted(offers, key=lambda offer: offer.name != default)
    return next((offer.languages[0] for offer in ordered if offer.languages), "en")


def _start_event(
    snapshot: Snapshot, request: TTSAudioRequest, context: Mapping[str, str]
) -> dict[str, Any]:
    """Return the data of `synthesize-start`."""
    options = request.options
    name, speed, volume = (options.get(key) for key in (ATTR_VOICE, ATTR_SPEED, ATTR_VOLUME))
    if volume is not None and (name := name or snapshot.default_voice) is not None:
        # Options of a voice are part of its name, after an `@`.
        name = f"{name}{',' if '@' in name else '@'}volume={float(volume):g}"
    voice = {"name": name} if name else {"language": request.language}
    if speaker := options.get(ATTR_SPEAKER):
        voice["speaker"] = str(speaker)
    speeds = {} if speed is None else {"speed": float(speed)}
    return {"voice": voice, "context": {**context, **speeds}}


async def _send_text(
    connection: WyomingConnection, start: Mapping[str, Any], text: AsyncGenerator[str]
) -> None:
    """Send a text as it grows. Raises ConductorError, or the error of the text."""
    await connection.send("synthesize-start", start)
    async for chunk in text:
        await connection.send("synthesize-chunk", {"text": chunk})
    await connection.send("synthesize-stop")


async def _receive_wav(
    connection: WyomingConnection, sending: asyncio.Task[None]
) -> AsyncGenerator[bytes]:
    """Yield a WAV header and then audio until the speech is complete.

    Raises ConductorError, or the error of the text.
    """
    has_header = False
    while True:
        event = await _receive(connection, sending)
        match event.type:
            case "audio-start" if not has_header:
                has_header = True
                yield _wav_header(event)
            case "audio-chunk" if has_header:
                yield event.payload
            case "synthesize-stopped":
                return


async def _receive(connection: WyomingConnection, sending: asyncio.Task[None]) -> WyomingEvent:
    """Return the next event. Raises ConductorError, or the error of the text."""
    receiving = asyncio.create_task(connection.receive(ANSWER_TIMEOUT), name=f"{DOMAIN} speech")
    try:
        if not sending.done():
            await asyncio.wait({receiving, sending}, return_when=asyncio.FIRST_COMPLETED)
        if not receiving.done():
            # If the connection is broken, the answer says why.
            with suppress(ConductorError):
                sending.result()
        return await receiving
    finally:
        receiving.cancel()


def _wav_header(start: WyomingEvent) -> bytes:
    """Return the header of a WAV file of unknown length."""
    with io.BytesIO() as file:
        with wave.open(file, "wb") as header:
            header.setframerate(int(start.data["rate"]))
            header.setsampwidth(int(start.data["width"]))
            header.setnchannels(int(start.data["channels"]))
        return file.getvalue()
