"""One text's sound on its way, stretch by stretch, by one thread or by several."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Final, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.core.domain import MAX_UNSENT_SECONDS
from wyoming_servers.engines.piper.graph_split import ChunkableGraph

# Runs the parts of a voice's network that can be asked for a stretch of time.

FeatureArray = NDArray[np.float32]
"""[1, channels, time]."""

_END = np.iinfo(np.int64).max


class ChunkRunner:
    """One such part in a session. All calls may come from any thread."""

    def __init__(self, stretch: ChunkableGraph, session: Any) -> None:
        """Take the part and a session of its network."""
        self.input_name = stretch.input_name
        """The input that is cut into stretches."""
        self.upsampling = stretch.upsampling
        """How many points of output one of the input becomes."""
        self.context = stretch.context
        """Neighbours of the input that a stretch needs on either side, where there are some."""
        self._trim_points = stretch.trim_points
        self._session = session

    def run(self, values: Mapping[str, FeatureArray], begin: int, end: int) -> FeatureArray:
        """Return what the points from `begin` to `end` of the input become, as in the whole."""
        length = values[self.input_name].shape[2]
        before, after = min(begin, self.context), min(length - end, self.context)
        given: dict[str, Any] = {
            name: np.ascontiguousarray(value[:, :, begin - before : end + after])
            if value.ndim == 3 and value.shape[2] == length
            else value
            for name, value in values.items()
        }
        factor = 1
        for trim in self._trim_points:
            finer = trim.upsampling // factor
            before, after, factor = before * finer, after * finer, trim.upsampling
            given[trim.start_input] = np.array([max(0, before - trim.context)], np.int64)
            given[trim.end_input] = np.array(
                [trim.context - after if after > trim.context else _END], np.int64
            )
            before, after = min(before, trim.context), min(after, trim.context)
        finer = self.upsampling // factor
        (found,) = self._session.run(None, given)
        row: FeatureArray = found.reshape(1, -1, found.shape[-1])
        return row[:, :, before * finer : before * finer + (end - begin) * self.upsampling]


# In which stretches the frames of a text are turned into sound: nothing but numbers.
#
# The first stretch is one chunk, so that the sound begins early; the second one lasts as long as it
# takes to make the third. Small stretches of features cost much, since each needs its
# neighbours too;
# those of samples cost little, and their values stay in the processor's cache.

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


def plan_chunks(
    frames: int, needs: ChunkGeometry, threads: int, pace: ThroughputEstimate
) -> ChunkPlan:
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
    return _ranges_to(
        begin, [begin + (end - begin) * index // count for index in range(1, count + 1)]
    )


def _ranges_to(begin: int, ends: Sequence[int]) -> list[range]:
    """Return stretches that end there, none of them empty."""
    return [range(one, other) for one, other in pairwise((begin, *ends)) if other > one]


T = TypeVar("T")

Submit = Callable[[Callable[[], object]], object]
"""Has another thread do something in a while."""

OWN_CHUNKS: Final = 3
"""Stretches of sound from the present one on that are left to the text's own thread: the first two
are short, and a share of a short text is the third."""

CHUNKS_AHEAD: Final = 2
"""Stretches of sound that other threads may make before they are needed. More would keep those who
come meanwhile waiting."""


class OnceTask(Generic[T]):
    """Something to be made once, by whoever comes first."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._compute = make
        self._lock = threading.Lock()
        self._claimed = False
        self._done = threading.Event()
        self._result: T | None = None
        self._error: BaseException | None = None

    def run_if_unclaimed(self) -> bool:
        """Make it, unless somebody else does or did; return whether it was made here."""
        with self._lock:
            if self._claimed:
                return False
            self._claimed = True
        try:
            self._result = self._compute()
        except BaseException as err:  # noqa: BLE001  (whoever asks for the result is told)
            self._error = err
        self._done.set()
        return True

    def result(self, meanwhile: "Sequence[OnceTask[T]]" = ()) -> T:
        """Return it, made here if nobody else has begun; raises what making it raised.

        While another thread is at it, something of `meanwhile` is made here.
        """
        if not self.run_if_unclaimed() and not self._done.is_set():
            any(task.run_if_unclaimed() for task in meanwhile)
            self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


