"""What the client's clock says at a place in its stream."""

import math
from typing import Any

from wyoming_servers.errors import BadRequestError


class ClientTimestamps:
    """Maps positions in a stream to the client's own clock.

    The client stamps some pieces with the milliseconds at which they begin; between two stamps
    its clock runs with the samples.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._position = 0
        self._stamps: list[tuple[int, float]] = []

    def add(self, sample: int, timestamp: Any) -> None:
        """Note that the piece that begins at `sample` was stamped so; None is no stamp.

        Raises BadRequestError for what is not a number of milliseconds.
        """
        if timestamp is None:
            return
        if not isinstance(timestamp, int | float) or not math.isfinite(timestamp):
            raise BadRequestError(f"`timestamp` must be milliseconds, not {timestamp!r}.")
        self._stamps.append((sample, timestamp))

    def advance(self, sample: int) -> None:
        """Move on to the end of a frame; positions never decrease."""
        self._position = sample
        while len(self._stamps) > 1 and self._stamps[1][0] < sample:
            del self._stamps[0]  # or a stream of a week would keep millions

    @property
    def current(self) -> int | None:
        """The client's time at the position reached; None while no piece was stamped."""
        if not self._stamps:
            return None
        start, stamped = self._stamps[0]
        return round(stamped + (self._position - start) * 1000 / self._rate)
