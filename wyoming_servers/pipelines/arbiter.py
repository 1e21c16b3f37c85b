"""One word, several satellites in earshot: which of them may answer. Pure."""


class WakeArbiter:
    """The first satellite that hears a word wins it for `seconds`; 0 lets all of them win.

    First, not best: waiting for a better score would delay every command. A satellite that has won
    stays the winner, so that its own next detection is never taken for another's.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._winners: dict[str, tuple[str, float]] = {}
        """By word: who won it last, and when."""

    def wins(self, word: str, client: str, now: float) -> bool:
        """Tell whether this detection counts; `now` is in seconds and never decreases."""
        winner, since = self._winners.get(word, (client, now))
        if winner != client and now - since < self._seconds:
            return False
        self._winners[word] = (client, now)
        return True
