"""Bounds the length of a job, and tells long jobs from short ones."""

from dataclasses import dataclass
from typing import Final

from wyoming_servers.core.errors import TooLargeError

LONG_SECONDS: Final = 600.0
"""Audio, in or out, above which a job is long: short ones do not wait for it."""

SECONDS_PER_CHARACTER: Final = 1 / 15
"""Speech of one character of text, to estimate the length of speech before it exists."""


class LongJobError(Exception):
    """Raised in the lane of short jobs when a job turns out to be long; it changes lanes."""


@dataclass(frozen=True, slots=True)
class LengthLimit:
    """How long a job may be where it runs."""

    max_seconds: float
    """Seconds of audio; a longer job fails."""
    may_be_long: bool = True
    """False in the lane of short jobs."""

    def check(self, seconds: float | None) -> None:
        """Check the length of a job, as far as it is known.

        Raises TooLargeError, which is final, or LongJobError.
        """
        if seconds is None:
            return
        if seconds > self.max_seconds:
            raise TooLargeError(
                f"The audio is longer than {self.max_seconds / 3600:g} hours, the limit of a job.",
                hint="Send it in parts, or raise jobs.max_duration.",
            )
        if seconds > LONG_SECONDS and not self.may_be_long:
            raise LongJobError
