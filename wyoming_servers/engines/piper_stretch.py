"""Runs the parts of a voice's network that can be asked for a stretch of time."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.engines.piper_parts import ChunkableGraph

FeatureArray = NDArray[np.float32]
"""[1, channels, time]."""

_END = np.iinfo(np.int64).max


class ChunkRunner:
    """One such part in a session. All calls may come from any thread."""

    def __init__(self, stretch: ChunkableGraph, session: Any) -> None:
        """Take the part and a session of its network."""
        self.input_name = stretch.input_name
        """The input that is cut into stretches."""
        self.upsampling = stretch.upsampling
        """How many points of output one of the input becomes."""
        self.context = stretch.context
        """Neighbours of the input that a stretch needs on either side, where there are some."""
        self._trim_points = stretch.trim_points
        self._session = session

    def run(self, values: Mapping[str, FeatureArray], begin: int, end: int) -> FeatureArray:
        """Return what the points from `begin` to `end` of the input become, as in the whole."""
        length = values[self.input_name].shape[2]
        before, after = min(begin, self.context), min(length - end, self.context)
        given: dict[str, Any] = {
            name: np.ascontiguousarray(value[:, :, begin - before : end + after])
            if value.ndim == 3 and value.shape[2] == length
            else value
            for name, value in values.items()
        }
        factor = 1
        for trim in self._trim_points:
            finer = trim.upsampling // factor
            before, after, factor = before * finer, after * finer, trim.upsampling
            given[trim.start_input] = np.array([max(0, before - trim.context)], np.int64)
            given[trim.end_input] = np.array(
                [trim.context - after if after > trim.context else _END], np.int64
            )
            before, after = min(before, trim.context), min(after, trim.context)
        finer = self.upsampling // factor
        (found,) = self._session.run(None, given)
        row: FeatureArray = found.reshape(1, -1, found.shape[-1])
        return row[:, :, before * finer : before * finer + (end - begin) * self.upsampling]
