"""Loads the classifiers of wake words: .onnx files as they are, .tflite files converted to ONNX.

A .tflite file is converted once, when the model is installed or the word is first used, and checked
against the original library; later loads open the result. A file that cannot be converted exactly
is scored by the library, stream by stream.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines.onnx_session import LOAD_ERRORS, open_wake_session
from wyoming_servers.engines.onnx_tools.tflite import FLOAT, read_tflite
from wyoming_servers.engines.onnx_tools.tflite_converter import (
    UnsupportedOperatorError,
    convert_tflite,
)
from wyoming_servers.engines.preparation import (
    discard_prepared,
    read_prepared,
    runtime_recipe,
    write_prepared,
)
from wyoming_servers.engines.wake.features import EMBEDDING, Classifier, FloatArray
from wyoming_servers.engines.wake.reference import ReferenceClassifier

MAX_WINDOWS: Final = 250
"""Embeddings of 20 s; no wake word is longer."""

SCORE_TOLERANCE: Final = 1e-3
"""Largest accepted difference of a score; thresholds have two decimals."""

_RECIPE: Final = "openwakeword classifier 1"
"""Changes with the code that converts classifiers."""

_LOGGER: Final = logging.getLogger(__name__)


class ClassifierError(ValueError):
    """Raised when a file does not hold a classifier of embeddings."""


class OnnxClassifier:
    """Implements `Classifier` with an ONNX model: (streams, windows, EMBEDDING) to scores."""

    def __init__(self, model: bytes | Path) -> None:
        self._session: Any = open_wake_session(model)
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ClassifierError("it does not have one input and one output")
        batch, *_ = shape = inputs[0].shape
        self.windows = _check_shapes(shape, inputs[0].type == "tensor(float)", outputs[0].shape)
        self._input: str = inputs[0].name
        self._batched = not isinstance(batch, int)

    def scores(self, embeddings: FloatArray) -> FloatArray:
        """Return a score from 0 to 1 for each stream."""
        if self._batched:
            return self._run(embeddings)
        return np.concatenate([self._run(row[np.newaxis]) for row in embeddings])

    def _run(self, embeddings: FloatArray) -> FloatArray:
        (scores,) = self._session.run(None, {self._input: embeddings})
        return np.asarray(scores, np.float32).reshape(len(embeddings))


def load_classifier(path: Path, cache: Path | None = None) -> Classifier:
    """Load the file of a word, .onnx or .tflite; `cache` is the folder of converted files.

    Raises LoadFailedError if the file does not hold a classifier.
    """
    try:
        if path.suffix.lower() == ".onnx":
            return OnnxClassifier(path)
        converted = None if cache is None else _load_converted(path, cache)
        return converted or _convert(path, cache)
    except (OSError, ValueError, *LOAD_ERRORS) as err:
        raise LoadFailedError(
            f"The file {path.name} is not a wake word model: {str(err).strip().rstrip('.')}.",
            hint="Replace it with a model that was trained for openWakeWord.",
        ) from err


def _load_converted(path: Path, cache: Path) -> Classifier | None:
    """Return the classifier from an earlier conversion; None if there is none."""
    prepared = read_prepared(cache, _name(path), [path], runtime_recipe(_RECIPE))
    if prepared is None:
        return None
    if prepared.rejected:
        _LOGGER.warning("%s is scored stream by stream: %s", path.name, prepared.rejected)
        return ReferenceClassifier(path)
    try:
        return OnnxClassifier(prepared.files["classifier"])
    except (KeyError, ValueError, *LOAD_ERRORS) as err:
        _LOGGER.warning("The converted file of %s is damaged: %s", path.name, err)
        discard_prepared(cache, _name(path))
        return None


def _convert(path: Path, cache: Path | None) -> Classifier:
    """Convert a .tflite file, check the result against the library, and write it to `cache`.

    Returns the library's classifier if the conversion is not exact.
    """
    graphs = read_tflite(path)
    main = graphs[0]
    if len(main.inputs) != 1 or len(main.outputs) != 1:
        raise ClassifierError("it does not have one input and one output")
    embeddings, score = main.tensors[main.inputs[0]], main.tensors[main.outputs[0]]
    # Checked first, because the library computes nonsense or crashes with other models.
    _check_shapes(embeddings.shape, embeddings.type == FLOAT, score.shape)
    contents: dict[str, bytes] = {}
    facts: dict[str, float] = {}
    rejected = ""
    reference = ReferenceClassifier(path)
    classifier: Classifier = reference
    try:
        model = convert_tflite(graphs)
        converted = OnnxClassifier(model)
    except UnsupportedOperatorError as err:
        rejected = str(err)
    else:
        # Embeddings of speech have about this spread, so that scores are both low and high.
        random = np.random.default_rng(1)
        probe: FloatArray = random.normal(0, 20, (8, converted.windows, EMBEDDING)).astype(
            np.float32
        )
        difference = float(np.abs(converted.scores(probe) - reference.scores(probe)).max())
        if difference <= SCORE_TOLERANCE:
            contents, facts = {"classifier": model}, {"max_difference": difference}
            classifier = converted
        else:
            rejected = f"converted it differs by {difference:g}"
    if rejected:
        _LOGGER.warning("%s is scored stream by stream: %s", path.name, rejected)
    if cache is not None:
        recipe = runtime_recipe(_RECIPE)
        try:
            write_prepared(cache, _name(path), [path], recipe, contents, facts, rejected)
        except OSError as err:
            _LOGGER.warning("The converted file of %s cannot be written: %s", path.name, err)
    return classifier


def _check_shapes(shape: Sequence[object], floats: bool, scores: Sequence[object]) -> int:
    """Return how many embeddings a model scores. Raises ClassifierError if its shapes differ."""
    if not floats or len(shape) != 3 or shape[2] != EMBEDDING or not isinstance(shape[1], int):
        raise ClassifierError(f"its input is not a list of embeddings, but {list(shape)}")
    if not 1 <= shape[1] <= MAX_WINDOWS:
        raise ClassifierError(f"it scores {shape[1]} embeddings")
    if scores and isinstance(scores[-1], int) and scores[-1] != 1:
        raise ClassifierError("it has several scores; only models of one word are supported")
    return shape[1]


def _name(path: Path) -> str:
    return f"word-{path.stem}"
