"""openWakeWord's features and classifiers as the original library computes them, stream by stream.

Used where the batched graphs cannot be used, and to check those graphs when they are prepared.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from pyopen_wakeword import OpenWakeWord, OpenWakeWordFeatures

from wyoming_servers.engines.wake.features import EMBEDDING, FloatArray


class ReferenceStream:
    """The library's interpreters (3 MB) and buffers of one stream."""

    def __init__(self) -> None:
        self.features = OpenWakeWordFeatures.from_builtin()
        self.started = False


class ReferenceFeatures:
    """Implements `FeatureExtractor` with pyopen-wakeword."""

    lead: Final = 480

    def __init__(self) -> None:
        embeddings = self.step([ReferenceStream()], np.zeros((1, self.lead), np.float32))
        self._silence: FloatArray = embeddings[0]

    def open(self) -> ReferenceStream:
        return ReferenceStream()

    def silence(self) -> FloatArray:
        return self._silence

    def step(self, states: Sequence[ReferenceStream], audio: FloatArray) -> FloatArray:
        embeddings = np.empty((len(states), EMBEDDING), np.float32)
        for row, (state, samples) in enumerate(zip(states, audio, strict=True)):
            # The library itself puts silence in front of a stream, so the zeros are left out.
            new = samples if state.started else samples[-self.lead :]
            state.started = True
            # The first call also yields the embeddings of that silence; the last one is new.
            for output in state.features.process_streaming(new.astype("<i2").tobytes()):
                embeddings[row] = output.reshape(-1, EMBEDDING)[-1]
        return embeddings


class ReferenceClassifier:
    """Implements `Classifier` for a .tflite file with pyopen-wakeword; shared by all streams."""

    def __init__(self, path: Path) -> None:
        self._model = OpenWakeWord.from_model(path)
        self.windows = int(self._model.input_windows)

    def scores(self, embeddings: FloatArray) -> FloatArray:
        """Take (streams, windows, EMBEDDING); return a score from 0 to 1 for each stream."""
        scores = np.empty(len(embeddings), np.float32)
        for row, window in enumerate(embeddings):
            self._model.reset()  # its buffer holds embeddings of the previous stream
            (scores[row],) = self._model.process_streaming(window[np.newaxis, np.newaxis])
        return scores
