"""Hear an utterance: audio of any format in, one transcript out."""

from collections.abc import Callable, Mapping

from wyoming_servers.audio.vad import VoiceActivityDetector
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import (
    ModelSpec,
    Task,
)
from wyoming_servers.core.event_bus import EventBus
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
from wyoming_servers.speech.asr.utterance import (
    AsrContext,
    Utterance,
)
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
    """Understands speech with the configured model, or one that knows the language asked for."""

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        specs: Mapping[str, ModelSpec],
        config: Config,
        bus: EventBus,
        clock: Clock,
        *,
        activity: Callable[[], VadAnalyzer] = VoiceActivityDetector,
        vocabulary: VocabularySource | None = None,
    ) -> None:
        self._context = AsrContext(coordinator, config, bus, clock)
        self._specs = specs
        self._make_vad = activity
        self._vocabulary = vocabulary
        self._admission: dict[str, AdmissionController] = {}
        """Of each model that was ever used."""

    def open(self, request: AsrRequest) -> Utterance:
        """Begin to listen; no model is held before somebody speaks.

        Raises ModelMissingError for an unknown model and UnsupportedLanguageError for a language
        that no installed model, or not the one named, understands.
        """
        house, asr = self._context, self._context.config.asr
        measure = RequestTimer(Task.ASR, request.client, house.bus, house.clock)
        try:
            listener = select_asr_model(self._specs, asr, request.model, request.language)
        except Exception as err:
            measure.finish(err)
            raise
        measure.model = model = listener.spec.id
        traffic = self._admission.setdefault(model, AdmissionController(house.coordinator, model))
        transcriber = Transcriber(request, listener, asr, self._vocabulary)
        return Utterance(house, measure, request, transcriber, traffic, self._make_vad())
