"""Runs the parts of a voice's network that can be asked for a stretch of time."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.engines.piper_parts import Stretch

Values = NDArray[np.float32]
"""[1, channels, time]."""

_TO_THE_END = np.iinfo(np.int64).max


class StretchRunner:
    """One such part in a session. All calls may come from any thread."""

    def __init__(self, stretch: Stretch, session: Any) -> None:
        """Take the part and a session of its network."""
        self.given = stretch.given
        """The input that is cut into stretches."""
        self.factor = stretch.factor
        """How many points of output one of the input becomes."""
        self.margin = stretch.margin
        """Neighbours of the input that a stretch needs on either side, where there are some."""
        self._trims = stretch.trims
        self._session = session

    def run(self, values: Mapping[str, Values], begin: int, end: int) -> Values:
        """Return what the points from `begin` to `end` of the input become, as in the whole."""
        length = values[self.given].shape[2]
        before, after = min(begin, self.margin), min(length - end, self.margin)
        given: dict[str, Any] = {
            name: np.ascontiguousarray(value[:, :, begin - before : end + after])
            if value.ndim == 3 and value.shape[2] == length
            else value
            for name, value in values.items()
        }
        factor = 1
        for trim in self._trims:
            finer = trim.factor // factor
            before, after, factor = before * finer, after * finer, trim.factor
            given[trim.first] = np.array([max(0, before - trim.margin)], np.int64)
            given[trim.last] = np.array(
                [trim.margin - after if after > trim.margin else _TO_THE_END], np.int64
            )
            before, after = min(before, trim.margin), min(after, trim.margin)
        finer = self.factor // factor
        (found,) = self._session.run(None, given)
        row: Values = found.reshape(1, -1, found.shape[-1])
        return row[:, :, before * finer : before * finer + (end - begin) * self.factor]
