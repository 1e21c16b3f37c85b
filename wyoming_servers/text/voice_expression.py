"""Voice expressions: a name or a mix of voices, with an optional speed.

`af_heart`, `af_heart+am_adam`, `af_heart*0.7+am_adam*0.3`, `af_heart@slow`, `en_US-joe-medium@1.2`.
They let clients that can pass only a voice name, such as Home Assistant, use mixes and speeds.
"""

import math
from collections.abc import Mapping
from typing import Final

from wyoming_servers.core.errors import BadRequestError

MAX_MIXED_VOICES: Final = 8
"""Maximum of voices in one mix."""

NAMED_SPEEDS: Final[Mapping[str, float]] = {"slow": 0.8, "fast": 1.25}
"""Named speeds, as factors."""

MIN_SPEED: Final = 0.5
MAX_SPEED: Final = 2.0


def parse_speed(text: str) -> tuple[str, float]:
    """Split `joe@slow` or `joe@1.2` into the voice and its speed as a factor (default 1).

    Raises BadRequestError for a speed that is neither a name nor a number from 0.5 to 2.
    """
    voice, at, speed_text = text.rpartition("@")
    if not at:
        return text, 1.0
    name = speed_text.strip().lower()
    try:
        speed = NAMED_SPEEDS[name] if name in NAMED_SPEEDS else float(speed_text)
    except ValueError:
        speed = math.nan
    if not voice or not MIN_SPEED <= speed <= MAX_SPEED:
        raise BadRequestError(
            f"{text[:60]!r} has no valid speed after the `@`.",
            hint=f"Write {', '.join(NAMED_SPEEDS)} or a number "
            f"from {MIN_SPEED:g} to {MAX_SPEED:g}.",
        )
    return voice.strip(), speed


def voice_names(text: str) -> list[str]:
    """Return the plain voice names in an expression; the text itself if it is not valid."""
    try:
        return [name for name, _ in parse_mix(parse_speed(text)[0])]
    except BadRequestError:
        return [text]


def parse_mix(text: str) -> list[tuple[str, float]]:
    """Return the voices of a mix with their weights, 1 by default.

    Raises BadRequestError for a voice without a name or a weight that is not a positive number.
    """
    parts = text.split("+")
    if len(parts) > MAX_MIXED_VOICES:
        raise BadRequestError(f"A mix can have at most {MAX_MIXED_VOICES} voices.")
    mix = []
    for part in parts:
        name, star, number = map(str.strip, part.partition("*"))
        try:
            weight = float(number) if star else 1.0
        except ValueError:
            weight = math.nan
        if not name or not 0.0 < weight < math.inf:
            raise BadRequestError(
                f"{text[:60]!r} is not a valid mix of voices.",
                hint="Write `af_heart*0.7+am_adam*0.3`, or `af_heart+am_adam` for equal parts.",
            )
        mix.append((name, weight))
    return mix
