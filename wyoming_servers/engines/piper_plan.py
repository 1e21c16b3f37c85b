"""In which stretches the frames of a text are turned into sound: nothing but numbers.

The first stretch is one chunk, so that the sound begins early; the second one lasts as long as it
takes to make the third. Small stretches of features cost much, since each needs its neighbours too;
those of samples cost little, and their values stay in the processor's cache.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from wyoming_servers.audio.chunk import HELD_SECONDS

BEGIN: Final = 10
"""Frames of the very first stretch of samples: enough for one chunk of 2,048 of them."""

FIRST: Final = 24
"""Least frames of the first two, with several threads: 0.28 s."""

FIRST_OF_ONE: Final = 64
"""The same with one thread, which makes the next one later, and works for others in between."""

MOST_FIRST: Final = 172
"""Most frames of the first two: 2 s, where the machine is slow."""

MOST: Final = 64
"""Frames of any other: three quarters of a second."""

SHORT: Final = 160
"""Frames of a text whose features are made at once: in parts they would cost half as much more."""

MOST_FEATURES: Final = 512
"""Frames whose features are made at once: 6 s. It bounds the memory they take."""

_LEARN: Final = 0.3
"""Weight of the newest stretch in what a frame is expected to take."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Stretches [from, to) of frames, one behind the other."""

    features: tuple[range, ...]
    samples: tuple[range, ...]


@dataclass(slots=True)
class Pace:
    """What a frame takes of a thread, in seconds: learned while speaking, 0 as long as unknown."""

    features: float = 0.0
    samples: float = 0.0

    def learn_features(self, frames: int, seconds: float) -> None:
        """Note what so many frames took, neighbours included."""
        self.features = _learned(self.features, seconds / frames)

    def learn_samples(self, frames: int, seconds: float) -> None:
        """Note what so many frames took."""
        self.samples = _learned(self.samples, seconds / frames)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a voice's frames are like."""

    seconds: float
    """Of sound in one."""
    margin: int
    """How many behind a stretch of samples must have features, too."""
    around: int
    """How many neighbours a stretch of features needs on either side."""


def plan(frames: int, needs: Needs, threads: int, pace: Pace) -> Plan:
    """Plan a text of so many frames."""
    first = min(frames, _first(frames, needs, threads, pace))
    if frames <= SHORT:
        # One thread makes the first stretches and what is left of its share.
        shares = _divided(0, frames, threads)
        end = shares[0].stop
        own = _cut(0, (min(BEGIN, end), min(first, end), end))
        return Plan(tuple(shares), (*own, *shares[1:]))
    known = min(frames, first + needs.margin)
    rest = max(threads, math.ceil((frames - known) / MOST_FEATURES))
    # As many as there are threads, or a multiple of it: the last ones end together.
    count = math.ceil(math.ceil((frames - first) / MOST) / threads) * threads
    return Plan(
        features=(range(known), *_divided(known, frames, rest)),
        samples=(*_cut(0, (BEGIN, first)), *_divided(first, frames, count)),
    )


def _first(frames: int, needs: Needs, threads: int, pace: Pace) -> int:
    """Return for how many frames there must be sound until the next stretch is made.

    Before it come the features of all the rest. With one thread there may be others to work for.
    """
    rest = min(frames / threads, MOST_FEATURES) + 2 * needs.around
    wait = pace.features * rest + pace.samples * MOST
    seconds = wait * (1 if threads > 1 else 2) + HELD_SECONDS
    least = FIRST if threads > 1 else FIRST_OF_ONE
    return min(MOST_FIRST, max(least, math.ceil(seconds / needs.seconds)))


def _learned(known: float, found: float) -> float:
    return known + _LEARN * (found - known) if known else found


def _divided(begin: int, end: int, count: int) -> list[range]:
    """Return so many stretches, as alike as possible."""
    return _cut(begin, [begin + (end - begin) * index // count for index in range(1, count + 1)])


def _cut(begin: int, ends: Sequence[int]) -> list[range]:
    """Return stretches that end there, none of them empty."""
    return [range(one, other) for one, other in pairwise((begin, *ends)) if other > one]
