"""How speech is fitted into the time of its cue; no I/O.

1. It begins with its cue, or where the speech before it has ended, if that is later.
2. If it is longer than what is left of the cue it is spoken faster, but only so much that it
   still sounds like speech.
3. If that is not enough it runs over, and what follows begins later: nothing is cut off, and no
   two cues sound at once. A pause takes the delay back.
"""

from typing import Final

from wyoming_servers.text.voice_expression import MAX_SPEED

MAX_SPEEDUP: Final = 1.25
"""Fastest that still sounds unhurried; dubbing studios go no farther either."""

TOLERANCE_SECONDS: Final = 0.05
"""What nobody notices; cues are drawn by hand."""

_SPEED_MARGIN: Final = 1.02
"""Voices do not follow a speed to the letter."""


def cue_start(due: float, end_of_last: float) -> float:
    """Return when a cue that is due begins to sound."""  # 1
    return max(due, end_of_last)


def required_speedup(natural: float, room: float, speed: float) -> float:
    """Return how much faster speech of `natural` seconds is to be spoken to fit into `room`.

    1.0 where it fits; `speed` is how fast it is spoken already, and together they stay below
    what a voice can.
    """
    if natural <= room + TOLERANCE_SECONDS:
        return 1.0
    most = max(1.0, min(MAX_SPEEDUP, MAX_SPEED / speed))
    if room <= 0:
        return most
    return min(most, _SPEED_MARGIN * natural / room)  # 2, 3
