"""In which stretches the frames of a text are turned into sound: nothing but numbers.

The first stretch is short, so that the sound begins early; its listener hears it while the next is
made. Small stretches of features cost much, since each needs its neighbours too; those of samples
cost little, and their values stay in the processor's cache.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

FIRST: Final = 24
"""Frames of the first stretch of samples, with several threads: 0.28 s."""

FIRST_OF_ONE: Final = 64
"""The same with one thread, which makes the next one later, and works for others in between."""

MOST: Final = 64
"""Frames of any other: three quarters of a second."""

SHORT: Final = 160
"""Frames of a text whose features are made at once: in parts they would cost half as much more."""

MOST_FEATURES: Final = 512
"""Frames whose features are made at once: 6 s. It bounds the memory they take."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Stretches [from, to) of frames, one behind the other."""

    features: tuple[range, ...]
    samples: tuple[range, ...]


def plan(frames: int, margin: int, threads: int) -> Plan:
    """Plan a text of so many frames.

    `margin` frames behind a stretch of samples must have features, too.
    """
    first = min(frames, FIRST if threads > 1 else FIRST_OF_ONE)
    if frames <= SHORT:
        # One thread makes the first stretch and what is left of its share.
        shares = _divided(0, frames, threads)
        begun = [part for part in (range(first), range(first, shares[0].stop)) if part]
        samples = [*begun, *shares[1:]] if first < shares[0].stop else _divided(0, frames, threads)
        return Plan(tuple(shares), tuple(samples))
    known = first + margin
    rest = max(threads, math.ceil((frames - known) / MOST_FEATURES))
    # As many as there are threads, or a multiple of it: the last ones end together.
    count = math.ceil(math.ceil((frames - first) / MOST) / threads) * threads
    return Plan(
        features=(range(known), *_divided(known, frames, rest)),
        samples=(range(first), *_divided(first, frames, count)),
    )


def _divided(begin: int, end: int, count: int) -> list[range]:
    """Return so many stretches, as alike as possible and none of them empty."""
    edges = [begin + (end - begin) * index // max(1, count) for index in range(count + 1)]
    return [range(one, other) for one, other in pairwise(edges) if other > one]
