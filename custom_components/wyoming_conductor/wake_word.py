"""Wake words: one entity per server, over the server's WebSocket."""

import asyncio
from collections.abc import AsyncIterable
from dataclasses import replace
from typing import override

from homeassistant.components.wake_word import (
    DetectionResult,
    WakeWord,
    WakeWordDetectionEntity,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.entity import EntityDescription
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

from . import assist_pipeline
from .api import ConductorAuthError, ConductorError, Offer, WyomingConnection, WyomingEvent
from .const import AUDIO_FORMAT, DOMAIN, LOGGER
from .data import ConductorConfigEntry
from .entity import ConductorEntity

PARALLEL_UPDATES = 0

WAKE_WORD = EntityDescription(key="wake_word", translation_key="wake_word")

type AudioStream = AsyncIterable[tuple[bytes, int]]
"""Audio with the time of its beginning in milliseconds."""


async def async_setup_entry(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    async_add_entities: AddConfigEntryEntitiesCallback,
) -> None:
    """Add the entity as soon as the server has a wake word."""
    coordinator = entry.runtime_data.coordinator
    is_added = False

    @callback
    def handle_update() -> None:
        nonlocal is_added
        if not is_added and coordinator.data.wake_words:
            is_added = True
            async_add_entities([ConductorWakeWordEntity(coordinator, WAKE_WORD)])

    handle_update()
    entry.async_on_unload(coordinator.async_add_listener(handle_update))


class ConductorWakeWordEntity(ConductorEntity, WakeWordDetectionEntity):
    """Detects the wake words of the server."""

    @override
    async def get_supported_wake_words(self) -> list[WakeWord]:
        """Return the wake words, as the server lists them now."""
        return [
            WakeWord(offer.name, offer.description or offer.name, _phrase(offer))
            for offer in self.coordinator.data.wake_word_offers
        ]

    @override
    async def _async_process_audio_stream(
        self, stream: AudioStream, wake_word_id: str | None
    ) -> DetectionResult | None:
        """Listen until a wake word is detected or the stream ends."""
        context = assist_pipeline.async_request_context(self.hass, self.entity_id)
        request = {"names": [wake_word_id] if wake_word_id else None, "context": context}
        try:
            async with self.coordinator.client.connect_wyoming("wake") as connection:
                await connection.send("detect", request)
                await connection.send("audio-start", AUDIO_FORMAT)
                detection = await _detect(connection, stream, wake_word_id)
        except ConductorAuthError:
            self.coordinator.config_entry.async_start_reauth(self.hass)
        except ConductorError as err:
            LOGGER.warning("%s could not detect wake words: %s", self.entity_id, err)
        else:
            return detection and self._with_phrase(detection)
        return None

    def _with_phrase(self, detection: DetectionResult) -> DetectionResult:
        """Add the spoken words, by which Home Assistant recognizes what two satellites hear."""
        offers = self.coordinator.data.wake_word_offers
        found = (_phrase(offer) for offer in offers if offer.name == detection.wake_word_id)
        return replace(detection, wake_word_phrase=next(found, detection.wake_word_phrase))


async def _detect(
    connection: WyomingConnection, stream: AudioStream, wake_word_id: str | None
) -> DetectionResult | None:
    """Send audio until the wake word is detected. Raises ConductorError."""
    chunks = aiter(stream)

    async def next_chunk() -> tuple[bytes, int] | None:
        return await anext(chunks, None)

    audio = asyncio.create_task(next_chunk(), name=f"{DOMAIN} audio")
    receiving = asyncio.create_task(connection.receive(), name=f"{DOMAIN} wake word")
    try:
        while True:
            await asyncio.wait({audio, receiving}, return_when=asyncio.FIRST_COMPLETED)
            if receiving.done():
                event = receiving.result()
                if _is_detection(event, wake_word_id):
                    # A chunk that arrives meanwhile belongs to the command.
                    queued = await audio
                    name = str(event.data.get("name") or wake_word_id or "")
                    return DetectionResult(
                        wake_word_id=name,
                        wake_word_phrase=name.replace("_", " "),
                        timestamp=event.data.get("timestamp"),
                        queued_audio=[queued] if queued else None,
                    )
                receiving = asyncio.create_task(connection.receive(), name=f"{DOMAIN} wake word")
            if audio.done():
                if (chunk := audio.result()) is None:
                    return None
                data, timestamp = chunk
                await connection.send("audio-chunk", {**AUDIO_FORMAT, "timestamp": timestamp}, data)
                audio = asyncio.create_task(next_chunk(), name=f"{DOMAIN} audio")
    finally:
        receiving.cancel()
        if not audio.done():
            # Cancelling it would end the stream, of which speech-to-text gets the rest.
            await asyncio.wait({audio})
        await asyncio.gather(receiving, return_exceptions=True)


def _is_detection(event: WyomingEvent, wake_word_id: str | None) -> bool:
    return event.type == "detection" and wake_word_id in (None, event.data.get("name"))


def _phrase(offer: Offer) -> str:
    return offer.phrase or offer.name.replace("_", " ")
