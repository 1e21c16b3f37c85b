"""Wake words by openWakeWord: any number of streams and words over shared features."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    InternalError,
    LoadFailedError,
    ModelMissingError,
)
from wyoming_servers.engines.base import Output, ReportProgress, Session
from wyoming_servers.engines.wake.classifier import (
    Classifier,
    load_classifier,
)
from wyoming_servers.engines.wake.feature_selection import select_features
from wyoming_servers.engines.wake.features import (
    RATE,
    STEP,
    FeatureExtractor,
)
from wyoming_servers.engines.wake.session import (
    ActiveWord,
    Trigger,
    WakeRequest,
    WakeSession,
)
from wyoming_servers.engines.wake.vad_gate import (
    NoGate,
    VadGate,
)
from wyoming_servers.engines.wake.words import (
    WakeWord,
    WakeWordCatalog,
    load_report,
    openwakeword_files,
)

_LOGGER = logging.getLogger(__name__)


class OpenWakeWordEngine:
    """Kind WAKE, on the CPU; feeds many streams in one step.

    All optional: `files["models_dir"]` is a folder with the user's own models,
    `files["cache_dir"]` one for what need not be found out twice, `options["threads"]` how many
    threads compute (1). `load` reports `words`: [{name, phrase, languages}], `lead` and `step`.
    """

    feed_limit = 32
    """A step of so many streams takes 10 ms and, once, 8 MB; more at a time gain nothing."""

    def __init__(self) -> None:
        self._extractor: FeatureExtractor | None = None
        self._catalog = WakeWordCatalog(list)
        self._classifiers: dict[str, tuple[WakeWord, Classifier | LoadFailedError]] = {}
        """By name: the file that was tried, and what came of it."""

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        progress("load", 0)
        cache, folder = (spec.files.get(role) for role in ("cache_dir", "models_dir"))
        self._extractor = select_features(
            int(spec.options.get("threads", 1)), Path(cache) if cache else None
        )
        progress("load", 50)
        self._catalog = WakeWordCatalog(
            partial(openwakeword_files, Path(folder) if folder else None)
        )
        words = self._usable_words()
        progress("load", 100)
        return load_report(words, lead=self._extractor.lead, step=STEP)

    def warm_up(self) -> None:
        """Hear half a second of silence, waiting for every word."""
        session = self.open({})
        for _ in session.feed(bytes(RATE), {}):
            pass
        session.close()

    def open(self, request: Mapping[str, Any]) -> WakeSession:
        """Begin a stream; no `words` means all there are.

        Raises ModelMissingError for a word that is not there, LoadFailedError for one whose file
        is broken.
        """
        if self._extractor is None:
            raise InternalError("The wake word engine was used before it was loaded.")
        wanted = WakeRequest.parse(request)
        refractory = round(wanted.refractory * RATE)
        listeners = [
            ActiveWord(
                name,
                self._classifier(self._catalog.find(name)),
                Trigger(wanted.threshold_of(name), wanted.trigger_level_of(name), refractory),
            )
            for name in wanted.words or [word.name for word in self._usable_words()]
        ]
        if not listeners:
            raise ModelMissingError("There is no wake word to listen for.")
        gate = VadGate() if wanted.vad else NoGate()
        return WakeSession(
            self._extractor, listeners, gate, self._compute_step, scores=wanted.scores
        )

    def feed_batch(
        self, pieces: Sequence[tuple[Session, bytes, Mapping[str, Any]]]
    ) -> list[list[Output] | Exception]:
        """Feed several streams; those with a whole step go through the networks together.

        A stream may be there more than once; its output is then with its last piece.
        """
        faults: dict[int, Exception] = {}
        last: dict[WakeSession, int] = {}
        for place, (session, payload, data) in enumerate(pieces):
            stream = cast("WakeSession", session)  # this engine opened it
            try:
                stream.push_audio(payload, data)
            except BadRequestError as err:
                faults[place] = err
            else:
                last[stream] = place
        while ready := [stream for stream in last if stream.has_frame]:
            self._compute_step(ready)
        outputs = {place: stream.take_outputs() for stream, place in last.items()}
        return [faults.get(place) or outputs.get(place, []) for place in range(len(pieces))]

    def close(self) -> None:
        self._extractor = None
        self._classifiers.clear()

    def _compute_step(self, streams: Sequence[WakeSession]) -> None:
        """Take one step of each stream; all of them must be ready."""
        if self._extractor is None:
            raise InternalError("The wake word engine was used after it was closed.")
        audio = np.stack([stream.next_frame() for stream in streams])
        embeddings = self._extractor.step([stream.state for stream in streams], audio)
        waiting: dict[Classifier, list[tuple[WakeSession, ActiveWord]]] = {}
        for stream, embedding in zip(streams, embeddings, strict=True):
            stream.append_embedding(embedding)
            for listener in stream.active_words:
                waiting.setdefault(listener.classifier, []).append((stream, listener))
        for classifier, group in waiting.items():
            windows = np.stack(
                [stream.recent_embeddings(classifier.windows) for stream, _ in group]
            )
            for (stream, listener), score in zip(group, classifier.scores(windows), strict=True):
                stream.record_score(listener, float(score))

    def _usable_words(self) -> list[WakeWord]:
        """Load every word that is not yet; return those that can be heard."""
        self._catalog.rescan()
        usable = []
        for word in self._catalog.words:
            try:
                self._classifier(word)
            except LoadFailedError:
                continue  # logged when its file was tried; the other words work
            usable.append(word)
        return usable

    def _classifier(self, word: WakeWord) -> Classifier:
        """Return a word's classifier; its file is tried again only when it has changed."""
        known, result = self._classifiers.get(word.name, (None, None))
        if result is None or known != word:
            try:
                result = load_classifier(word.path)
            except LoadFailedError as err:
                _LOGGER.warning("Wake word %s is left out. %s", word.name, err)
                result = err
            self._classifiers[word.name] = (word, result)
        if isinstance(result, LoadFailedError):
            raise result.with_traceback(None)  # or it would grow with every request
        return result