class ChunkedSynthesis:
    """The sound of one text; iterate over it once."""

    def __init__(
        self,
        frames: ChunkRunner,
        samples: ChunkRunner,
        values: Mapping[str, FeatureArray],
        plan: ChunkPlan,
        pace: ThroughputEstimate,
        help_: Callable[[], Submit | None],
    ) -> None:
        """Take what the text has become, how it is to be cut, and where to note what it takes.

        `help_` is asked before each stretch for other threads: None if there are none to spare.
        """
        self._feature_runner = frames
        self._sample_runner = samples
        self._values = values
        self._plan = plan
        self._throughput = pace
        self._idle_helpers = help_
        self._submitted = 0
        self._closed = False
        self._lock = threading.Lock()
        self._feature_buffer: FeatureArray | None = None
        """The features, as far as they were made."""
        self._feature_tasks = [
            OnceTask(partial(self._compute_features, part)) for part in plan.features
        ]
        self._sample_tasks = [
            OnceTask(partial(self._compute_samples, part)) for part in plan.samples
        ]

    def __iter__(self) -> Iterator[Samples]:
        try:
            for index, sound in enumerate(self._sample_tasks):
                help_ = self._idle_helpers()
                if help_ is not None:
                    self._submit_ahead(index, help_)
                yield sound.result(self._sample_tasks[index + 1 : index + 1 + CHUNKS_AHEAD])
        finally:
            # What other threads have not begun by now, nobody needs.
            self._closed = True

    def _submit_ahead(self, index: int, help_: Submit) -> None:
        """Let other threads make what comes behind the next sounds, which are made here, too."""
        if not index:
            for features in self._feature_tasks[1:2]:
                help_(features.run_if_unclaimed)
        first, self._submitted = (
            max(self._submitted, index + OWN_CHUNKS),
            index + OWN_CHUNKS + CHUNKS_AHEAD,
        )
        for sound in self._sample_tasks[first : self._submitted]:
            help_(sound.run_if_unclaimed)

    def _compute_features(self, part: range) -> None:
        self._raise_if_closed()
        begun = time.perf_counter()
        found = self._feature_runner.run(self._values, part.start, part.stop)
        around = self._feature_runner.context
        end = min(part.stop + around, self._plan.features[-1].stop)
        self._throughput.record_features(
            end - max(0, part.start - around), time.perf_counter() - begun
        )
        factor = self._feature_runner.upsampling
        with self._lock:
            if self._feature_buffer is None:
                length = self._plan.features[-1].stop * factor
                self._feature_buffer = np.empty((1, found.shape[1], length), np.float32)
            self._feature_buffer[:, :, part.start * factor : part.stop * factor] = found

    def _compute_samples(self, part: range) -> Samples:
        factor = self._feature_runner.upsampling
        margin = math.ceil(self._sample_runner.context / factor)
        for index, features in enumerate(self._plan.features):
            if features.start < part.stop + margin and features.stop > part.start - margin:
                self._feature_tasks[index].result(self._feature_tasks[index + 1 :])
        self._raise_if_closed()
        if self._feature_buffer is None:
            raise RuntimeError("There are no features.")
        given = {self._sample_runner.input_name: self._feature_buffer}
        begun = time.perf_counter()
        found = self._sample_runner.run(given, part.start * factor, part.stop * factor)
        self._throughput.record_samples(len(part), time.perf_counter() - begun)
        return np.ascontiguousarray(found[0, 0])

    def _raise_if_closed(self) -> None:
        if self._closed:
            raise RuntimeError("The text is over.")
