"""Prefetches the model of the next step of a conversation while the current step runs."""

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import (
    Event,
    RequestFinished,
    SpeechStarted,
    WakeWordDetected,
)
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.speech.tts.voices import VoiceRegistry


class Prefetcher:
    """Asks the coordinator to load the model that is needed next, if there is memory for it.

    A wake word or the start of speech prefetches speech-to-text; a transcript that is not empty
    prefetches the default voice.
    """

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        voices: VoiceRegistry,
        config: ConfigHolder,
        bus: EventBus,
    ) -> None:
        self._coordinator = coordinator
        self._voices = voices
        self._config = config
        self._bus = bus

    async def run(self) -> None:
        """Follow the event bus until cancelled."""
        with self._bus.subscribe() as events:
            async for item in events:
                self._handle(item.event)

    def _handle(self, event: Event) -> None:
        match event:
            case WakeWordDetected():
                self._prefetch_asr("a wake word was detected")
            case SpeechStarted():
                self._prefetch_asr("speech started")
            # Silence is transcribed without an inference; no response follows.
            case RequestFinished(kind="asr", code="", stages=stages) if "inference" in stages:
                self._prefetch_voice("a response will follow")
            case _:
                pass

    def _prefetch_asr(self, reason: str) -> None:
        asr = self._config.current.asr
        if asr.enabled:
            self._coordinator.prefetch(asr.model, reason)

    def _prefetch_voice(self, reason: str) -> None:
        default = self._voices.default
        if self._config.current.tts.enabled and default is not None:
            self._coordinator.prefetch(default.spec.id, reason)
