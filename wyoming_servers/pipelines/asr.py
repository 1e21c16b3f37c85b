"""Hear an utterance: audio of any format in, one transcript out."""

from collections.abc import Callable, Mapping

from wyoming_servers.audio.vad import VoiceActivity
from wyoming_servers.bus import EventBus
from wyoming_servers.clock import Clock
from wyoming_servers.config.schema import Config
from wyoming_servers.coordinator.face import CoordinatorFace
from wyoming_servers.domain import Kind, ModelSpec
from wyoming_servers.pipelines.hearing import Activity
from wyoming_servers.pipelines.listener import choose_listener
from wyoming_servers.pipelines.measure import Measure
from wyoming_servers.pipelines.traffic import Traffic
from wyoming_servers.pipelines.transcription import (
    AsrRequest,
    Transcriber,
    Transcript,
    Vocabulary,
)
from wyoming_servers.pipelines.utterance import House, Utterance

__all__ = ["Activity", "AsrPipeline", "AsrRequest", "Transcript", "Utterance", "Vocabulary"]


class AsrPipeline:
    """Understands speech with the configured model, or one that knows the language asked for."""

    def __init__(
        self,
        coordinator: CoordinatorFace,
        specs: Mapping[str, ModelSpec],
        config: Config,
        bus: EventBus,
        clock: Clock,
        *,
        activity: Callable[[], Activity] = VoiceActivity,
        vocabulary: Vocabulary | None = None,
    ) -> None:
        self._house = House(coordinator, config, bus, clock)
        self._specs = specs
        self._activity = activity
        self._vocabulary = vocabulary
        self._traffic: dict[str, Traffic] = {}
        """Of each model that was ever used."""

    def open(self, request: AsrRequest) -> Utterance:
        """Begin to listen; no model is held before somebody speaks.

        Raises ModelMissingError for an unknown model and UnsupportedLanguageError for a language
        that no installed model, or not the one named, understands.
        """
        house, asr = self._house, self._house.config.asr
        measure = Measure(Kind.ASR, request.client, house.bus, house.clock)
        try:
            listener = choose_listener(self._specs, asr, request.model, request.language)
        except Exception as err:
            measure.finish(err)
            raise
        measure.model = model = listener.spec.id
        traffic = self._traffic.setdefault(model, Traffic(house.coordinator, model))
        transcriber = Transcriber(request, listener, asr, self._vocabulary)
        return Utterance(house, measure, request, transcriber, traffic, self._activity())
