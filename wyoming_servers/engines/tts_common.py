"""What engines that speak have in common: numbers of a request, loudness, what ends a clause."""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.core.errors import BadRequestError

SAMPLE_TEXT: Final = "1, 2, 3, 4, 5."
"""Read in every language; warms a network up and tells how loud a voice is."""

LEADING_SILENCE: Final = 0.02
"""Seconds of silence left before speech."""

_TARGET_DBFS: Final = -18.0
"""RMS level of speech without its pauses, in dBFS, that every voice is brought to; with it the
peaks come near full scale."""

_MAX_GAIN: Final = 4.0
_LIMITER_KNEE: Final = 0.8
"""Peaks above this are rounded off instead of clipped."""

_TRAILING_SILENCES: Final[Mapping[str, float]] = {
    ",": 0.15,
    ";": 0.2,
    ":": 0.2,
    "，": 0.15,
    "、": 0.1,
}
"""Seconds of silence left behind a clause, by its last character, where the voice made as much."""

_DEFAULT_TRAILING_SILENCE: Final = 0.04
"""The same behind anything else: a sentence's pause is the caller's, a word's is none."""


def trailing_silence(text: str) -> float:
    """Return the seconds of silence to leave behind a text."""
    return _TRAILING_SILENCES.get(text.rstrip()[-1:], _DEFAULT_TRAILING_SILENCE)


def loudness_gain(samples: Samples) -> float:
    """Return the factor that brings speech to the level of all voices.

    One gain for all sentences of a voice keeps its own dynamics: scaling each by its peak makes a
    clause and the next differ by up to 5 dB.
    """
    # Without its pauses, which say nothing about how loud a voice is.
    loud = samples[np.abs(samples) > 0.01]
    if not loud.size:
        return 1.0
    power = float(np.dot(loud, loud)) / loud.size
    wanted = math.pow(10.0, _TARGET_DBFS / 20.0) / math.sqrt(power)
    return min(max(wanted, 1.0 / _MAX_GAIN), _MAX_GAIN)


def soft_limit(samples: Samples) -> Samples:
    """Round off peaks above the knee, so that none is cut flat."""
    over = np.abs(samples) > _LIMITER_KNEE
    if not over.any():
        return samples
    room = 1.0 - _LIMITER_KNEE
    soft = np.sign(samples) * (
        _LIMITER_KNEE + room * np.tanh((np.abs(samples) - _LIMITER_KNEE) / room)
    )
    limited: Samples = np.where(over, soft, samples).astype(np.float32)
    return limited


def request_number(request: Mapping[str, Any], name: str, low: float, high: float) -> float | None:
    """Return a number of the request, None if it is not given. Raises BadRequestError."""
    value = request.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadRequestError(
            f"The request's {name} is not possible: {str(value)[:40]!r}.",
            hint=f"Choose a number from {low:g} to {high:g}.",
        )
    return float(value)
