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
        self._consecutive = 0
        self._refractory_until = 0

    def update(self, score: float, sample: int) -> bool:
        """Take the score of the frame that ends at `sample`; tell whether it is a detection."""
        if sample < self._refractory_until:
            return False
        if score < self._threshold:
            self._consecutive = 0
            return False
        self._consecutive += 1
        if self._consecutive < self._level:
            return False
        self._consecutive = 0
        self._refractory_until = sample + self._refractory
        return True
