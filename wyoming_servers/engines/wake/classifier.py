"""Classifiers of wake words: .tflite files converted, or as they are; .onnx files as they are."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines.onnx_tools.tflite import (
    FLOAT,
    read_tflite,
)
from wyoming_servers.engines.onnx_tools.tflite_converter import (
    UnsupportedOperatorError,
    convert_tflite,
)
from wyoming_servers.engines.wake.features import (
    EMBEDDING,
    FloatArray,
)
from wyoming_servers.engines.wake.onnx_runtime import (
    LOAD_ERRORS,
    open_cpu_session,
)
from wyoming_servers.engines.wake.reference import ReferenceClassifier

_LOGGER = logging.getLogger(__name__)

MAX_WINDOWS: Final = 250
"""20 s of embeddings: more is no wake word."""

SCORE_TOLERANCE: Final = 1e-3
"""Largest difference of a score that is rounding; thresholds have two decimals."""


class Classifier(Protocol):
    """Knows one word."""

    @property
    def windows(self) -> int:
        """How many embeddings it looks at."""
        ...

    def scores(self, embeddings: FloatArray) -> FloatArray:
        """Take (streams, windows, EMBEDDING); return a score from 0 to 1 for each stream."""
        ...


class ClassifierError(ValueError):
    """Raised when a file holds no classifier of embeddings."""


class OnnxClassifier:
    """One word's classifier: (streams, windows, EMBEDDING) → score per stream."""

    def __init__(self, model: bytes | Path) -> None:
        self._session: Any = open_cpu_session(model)
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


def _check_shapes(shape: Sequence[object], floats: bool, scores: Sequence[object]) -> int:
    """Return how many embeddings a model looks at. Raises ClassifierError if it does not."""
    if not floats or len(shape) != 3 or shape[2] != EMBEDDING or not isinstance(shape[1], int):
        raise ClassifierError(f"its input is not one of embeddings, but {list(shape)}")
    if not 1 <= shape[1] <= MAX_WINDOWS:
        raise ClassifierError(f"it looks at {shape[1]} embeddings")
    if scores and isinstance(scores[-1], int) and scores[-1] != 1:
        raise ClassifierError("it has several scores; only models of one word are understood")
    return shape[1]


def load_classifier(path: Path) -> Classifier:
    """Load a word's file, .onnx or .tflite. Raises LoadFailedError when it holds no classifier."""
    try:
        return OnnxClassifier(path) if path.suffix.lower() == ".onnx" else _load_tflite(path)
    except (OSError, ValueError, *LOAD_ERRORS) as err:
        raise LoadFailedError(
            f"The file {path.name} is no wake word model: {str(err).strip().rstrip('.')}.",
            hint="Replace it with a model that was trained for openWakeWord.",
        ) from err


def _load_tflite(path: Path) -> Classifier:
    """Convert the model if the result scores as the model itself does, else use that."""
    networks = read_tflite(path)
    main = networks[0]
    if len(main.inputs) != 1 or len(main.outputs) != 1:
        raise ClassifierError("it does not have one input and one output")
    given, score = main.tensors[main.inputs[0]], main.tensors[main.outputs[0]]
    # Before its own library sees it, which computes nonsense or crashes on something else.
    _check_shapes(given.shape, given.type == FLOAT, score.shape)
    try:
        converted = OnnxClassifier(convert_tflite(networks))
    except UnsupportedOperatorError as err:
        _LOGGER.warning("%s is scored stream by stream: %s", path.name, err)
        return ReferenceClassifier(path)
    reference = ReferenceClassifier(path)
    # The embeddings of speech have about this spread; a word's score must be tried low and high.
    random = np.random.default_rng(1)
    probe: FloatArray = random.normal(0, 20, (8, converted.windows, EMBEDDING)).astype(np.float32)
    difference = float(np.abs(converted.scores(probe) - reference.scores(probe)).max())
    if difference <= SCORE_TOLERANCE:
        return converted
    _LOGGER.warning(
        "%s is scored stream by stream: converted it differs by %g", path.name, difference
    )
    return reference
