"""Entry point of speech to text: audio of any format in, one transcript out."""

from collections.abc import Callable, Mapping

from wyoming_servers.audio.vad import VoiceActivityDetector
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import ModelSpec, Task
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.models.manager import ExplainMissing, explained
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.speech.asr.audio_buffer import VadAnalyzer
from wyoming_servers.speech.asr.speculation import AdmissionController
from wyoming_servers.speech.asr.transcriber import (
    AsrRequest,
    Transcriber,
    Transcript,
    VocabularySource,
    select_asr_model,
)
from wyoming_servers.speech.asr.utterance import AsrContext, Utterance
from wyoming_servers.telemetry.request_timer import RequestTimer

__all__ = [
    "AsrPipeline",
    "AsrRequest",
    "Transcript",
    "Utterance",
    "VadAnalyzer",
    "VocabularySource",
]


class AsrPipeline:
    """Transcribes with the configured model, or with another one that knows the language."""

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        specs: Mapping[str, ModelSpec],
        config: ConfigHolder,
        bus: EventBus,
        clock: Clock,
        *,
        make_vad: Callable[[], VadAnalyzer] = VoiceActivityDetector,
        vocabulary: VocabularySource | None = None,
        explain_missing: ExplainMissing | None = None,
    ) -> None:
        self._explain_missing = explain_missing
        self._coordinator = coordinator
        self._specs = specs
        self._config = config
        self._bus = bus
        self._clock = clock
        self._make_vad = make_vad
        self._vocabulary = vocabulary
        self._admission: dict[str, AdmissionController] = {}
        """By model, for every model that was used."""

    def open(self, request: AsrRequest) -> Utterance:
        """Open an utterance with the configuration of this moment; takes no lease before speech.

        Raises ModelMissingError for an unknown model, and UnsupportedLanguageError if no installed
        model, or not the requested model, supports the language.
        """
        config = self._config.current
        timer = RequestTimer(Task.ASR, request.client, self._bus, self._clock)
        try:
            choice = select_asr_model(self._specs, config.asr, request.model, request.language)
        except Exception as err:
            model = request.model or config.asr.model
            better = explained(err, self._explain_missing, Task.ASR, [model])
            timer.finish(better or err)
            if better is not None:
                raise better from err
            raise
        timer.model = model = choice.spec.id
        if model not in self._admission:
            self._admission[model] = AdmissionController(self._coordinator, model)
        context = AsrContext(self._coordinator, config, self._bus, self._clock)
        transcriber = Transcriber(request, choice, config.asr, self._vocabulary)
        return Utterance(
            context, timer, request, transcriber, self._admission[model], self._make_vad()
        )
