"""What wake words are recognised from: embeddings of speech, one per 80 ms.

openWakeWord's chain is audio → 32 mel bins every 10 ms → one embedding of 96 numbers per 80 ms →
a small classifier per word over the last 16 embeddings. The first two are the same for all
words, so a stream computes them once. The geometry below is openWakeWord's and cannot be chosen.
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
"""Numbers in an embedding."""


class FeatureExtractor(Protocol):
    """Computes embeddings for many streams, which share the networks but no state."""

    @property
    def lead(self) -> int:
        """Samples of a new stream that complete its first step.

        A stream is preceded by 8 s of silence, and steps are laid from the beginning of that.
        """
        ...

    def open(self) -> Any:
        """Return the state of a new stream: 8 s of silence were heard."""
        ...

    def silence(self) -> FloatArray:
        """Return the embedding of silence, which stands for the time before the stream."""
        ...

    def step(self, states: Sequence[Any], audio: FloatArray) -> FloatArray:
        """Take the next `STEP` samples of each stream; return an embedding for each.

        `audio` is (streams, STEP) in units of a 16-bit sample, the result (streams, EMBEDDING).
        The states are changed in place. The first step of a stream is `STEP - lead` zeros and
        then its first `lead` samples.
        """
        ...
