"""What people write for a voice: a name, a mix of voices, either with a pace behind it.

`af_heart`, `af_heart+am_adam`, `af_heart*0.7+am_adam*0.3`, `af_heart@slow`, `en_US-joe-medium@1.2`.
Clients such as Home Assistant can pass nothing but a name.
"""

import math
from collections.abc import Mapping
from typing import Final

from wyoming_servers.core.errors import BadRequestError

MAX_MIXED_VOICES: Final = 8
"""Voices in one mix."""

NAMED_SPEEDS: Final[Mapping[str, float]] = {"slow": 0.8, "fast": 1.25}
"""Speeds by name, as factors."""

MIN_SPEED: Final = 0.5
MAX_SPEED: Final = 2.0


def parse_speed(text: str) -> tuple[str, float]:
    """Take `joe@slow` or `joe@1.2` apart: the voice and its speed as a factor (1 if none).

    Raises BadRequestError for a pace that is neither a name nor a number from 0.5 to 2.
    """
    voice, at, pace = text.rpartition("@")
    if not at:
        return text, 1.0
    try:
        speed = (
            NAMED_SPEEDS[pace.strip().lower()]
            if pace.strip().lower() in NAMED_SPEEDS
            else float(pace)
        )
    except ValueError:
        speed = math.nan
    if not voice or not MIN_SPEED <= speed <= MAX_SPEED:
        raise BadRequestError(
            f"{text[:60]!r} has no possible pace behind the `@`.",
            hint=f"Write {', '.join(NAMED_SPEEDS)} or a number "
            f"from {MIN_SPEED:g} to {MAX_SPEED:g}.",
        )
    return voice.strip(), speed


def voice_names(text: str) -> list[str]:
    """Return the plain names in a voice as people write it; the text itself if it is none."""
    try:
        return [name for name, _ in parse_mix(parse_speed(text)[0])]
    except BadRequestError:
        return [text]


def parse_mix(text: str) -> list[tuple[str, float]]:
    """Return the voices with their weights, 1 where none is given.

    Raises BadRequestError for what is no mix: a nameless voice, a weight that is no number above 0.
    """
    parts = text.split("+")
    if len(parts) > MAX_MIXED_VOICES:
        raise BadRequestError(f"A mix has {MAX_MIXED_VOICES} voices at most.")
    mix = []
    for part in parts:
        name, star, number = (piece.strip() for piece in part.partition("*"))
        try:
            weight = float(number) if star else 1.0
        except ValueError:
            weight = math.nan
        if not name or not 0.0 < weight < math.inf:
            raise BadRequestError(
                f"{text[:60]!r} is no mix of voices.",
                hint="Write `af_heart*0.7+am_adam*0.3`, or `af_heart+am_adam` for equal parts.",
            )
        mix.append((name, weight))
    return mix
