"""Text to speech: resolves the options of a request and opens its synthesis."""

from collections.abc import Iterable, Mapping
from typing import Final

from wyoming_servers.config.holder import ConfigHolder, ConfigUpdate
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import (
    ModelSpec,
    Task,
)
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.models.manager import ExplainMissing, explained
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.speech.tts.phrase_cache import PhraseCache
from wyoming_servers.speech.tts.synthesis import (
    SynthesisOptions,
    SynthesisStream,
    TtsRequest,
)
from wyoming_servers.speech.tts.voices import (
    VoiceRegistry,
    resolve_speaker,
)
from wyoming_servers.telemetry.request_records import RequestArchive, RequestTimer
from wyoming_servers.text import voice_expression
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.ssml import Break, ProsodyRate, SpeakText, SsmlEvent, SsmlParser

__all__ = [
    "MAX_SPEED",
    "MIN_SPEED",
    "SynthesisStream",
    "TtsPipeline",
    "TtsRequest",
    "end_ssml",
    "feed_ssml",
]

MIN_SPEED: Final = voice_expression.MIN_SPEED
MAX_SPEED: Final = voice_expression.MAX_SPEED


class TtsPipeline:
    """Synthesizes speech with any installed voice."""

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        specs: Mapping[str, ModelSpec],
        config: ConfigHolder,
        bus: EventBus,
        clock: Clock,
        phrases: PhraseCache | None = None,
        lexicon: Lexicon | None = None,
        *,
        explain_missing: ExplainMissing | None = None,
    ) -> None:
        self._explain_missing = explain_missing
        self._coordinator = coordinator
        self._config = config
        self._bus = bus
        self.lexicon = lexicon
        """Pronunciations; None if there are none."""
        self._phrases = phrases
        self._clock = clock
        self._archive: RequestArchive | None = None
        self._streaming_models: dict[str, bool] = {}
        """Whether a model streams audio, as it reported when it was leased last."""
        tts = config.current.tts
        self.voices = VoiceRegistry(specs, tts.voice, tuple(tts.presets))
        config.subscribe(self._apply_config, "tts.")

    @property
    def phrase_cache(self) -> PhraseCache | None:
        """None if phrases are not cached."""
        return self._phrases if self._config.current.tts.phrase_cache.enabled else None

    @property
    def max_text(self) -> int:
        """Maximum characters of one text."""
        return self._config.current.tts.max_text

    def open(self, request: TtsRequest) -> SynthesisStream:
        """Prepare a synthesis; no model is leased before the first text.

        Raises ModelMissingError, UnsupportedLanguageError or BadRequestError for a voice, a
        language, a speaker or a speed that does not exist.
        """
        timer = RequestTimer(Task.TTS, request.client, self._bus, self._clock)
        try:
            options = self._resolve_options(request)
        except Exception as err:
            voice = request.voice or self._config.current.tts.voice
            better = explained(err, self._explain_missing, Task.TTS, [voice])
            timer.finish(better or err)
            if better is not None:
                raise better from err
            raise
        timer.model = options.voice.spec.id
        return SynthesisStream(
            self._coordinator,
            self._config.current,
            self._clock,
            timer,
            options,
            self._streaming_models,
            self.phrase_cache,
            self.lexicon,
            self._archive,
        )

    def keep_in(self, archive: RequestArchive) -> None:
        """Keep text and audio of all later syntheses in an archive."""
        self._archive = archive

    def _apply_config(self, update: ConfigUpdate) -> None:
        tts = update.new.tts
        self.voices.configure(tts.voice, tuple(tts.presets))
        if self._phrases is not None:
            cache = tts.phrase_cache
            self._phrases.configure(
                memory=cache.memory, disk=cache.disk, compression=cache.compression
            )

    def _resolve_options(self, request: TtsRequest) -> SynthesisOptions:
        voice = self.voices.find(request.voice, request.language)
        speed = self._config.current.tts.speed if request.speed is None else request.speed
        if not MIN_SPEED <= speed <= MAX_SPEED:
            raise BadRequestError(
                f"The speed {speed:g} is out of range.",
                hint=f"Choose {MIN_SPEED:g} to {MAX_SPEED:g}.",
            )
        # The factor of the voice applies to the requested speed.
        speed = min(max(speed * voice.speed, MIN_SPEED), MAX_SPEED)
        return SynthesisOptions(
            voice, resolve_speaker(voice, request.speaker), speed, request.client
        )


def feed_ssml(synthesis: SynthesisStream, events: Iterable[SsmlEvent]) -> None:
    """Add the text, breaks and rates of SSML. Raises BadRequestError as the stream does."""
    for event in events:
        match event:
            case SpeakText():
                synthesis.feed(event.text)
            case Break():
                synthesis.pause(event.seconds)
            case ProsodyRate():
                synthesis.set_speed_factor(event.factor)


def end_ssml(synthesis: SynthesisStream, markup: str) -> None:
    """Complete a synthesis whose text is a whole SSML document. Raises BadRequestError."""
    match SsmlParser(len(markup)).events(markup, complete=True):
        case [*before, SpeakText(last)]:
            feed_ssml(synthesis, before)
            synthesis.end(last)
        case events:
            feed_ssml(synthesis, events)
            synthesis.end()
