"""Voices mixed by weight, as people write them: `af_heart`, `af_heart+am_adam`, `a*0.7+b*0.3`."""

import math
from typing import Final

from wyoming_servers.errors import BadRequestError

MOST: Final = 8
"""Voices in one mix."""


def parse_mix(text: str) -> list[tuple[str, float]]:
    """Return the voices with their weights, 1 where none is given.

    Raises BadRequestError for what is no mix: a nameless voice, a weight that is no number above 0.
    """
    parts = text.split("+")
    if len(parts) > MOST:
        raise BadRequestError(f"A mix has {MOST} voices at most.")
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
