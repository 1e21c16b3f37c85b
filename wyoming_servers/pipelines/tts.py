"""Text to speech: which voice speaks, and in which manner; `speech` is one answer."""

from collections.abc import Mapping
from typing import Final

from wyoming_servers.bus import EventBus
from wyoming_servers.clock import Clock
from wyoming_servers.config.schema import Config
from wyoming_servers.coordinator.face import CoordinatorFace
from wyoming_servers.domain import Kind, ModelSpec
from wyoming_servers.errors import BadRequestError
from wyoming_servers.pipelines.manner import Manner, TtsRequest
from wyoming_servers.pipelines.measure import Measure
from wyoming_servers.pipelines.speech import Speech
from wyoming_servers.pipelines.turns import Turns
from wyoming_servers.pipelines.voices import VoiceBook, check_speaker
from wyoming_servers.store.phrases import PhraseCache
from wyoming_servers.text import mix
from wyoming_servers.text.lexicon import Lexicon

__all__ = ["MAX_SPEED", "MIN_SPEED", "Speech", "TtsPipeline", "TtsRequest"]

MIN_SPEED: Final = mix.MIN_SPEED
MAX_SPEED: Final = mix.MAX_SPEED


class TtsPipeline:
    """Speaks with any installed voice."""

    def __init__(
        self,
        coordinator: CoordinatorFace,
        specs: Mapping[str, ModelSpec],
        config: Config,
        bus: EventBus,
        clock: Clock,
        phrases: PhraseCache | None = None,
        lexicon: Lexicon | None = None,
    ) -> None:
        self._coordinator = coordinator
        self._config = config
        self._bus = bus
        self.lexicon = lexicon
        """How words are said; None for none."""
        self.phrases = phrases
        """What was said before; None if nothing is kept."""
        self._clock = clock
        self._turns: dict[str, Turns] = {}
        """Of each model that has spoken."""
        self.voices = VoiceBook(specs, config.tts.voice, tuple(config.tts.presets))

    @property
    def max_text(self) -> int:
        """Most characters of one text."""
        return self._config.tts.max_text

    def open(self, request: TtsRequest) -> Speech:
        """Prepare to speak; no model is held before the first text.

        Raises ModelMissingError, UnsupportedLanguageError or BadRequestError for a voice, a
        language, a speaker or a speed that does not exist.
        """
        measure = Measure(Kind.TTS, request.client, self._bus, self._clock)
        try:
            manner = self._choose(request)
        except Exception as err:
            measure.finish(err)
            raise
        measure.model = manner.voice.spec.id
        return Speech(
            self._coordinator,
            self._config,
            self._clock,
            measure,
            manner,
            self._turns.setdefault(measure.model, Turns(self._clock)),
            self.phrases,
            self.lexicon,
        )

    def _choose(self, request: TtsRequest) -> Manner:
        voice = self.voices.find(request.voice, request.language)
        speed = self._config.tts.speed if request.speed is None else request.speed
        if not MIN_SPEED <= speed <= MAX_SPEED:
            raise BadRequestError(
                f"A speed of {speed:g} is not possible.",
                hint=f"Choose {MIN_SPEED:g} to {MAX_SPEED:g}.",
            )
        # Both wishes count, as far as a voice can follow.
        speed = min(max(speed * voice.speed, MIN_SPEED), MAX_SPEED)
        return Manner(voice, check_speaker(voice, request.speaker), speed, request.client)
