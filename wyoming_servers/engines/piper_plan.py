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

from wyoming_servers.audio.chunk import MAX_UNSENT_SECONDS

FIRST_CHUNK: Final = 10
"""Frames of the very first stretch of samples: enough for one chunk of 2,048 of them."""

MIN_LEAD: Final = 24
"""Least frames of the first two, with several threads: 0.28 s."""

MIN_LEAD_SINGLE_THREAD: Final = 64
"""The same with one thread, which makes the next one later, and works for others in between."""

MAX_LEAD: Final = 172
"""Most frames of the first two: 2 s, where the machine is slow."""

MAX_CHUNK: Final = 64
"""Frames of any other: three quarters of a second."""

SHORT_TEXT: Final = 160
"""Frames of a text whose features are made at once: in parts they would cost half as much more."""

MAX_FEATURE_CHUNK: Final = 512
"""Frames whose features are made at once: 6 s. It bounds the memory they take."""

_SMOOTHING: Final = 0.3
"""Weight of the newest stretch in what a frame is expected to take."""


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """Stretches [from, to) of frames, one behind the other."""

    features: tuple[range, ...]
    samples: tuple[range, ...]


@dataclass(slots=True)
class ThroughputEstimate:
    """What a frame takes of a thread, in seconds: learned while speaking, 0 as long as unknown."""

    features: float = 0.0
    samples: float = 0.0

    def record_features(self, frames: int, seconds: float) -> None:
        """Note what so many frames took, neighbours included."""
        self.features = _smoothed(self.features, seconds / frames)

    def record_samples(self, frames: int, seconds: float) -> None:
        """Note what so many frames took."""
        self.samples = _smoothed(self.samples, seconds / frames)


@dataclass(frozen=True, slots=True)
class ChunkGeometry:
    """What a voice's frames are like."""

    frame_seconds: float
    """Of sound in one."""
    samples_context: int
    """How many behind a stretch of samples must have features, too."""
    features_context: int
    """How many neighbours a stretch of features needs on either side."""


def plan_chunks(frames: int, needs: ChunkGeometry, threads: int, pace: ThroughputEstimate) -> ChunkPlan:
    """Plan a text of so many frames."""
    first = min(frames, _lead_frames(frames, needs, threads, pace))
    if frames <= SHORT_TEXT:
        # One thread makes the first stretches and what is left of its share.
        shares = _divide_evenly(0, frames, threads)
        end = shares[0].stop
        own = _ranges_to(0, (min(FIRST_CHUNK, end), min(first, end), end))
        return ChunkPlan(tuple(shares), (*own, *shares[1:]))
    known = min(frames, first + needs.samples_context)
    rest = max(threads, math.ceil((frames - known) / MAX_FEATURE_CHUNK))
    # As many as there are threads, or a multiple of it: the last ones end together.
    count = math.ceil(math.ceil((frames - first) / MAX_CHUNK) / threads) * threads
    return ChunkPlan(
        features=(range(known), *_divide_evenly(known, frames, rest)),
        samples=(*_ranges_to(0, (FIRST_CHUNK, first)), *_divide_evenly(first, frames, count)),
    )


def _lead_frames(frames: int, needs: ChunkGeometry, threads: int, pace: ThroughputEstimate) -> int:
    """Return for how many frames there must be sound until the next stretch is made.

    Before it come the features of all the rest. With one thread there may be others to work for.
    """
    rest = min(frames / threads, MAX_FEATURE_CHUNK) + 2 * needs.features_context
    wait = pace.features * rest + pace.samples * MAX_CHUNK
    seconds = wait * (1 if threads > 1 else 2) + MAX_UNSENT_SECONDS
    least = MIN_LEAD if threads > 1 else MIN_LEAD_SINGLE_THREAD
    return min(MAX_LEAD, max(least, math.ceil(seconds / needs.frame_seconds)))


def _smoothed(known: float, found: float) -> float:
    return known + _SMOOTHING * (found - known) if known else found


def _divide_evenly(begin: int, end: int, count: int) -> list[range]:
    """Return so many stretches, as alike as possible."""
    return _ranges_to(begin, [begin + (end - begin) * index // count for index in range(1, count + 1)])


def _ranges_to(begin: int, ends: Sequence[int]) -> list[range]:
    """Return stretches that end there, none of them empty."""
    return [range(one, other) for one, other in pairwise((begin, *ends)) if other > one]
