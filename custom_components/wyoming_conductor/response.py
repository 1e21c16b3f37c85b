"""How long an answer is in coming: from the end of an utterance to its first sound."""

from .api import ServerEvent

TOO_LATE = 60.0
"""Seconds after which speech is no answer to what was heard, such as an announcement."""


class Stopwatch:
    """Follows the server's requests, and stops the time of what sounds like a question's answer.

    All is reckoned on Home Assistant's own clock, from when the server's events arrive: they come
    at once, and the clocks of two machines differ.
    """

    def __init__(self) -> None:
        """Wait for somebody to speak."""
        self._asked: float | None = None
        """When the last utterance ended, in seconds."""

    def take(self, event: ServerEvent, now: float) -> float | None:
        """Return the seconds of a whole answer, when it has been spoken; None at anything else."""
        seconds, stages = event.data.get("seconds"), event.data.get("stages")
        if event.type != "request_finished" or event.data.get("code"):
            return None
        if not isinstance(seconds, int | float):
            return None
        if event.data.get("kind") == "asr":
            self._asked = now - seconds
            return None
        first = stages.get("first_audio") if isinstance(stages, dict) else None
        if event.data.get("kind") != "tts" or self._asked is None or first is None:
            return None
        asked, self._asked = self._asked, None
        took = float(now - seconds + first - asked)
        return took if 0 < took < TOO_LATE else None
