"""openWakeWord as its own library computes it: slow, one stream at a time, and right by definition.

Serves where the fast way cannot be used, and tells whether the fast way is right.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from pyopen_wakeword import OpenWakeWord, OpenWakeWordFeatures

from wyoming_servers.engines.wake.features import (
    EMBEDDING,
    FloatArray,
)


class ReferenceStream:
    """One stream's own interpreters (3 MB) and their buffers."""

    def __init__(self) -> None:
        self.features = OpenWakeWordFeatures.from_builtin()
        self.started = False


class ReferenceFeatures:
    """Features by pyopen-wakeword."""

    lead: Final = 480

    def __init__(self) -> None:
        heard = self.step([ReferenceStream()], np.zeros((1, self.lead), np.float32))
        self._silence: FloatArray = heard[0]

    def open(self) -> ReferenceStream:
        return ReferenceStream()

    def silence(self) -> FloatArray:
        return self._silence

    def step(self, states: Sequence[ReferenceStream], audio: FloatArray) -> FloatArray:
        embeddings = np.empty((len(states), EMBEDDING), np.float32)
        for row, (state, samples) in enumerate(zip(states, audio, strict=True)):
            # The library puts the silence before a stream itself: give it the stream alone.
            new = samples if state.started else samples[-self.lead :]
            state.started = True
            # Only the last counts: the first call yields those of the silence as well.
            for made in state.features.process_streaming(new.astype("<i2").tobytes()):
                embeddings[row] = made.reshape(-1, EMBEDDING)[-1]
        return embeddings


class ReferenceClassifier:
    """One word's .tflite classifier by pyopen-wakeword, shared by all streams."""

    def __init__(self, path: Path) -> None:
        self._model = OpenWakeWord.from_model(path)
        self.windows = int(self._model.input_windows)

    def scores(self, embeddings: FloatArray) -> FloatArray:
        """Take (streams, windows, EMBEDDING); return a score from 0 to 1 for each stream."""
        scores = np.empty(len(embeddings), np.float32)
        for row, window in enumerate(embeddings):
            self._model.reset()  # its buffer belongs to the stream of the row before
            (scores[row],) = self._model.process_streaming(window[np.newaxis, np.newaxis])
        return scores
