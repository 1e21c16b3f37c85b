"""Prefetches the model of the next step of a conversation while the current step runs."""

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import NO_TURN_MODEL
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import (
    Event,
    RequestFinished,
    SpeechStarted,
    WakeWordDetected,
)
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.speech.speaker.recognizer import SpeakerRecognizer
from wyoming_servers.speech.tts.voices import VoiceRegistry


class Prefetcher:
    """Asks the coordinator to load the models that are needed next, if there is memory for them.

    A wake word prefetches speech-to-text with the model of turns, since a person is going to speak.
    The start of speech prefetches speech-to-text too, and the voice of the response: it loads while
    the person speaks. A transcript that is not empty keeps the voice loaded. The voice is the one
    that spoke last, otherwise the default.
    """

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        voices: VoiceRegistry,
        config: ConfigHolder,
        bus: EventBus,
        speakers: SpeakerRecognizer | None = None,
    ) -> None:
        self._speakers = speakers
        self._coordinator = coordinator
        self._voices = voices
        self._config = config
        self._bus = bus
        self._last_voice = ""
        """Model of the last successful synthesis."""

    async def run(self) -> None:
        """Follow the event bus until cancelled."""
        with self._bus.subscribe() as events:
            async for item in events:
                self._handle(item.event)

    def _handle(self, event: Event) -> None:
        match event:
            case WakeWordDetected():
                self._prefetch_asr("a wake word was detected")
                self._prefetch_turn_model("a wake word was detected")
                if self._speakers is not None:
                    self._speakers.preload("a wake word was detected")
            case SpeechStarted():
                self._prefetch_asr("speech started")
                self._prefetch_voice("a response may follow")
            # Silence is transcribed without an inference; no response follows.
            case RequestFinished(kind="asr", code="", stages=stages) if "inference" in stages:
                self._prefetch_voice("a response will follow")
            case RequestFinished(kind="tts", code="", model=model) if model:
                self._last_voice = model
            case _:
                pass

    def _prefetch_asr(self, reason: str) -> None:
        asr = self._config.current.asr
        if asr.enabled:
            self._coordinator.prefetch(asr.model, reason)

    def _prefetch_turn_model(self, reason: str) -> None:
        asr = self._config.current.asr
        if asr.enabled and asr.turn_detection and asr.turn_model != NO_TURN_MODEL:
            self._coordinator.prefetch(asr.turn_model, reason)

    def _prefetch_voice(self, reason: str) -> None:
        default = self._voices.default
        model = self._last_voice or (default.spec.id if default is not None else "")
        if self._config.current.tts.enabled and model:
            self._coordinator.prefetch(model, reason)
