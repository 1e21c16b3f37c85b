"""Speech made shorter without a higher voice: WSOLA (Verhelst and Roelands, 1993).

Windows are taken from the sound at a faster pace than they are laid down, each where it continues
best what lies there already.
"""

from typing import Final

import numpy as np

from wyoming_servers.audio.pcm import Samples

_WINDOW_SECONDS: Final = 0.03
"""Several periods of the lowest voice, and shorter than most sounds of speech."""

_SEARCH_SECONDS: Final = 0.008
"""How far from its place a window may be taken: more than half a period of the lowest voice."""


def time_stretch(samples: Samples, rate: int, factor: float) -> Samples:
    """Return the sound `factor` times as fast; 1 and sounds of less than a window stay as they are.

    `factor` is from 1 to 2; the length is right to within a window.
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
    taken = 0
    for number in range(1, count):
        next_one = samples[taken + hop : taken + hop + size]
        place = int(number * hop * factor)
        begin = max(0, place - search)
        around = samples[begin : place + search + size]
        taken = begin + _best_match(around, next_one)
        result[number * hop : number * hop + size] += samples[taken : taken + size] * fade
    return result[: count * hop]


def _best_match(around: Samples, wanted: Samples) -> int:
    """Return where in `around` what is most alike begins."""
    likeness = np.correlate(around, wanted, "valid")
    squares = np.concatenate([[0.0], np.cumsum(around.astype(np.float64) ** 2)])
    energy = squares[len(wanted) :] - squares[: -len(wanted)]
    return int(np.argmax(likeness / np.sqrt(energy + 1e-9)))
