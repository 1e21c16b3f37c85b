"""When a run of scores is a detection: threshold, consecutive frames, refractory time. Pure."""


class Trigger:
    """One word of one stream; positions are samples since the stream began.

    A detection needs `level` consecutive scores of at least `threshold`. After one, the count
    starts anew and scores are ignored until `refractory` samples of audio have passed: time is
    the stream's, so that a stalled network or a fast replay changes nothing.
    """

    def __init__(self, threshold: float, level: int, refractory: int) -> None:
        self._threshold = threshold
        self._level = level
        self._refractory = refractory
        self._hits = 0
        self._deaf_until = 0

    def update(self, score: float, sample: int) -> bool:
        """Take the score of the frame that ends at `sample`; tell whether it is a detection."""
        if sample < self._deaf_until:
            return False
        if score < self._threshold:
            self._hits = 0
            return False
        self._hits += 1
        if self._hits < self._level:
            return False
        self._hits = 0
        self._deaf_until = sample + self._refractory
        return True


class ClientClock:
    """Maps positions in a stream to the client's own clock.

    The client stamps some pieces with the milliseconds at which they begin; between two stamps
    its clock runs with the samples.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._marks: list[tuple[int, float]] = []

    def mark(self, sample: int, milliseconds: float) -> None:
        """The piece that begins at `sample` was stamped `milliseconds`."""
        self._marks.append((sample, milliseconds))

    def at(self, sample: int) -> int | None:
        """Return the client's milliseconds at the end of the frame that ends at `sample`.

        None while no piece was stamped. Positions must not decrease: marks that later positions
        cannot need are forgotten.
        """
        while len(self._marks) > 1 and self._marks[1][0] < sample:
            del self._marks[0]
        if not self._marks:
            return None
        start, milliseconds = self._marks[0]
        return round(milliseconds + (sample - start) * 1000 / self._rate)
