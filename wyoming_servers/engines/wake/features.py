"""The features and classifiers of openWakeWord: interfaces and sizes.

openWakeWord computes 32 mel bands every 10 ms, from these one embedding of 96 numbers every 80 ms,
and from the last 16 embeddings a score for each word. Mel bands and embeddings are the same for all
words, so a stream computes them once. The sizes below are those of the published networks.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

RATE: Final = 16_000
"""Samples per second."""
STEP: Final = 1280
"""Samples between two embeddings: 80 ms."""
EMBEDDING: Final = 96
"""Size of an embedding."""


class FeatureExtractor(Protocol):
    """Computes embeddings for many streams, each with a state of its own."""

    @property
    def lead(self) -> int:
        """Samples of a new stream that complete its first step.

        Every stream begins with 8 s of silence, and steps are counted from the start of it.
        """
        ...

    def open(self) -> Any:
        """Return the state of a new stream, after 8 s of silence."""
        ...

    def silence(self) -> FloatArray:
        """Return the embedding of silence, for the time before a stream."""
        ...

    def step(self, states: Sequence[Any], audio: FloatArray) -> FloatArray:
        """Take the next `STEP` samples of each stream; return an embedding for each.

        `audio` is (streams, STEP) in units of a 16-bit sample, the result (streams, EMBEDDING).
        The states are changed in place. The first step of a stream is `STEP - lead` zeros followed
        by its first `lead` samples.
        """
        ...


class Classifier(Protocol):
    """Scores one wake word."""

    @property
    def windows(self) -> int:
        """Number of embeddings that are scored together."""
        ...

    def scores(self, embeddings: FloatArray) -> FloatArray:
        """Take (streams, windows, EMBEDDING); return a score from 0 to 1 for each stream."""
        ...
