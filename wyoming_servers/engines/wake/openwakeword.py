"""The engine for openWakeWord: all streams and words share one computation of features."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from wyoming_servers.core.domain import ModelSpec, Placement
from wyoming_servers.core.errors import (
    BadRequestError,
    InternalError,
    LoadFailedError,
    ModelMissingError,
)
from wyoming_servers.engines.base import Output, ReportProgress, Session
from wyoming_servers.engines.preparation import CACHE_DIR, prepare_in_child
from wyoming_servers.engines.wake.classifier import load_classifier
from wyoming_servers.engines.wake.feature_selection import prepare_features, select_features
from wyoming_servers.engines.wake.features import RATE, STEP, Classifier, FeatureExtractor
from wyoming_servers.engines.wake.session import ActiveWord, Trigger, WakeRequest, WakeSession
from wyoming_servers.engines.wake.vad_gate import NoGate, VadGate
from wyoming_servers.engines.wake.words import (
    WakeWord,
    WakeWordCatalog,
    load_report,
    openwakeword_files,
)

_LOGGER: Final = logging.getLogger(__name__)


class OpenWakeWordEngine:
    """Detects wake words on the CPU, in batches of streams.

    All optional: `files["models_dir"]` is the folder of the user's models, `files["cache_dir"]` the
    folder of prepared files, `options["threads"]` the number of threads (1). `load` reports
    `words`: [{name, phrase, languages}], `lead` and `step`.
    """

    feed_limit = 32
    """A step of 32 streams takes 10 ms and, once, 8 MB; larger batches are no more efficient."""

    def __init__(self) -> None:
        self._extractor: FeatureExtractor | None = None
        self._cache: Path | None = None
        self._catalog = WakeWordCatalog(list)
        self._classifiers: dict[str, tuple[WakeWord, Classifier | LoadFailedError]] = {}
        """By name: the word whose file was loaded, and its classifier or error."""

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        progress("load", 0)
        cache, folder = (spec.files.get(role) for role in (CACHE_DIR, "models_dir"))
        self._cache = Path(cache) if cache else None
        self._extractor = select_features(
            int(spec.options.get("threads", 1)),
            self._cache,
            partial(prepare_in_child, "openwakeword", spec.files),
        )
        progress("load", 50)
        self._catalog = WakeWordCatalog(
            partial(openwakeword_files, Path(folder) if folder else None)
        )
        words = self._usable_words()
        progress("load", 100)
        return load_report(words, lead=self._extractor.lead, step=STEP)

    def warm_up(self) -> None:
        """Run all words on half a second of silence."""
        session = self.open({})
        for _ in session.feed(bytes(RATE), {}):
            pass
        session.close()

    def open(self, request: Mapping[str, Any]) -> WakeSession:
        """Begin a stream, by default with all words.

        Raises ModelMissingError for an unknown word, LoadFailedError for one with a damaged file.
        """
        if self._extractor is None:
            raise InternalError("The wake word engine was used before it was loaded.")
        parsed = WakeRequest.parse(request)
        refractory = round(parsed.refractory * RATE)
        active_words = [
            ActiveWord(
                name,
                self._classifier(self._catalog.find(name)),
                Trigger(parsed.threshold_of(name), parsed.trigger_level_of(name), refractory),
            )
            for name in parsed.words or [word.name for word in self._usable_words()]
        ]
        if not active_words:
            raise ModelMissingError("There is no wake word to detect.")
        gate = VadGate() if parsed.vad else NoGate()
        return WakeSession(
            self._extractor, active_words, gate, self._compute_step, scores=parsed.scores
        )

    def feed_batch(
        self, chunks: Sequence[tuple[Session, bytes, Mapping[str, Any]]]
    ) -> list[list[Output] | Exception]:
        """Feed several streams; those with a whole frame are computed in one batch.

        A stream may have several chunks; its outputs are then returned for the last of them.
        """
        faults: dict[int, Exception] = {}
        last: dict[WakeSession, int] = {}
        for place, (session, payload, data) in enumerate(chunks):
            stream = cast("WakeSession", session)  # opened by this engine
            try:
                stream.push_audio(payload, data)
            except BadRequestError as err:
                faults[place] = err
            else:
                last[stream] = place
        while ready := [stream for stream in last if stream.has_frame]:
            self._compute_step(ready)
        outputs = {place: stream.take_outputs() for stream, place in last.items()}
        return [faults.get(place) or outputs.get(place, []) for place in range(len(chunks))]

    def close(self) -> None:
        self._extractor = None
        self._classifiers.clear()

    def _compute_step(self, streams: Sequence[WakeSession]) -> None:
        """Compute one frame of each stream; all of them must have one."""
        if self._extractor is None:
            raise InternalError("The wake word engine was used after it was closed.")
        audio = np.stack([stream.next_frame() for stream in streams])
        embeddings = self._extractor.step([stream.state for stream in streams], audio)
        groups: dict[Classifier, list[tuple[WakeSession, ActiveWord]]] = {}
        for stream, embedding in zip(streams, embeddings, strict=True):
            stream.append_embedding(embedding)
            for word in stream.active_words:
                groups.setdefault(word.classifier, []).append((stream, word))
        for classifier, group in groups.items():
            windows = np.stack(
                [stream.recent_embeddings(classifier.windows) for stream, _ in group]
            )
            for (stream, word), score in zip(group, classifier.scores(windows), strict=True):
                stream.record_score(word, float(score))

    def _usable_words(self) -> list[WakeWord]:
        """Load every new or changed word; return the words that can be detected."""
        self._catalog.rescan()
        usable = []
        for word in self._catalog.words:
            try:
                self._classifier(word)
            except LoadFailedError:
                continue  # logged when the file was loaded; the other words work
            usable.append(word)
        return usable

    def _classifier(self, word: WakeWord) -> Classifier:
        """Return a word's classifier; a damaged file is loaded again only after it has changed."""
        loaded, result = self._classifiers.get(word.name, (None, None))
        if result is None or loaded != word:
            try:
                result = load_classifier(word.path, self._cache)
            except LoadFailedError as err:
                _LOGGER.warning("The wake word %s is skipped. %s", word.name, err)
                result = err
            self._classifiers[word.name] = (word, result)
        if isinstance(result, LoadFailedError):
            raise result.with_traceback(None)  # it would grow with every request
        return result


def prepare_wake_words(files: Mapping[str, str]) -> None:
    """Prepare the features and all words, the user's in `files["models_dir"]` among them.

    Called by `engines.preparation` when the model is installed. A word that cannot be loaded is
    left to the worker, which reports it. Raises OSError.
    """
    cache, folder = Path(files[CACHE_DIR]), files.get("models_dir")
    prepare_features(cache)
    for word in openwakeword_files(Path(folder) if folder else None):
        try:
            load_classifier(word.path, cache)
        except LoadFailedError as err:
            _LOGGER.info("The wake word %s cannot be prepared. %s", word.name, err)
