"""The engine for microWakeWord: the small models that ESPHome devices run themselves.

A model is a network with a state, so every stream has its own instance of each word (0.25 MB, 0.1
ms per 80 ms). Features are computed every 10 ms and a score with every third, so a detection comes
sooner than with openWakeWord; there are fewer words.
"""

import json
import logging
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures

from wyoming_servers.core.domain import ModelSpec, Placement
from wyoming_servers.core.errors import LoadFailedError, ModelMissingError
from wyoming_servers.engines.base import Output, ReportProgress
from wyoming_servers.engines.onnx_tools.tflite import read_tflite
from wyoming_servers.engines.wake.features import RATE
from wyoming_servers.engines.wake.session import (
    ClientTimestamps,
    Trigger,
    WakeRequest,
    detection_output,
    scores_output,
)
from wyoming_servers.engines.wake.words import (
    WakeWord,
    WakeWordCatalog,
    load_report,
    microwakeword_files,
)

HOP: Final = 160
"""Samples between two features (10 ms)."""
WINDOW: Final = 480
"""Samples of one feature (30 ms)."""
STRIDE: Final = 3
"""Features between two scores (30 ms), for every model published so far."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _ActiveWord:
    """A wake word that is detected in a stream."""

    name: str
    model: MicroWakeWord
    trigger: Trigger


class MicroWakeWordSession:
    """One stream of audio."""

    def __init__(self, words: Sequence[_ActiveWord], *, scores: bool = False) -> None:
        self._words = words
        self._report_scores = scores
        self._features = MicroWakeWordFeatures()
        self._count = 0
        """Features so far."""
        self._received = 0
        """Bytes of the stream."""
        self._timestamps = ClientTimestamps(RATE)

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        self._timestamps.add(self._received // 2, data.get("timestamp"))
        self._received += len(payload)
        outputs: list[Output] = []
        for features in self._features.process_streaming(payload):
            self._count += 1
            sample = WINDOW + HOP * (self._count - 1)
            self._timestamps.advance(sample)
            scores: dict[str, float] = {}
            for word in self._words:
                score = word.model.process_streaming_prob(features)
                if score is None or self._count % word.model.stride:
                    continue  # the model only collects features; its 0 is not a score
                score = relative_score(score, word.model.probability_cutoff)
                scores[word.name] = score
                if word.trigger.update(score, sample):
                    time = self._timestamps.current
                    outputs.append(detection_output(word.name, score, time, sample))
            if scores and self._report_scores:
                outputs.append(scores_output(scores, sample))
        return outputs

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Return how many samples were received."""
        yield from ()
        return {"samples": self._received // 2}

    def close(self) -> None:
        for word in self._words:
            word.model.close()
        self._words = ()


class MicroWakeWordEngine:
    """Detects wake words on the CPU; `files["models_dir"]` is the folder of the user's models.

    `load` reports `words`: [{name, phrase, languages}], `lead` and `step`.
    """

    def __init__(self) -> None:
        self._catalog = WakeWordCatalog(list)

    def load(
        self, spec: ModelSpec, placement: Placement, progress: ReportProgress
    ) -> Mapping[str, Any]:
        progress("load", 0)
        folder = spec.files.get("models_dir")
        self._catalog = WakeWordCatalog(
            partial(microwakeword_files, Path(folder) if folder else None)
        )
        progress("load", 100)
        lead = WINDOW + HOP * (STRIDE - 1)
        return load_report(self._catalog.words, lead=lead, step=HOP * STRIDE)

    def warm_up(self) -> None:
        """Run all words on half a second of silence."""
        session = self.open({})
        for _ in session.feed(bytes(RATE), {}):
            pass
        session.close()

    def open(self, request: Mapping[str, Any]) -> MicroWakeWordSession:
        """Begin a stream, by default with all words that can be loaded.

        Thresholds apply to `relative_score`. Raises ModelMissingError for an unknown word,
        LoadFailedError for one with damaged files.
        """
        parsed = WakeRequest.parse(request)
        refractory = round(parsed.refractory * RATE)
        models = self._load_words(parsed.words) if parsed.words else self._load_usable_words()
        return MicroWakeWordSession(
            [
                _ActiveWord(
                    name,
                    model,
                    Trigger(parsed.threshold_of(name), parsed.trigger_level_of(name), refractory),
                )
                for name, model in models.items()
            ],
            scores=parsed.scores,
        )

    def close(self) -> None:
        self._catalog = WakeWordCatalog(list)

    def _load_words(self, names: Sequence[str]) -> dict[str, MicroWakeWord]:
        return {name: _load_model(self._catalog.find(name)) for name in names}

    def _load_usable_words(self) -> dict[str, MicroWakeWord]:
        self._catalog.rescan()
        models = {}
        for word in self._catalog.words:
            try:
                models[word.name] = _load_model(word)
            except LoadFailedError as err:
                _LOGGER.warning("The wake word %s is skipped. %s", word.name, err)
        if not models:
            raise ModelMissingError("There is no wake word to detect.")
        return models


def relative_score(score: float, cutoff: float) -> float:
    """Map a model's score so that its own cutoff becomes 0.5, and 0 and 1 stay.

    Each model was published with a cutoff of its own (0.85 to 0.97), so a threshold of 0.5 means
    the same for every word, and for the words of openWakeWord.
    """
    if score < cutoff:
        return 0.5 * score / cutoff
    return 1 - 0.5 * (1 - score) / (1 - cutoff)


def _load_model(word: WakeWord) -> MicroWakeWord:
    try:
        model = json.loads(word.path.read_text(encoding="utf-8"))["model"]
        read_tflite(word.path.parent / model)  # the library would crash on a damaged file
        loaded = MicroWakeWord.from_config(word.path)
        if not 0 < loaded.probability_cutoff < 1:
            raise ValueError(f"its cutoff is {loaded.probability_cutoff}")
    except (OSError, ValueError, TypeError, KeyError) as err:
        raise LoadFailedError(
            f"The wake word {word.name!r} of {word.path.name} cannot be loaded: {err!r}.",
            hint="Replace it, and its .tflite file, with a model that was made for microWakeWord.",
        ) from err
    return loaded
