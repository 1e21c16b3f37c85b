"""Fits synthesized speech into the time of its subtitle cue; no I/O.

1. Speech starts with its cue, or at the end of the speech before it if that is later.
2. If it is longer than the rest of the cue, it is spoken faster, within a natural range.
3. If that is not enough, it runs over and the next cue starts later: nothing is cut off, and no two
   cues overlap. The next pause makes up for the delay.
"""

from typing import Final

from wyoming_servers.text.voice_expression import MAX_SPEED

MAX_SPEEDUP: Final = 1.25
"""Fastest speech that still sounds unhurried; dubbing studios have the same limit."""

TOLERANCE_SECONDS: Final = 0.05
"""Overrun that nobody notices; cues are placed by hand."""

_SPEED_MARGIN: Final = 1.02
"""Voices follow a speed only approximately."""


def cue_start(due: float, end_of_last: float) -> float:
    """Return the time at which the speech of a cue starts."""  # 1
    return max(due, end_of_last)


def required_speedup(natural: float, available: float, speed: float) -> float:
    """Return the factor that fits speech of `natural` seconds into `available` seconds.

    1.0 if it fits. `speed` is the speed of the natural speech: both together do not exceed the
    highest speed of a voice.
    """
    if natural <= available + TOLERANCE_SECONDS:
        return 1.0
    limit = max(1.0, min(MAX_SPEEDUP, MAX_SPEED / speed))
    if available <= 0:
        return limit
    return min(limit, _SPEED_MARGIN * natural / available)  # 2, 3
