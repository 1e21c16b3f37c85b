"""Voice expressions: a name or a mix of voices, with an optional speed and options of the engine.

`af_heart`, `af_heart+am_adam`, `af_heart*0.7+am_adam*0.3`, `af_heart@slow`, `en_US-joe-medium@1.2`,
`en_US-joe-medium@noise_scale=0.4,volume=1.5`, `en_US-joe-medium@slow,length_scale=1.1`. They let
clients that can pass only a voice name, such as Home Assistant, use all of this.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wyoming_servers.core.errors import BadRequestError

MAX_MIXED_VOICES: Final = 8
"""Maximum of voices in one mix."""

NAMED_SPEEDS: Final[Mapping[str, float]] = {"slow": 0.8, "fast": 1.25}
"""Named speeds, as factors."""

MIN_SPEED: Final = 0.5
MAX_SPEED: Final = 2.0


VOICE_OPTIONS: Final[Mapping[str, tuple[float, float]]] = {
    "length_scale": (0.25, 4.0),
    "noise_scale": (0.0, 2.0),
    "noise_w": (0.0, 2.0),
    "volume": (0.0, 4.0),
}
"""Options of an engine, in its own words, with their smallest and largest value.

`length_scale` multiplies the duration; `noise_scale` and `noise_w` are Piper's variation of sound
and rhythm; `volume` multiplies the amplitude.
"""


@dataclass(frozen=True, slots=True)
class VoiceVariant:
    """A voice expression in its parts."""

    voice: str
    """A name or a mix."""
    speed: float = 1.0
    """Factor."""
    options: Mapping[str, float] = field(default_factory=dict)
    """Keys of `VOICE_OPTIONS`."""


def parse_variant(text: str) -> VoiceVariant:
    """Split `joe@slow,volume=1.5` into the voice, its speed and its options, in any order.

    Raises BadRequestError for a speed that is neither a name nor a number from 0.5 to 2, for an
    unknown option, and for a value out of range.
    """
    if "=" not in text:
        voice, speed = parse_speed(text)
        return VoiceVariant(voice, speed)
    voice, _, settings = text.rpartition("@")
    speed, options = 1.0, dict[str, float]()
    for setting in settings.split(","):
        name, equals, value = (part.strip() for part in setting.partition("="))
        if not equals:
            _, speed = parse_speed(f"{voice}@{name}")
            continue
        lowest, highest = VOICE_OPTIONS.get(name, (math.inf, -math.inf))
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not voice or not lowest <= number <= highest:
            ranges = ", ".join(
                f"{key} {low:g} to {up:g}" for key, (low, up) in VOICE_OPTIONS.items()
            )
            raise BadRequestError(
                f"{text[:60]!r} has no valid option {setting.strip()[:40]!r}.",
                hint=f"Options: {ranges}.",
            )
        options[name] = number
    return VoiceVariant(voice.strip(), speed, options)


def format_options(options: Mapping[str, float]) -> str:
    """Return options as they are written after the `@`; empty for none."""
    return ",".join(f"{name}={options[name]:g}" for name in sorted(options))


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
        return [name for name, _ in parse_mix(parse_variant(text).voice)]
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
