"""Shared by the text-to-speech engines: numbers in requests, loudness, silence after a clause."""

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.core.errors import BadRequestError

SAMPLE_TEXT: Final = "1, 2, 3, 4, 5."
"""Can be spoken in every language; warms a network up and measures the loudness of a voice."""

LEADING_SILENCE: Final = 0.02
"""Seconds of silence kept before speech."""

_TARGET_DBFS: Final = -18.0
"""RMS level of speech without pauses, in dBFS, of every voice; peaks are near full scale."""

_MAX_GAIN: Final = 4.0
_LIMITER_KNEE: Final = 0.8
"""Level above which peaks are compressed instead of clipped."""

_TRAILING_SILENCES: Final[Mapping[str, float]] = {
    ",": 0.15,
    ";": 0.2,
    ":": 0.2,
    "，": 0.15,
    "、": 0.1,
}
"""Maximum seconds of silence kept after a clause, by its last character."""

_DEFAULT_TRAILING_SILENCE: Final = 0.04
"""The same after other characters: the caller adds the pauses between sentences."""


def trailing_silence(text: str) -> float:
    """Return the seconds of silence to keep after a text."""
    return _TRAILING_SILENCES.get(text.rstrip()[-1:], _DEFAULT_TRAILING_SILENCE)


def loudness_gain(samples: Samples) -> float:
    """Return the factor that brings speech to the target level.

    One gain for all sentences of a voice keeps its dynamics. Scaling each sentence by its peak
    makes consecutive clauses differ by up to 5 dB.
    """
    # Pauses have no influence on how loud a voice is.
    speech = samples[np.abs(samples) > 0.01]
    if not speech.size:
        return 1.0
    power = float(np.dot(speech, speech)) / speech.size
    factor = math.pow(10.0, _TARGET_DBFS / 20.0) / math.sqrt(power)
    return min(max(factor, 1.0 / _MAX_GAIN), _MAX_GAIN)


def soft_limit(samples: Samples) -> Samples:
    """Compress peaks above the knee, so that none is clipped."""
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
    """Return a number of the request, None if it is absent. Raises BadRequestError."""
    value = request.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise BadRequestError(
            f"The request's {name} is not valid: {str(value)[:40]!r}.",
            hint=f"Choose a number from {low:g} to {high:g}.",
        )
    return float(value)
