"""Speeds up speech without changing its pitch: WSOLA (Verhelst and Roelands, 1993).

Windows are read faster than they are written, each from the position where it continues the audio
written so far best.
"""

from typing import Final

import numpy as np

from wyoming_servers.audio.pcm import Samples

_WINDOW_SECONDS: Final = 0.03
"""Several periods of the lowest voice, and shorter than most phonemes."""

_SEARCH_SECONDS: Final = 0.008
"""How far a window may be read from its position: more than half a period of the lowest voice."""


def time_stretch(samples: Samples, rate: int, factor: float) -> Samples:
    """Return speech that plays `factor` times as fast; the pitch and the vowels stay as they are.

    `factor` is from 1 to 2; the length is exact to within a window.
    """
    hop = int(_WINDOW_SECONDS * rate / 2)
    size = 2 * hop
    if factor == 1.0 or len(samples) < 2 * size:
        return samples
    search = int(_SEARCH_SECONDS * rate)
    fade = np.hanning(size + 1)[:-1].astype(np.float32)
    count = int((len(samples) - size - search) / (hop * factor))
    result = np.zeros(count * hop + size, np.float32)
    result[:size] = samples[:size] * np.concatenate([np.ones(hop, np.float32), fade[hop:]])
    position = 0  # where the last window was read
    for number in range(1, count):
        continuation = samples[position + hop : position + hop + size]
        nominal = int(number * hop * factor)
        start = max(0, nominal - search)
        position = start + _best_match(samples[start : nominal + search + size], continuation)
        result[number * hop : number * hop + size] += samples[position : position + size] * fade
    return result[: count * hop]


def _best_match(samples: Samples, wanted: Samples) -> int:
    """Return the index at which `samples` correlates best with `wanted`."""
    correlation = np.correlate(samples, wanted, "valid")
    squares = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    energy = squares[len(wanted) :] - squares[: -len(wanted)]
    return int(np.argmax(correlation / np.sqrt(energy + 1e-9)))
