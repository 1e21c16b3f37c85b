"""Computes the audio of one text chunk by chunk, in one thread or several.

A split voice (`graph_split`) turns latent frames of about 12 ms into features, and features into
samples. Each graph accepts any range of its input, given with `context` points on both sides, and
returns exactly the points of that range, as a run over everything would:

    input                |<- context ->|<------ chunk ------>|<- context ->|
                          \\____________________________________________/
    trim point 1                 |<- context 1 ->|<-- chunk -->|<- context 1 ->|   (finer points)
                                  \\_______________________________________/
    output                                 |<------ chunk x upsampling ------>|

The context is cut off in steps, at trim points inside the graph, because each layer needs less of
it than the one before. At both ends of the text there is less context, and none is cut off.

The first chunk of samples is one chunk of output, so that audio starts early; the second lasts as
long as the third takes to compute. Small chunks of features are expensive because of their context;
small chunks of samples cost little, and their values stay in the processor's cache.
"""

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

T = TypeVar("T")

FeatureArray = NDArray[np.float32]
"""[1, channels, time]."""

Submit = Callable[[Callable[[], object]], object]
"""Submits work to a pool of helper threads."""

FIRST_CHUNK: Final = 10
"""Frames of the first chunk of samples: enough for one output chunk of 2,048 samples."""

MIN_LEAD: Final = 24
"""Minimum frames of the first two chunks with several threads: 0.28 s."""

MIN_LEAD_SINGLE_THREAD: Final = 64
"""The same with one thread, which computes other texts before the next chunk of this one."""

MAX_LEAD: Final = 172
"""Maximum frames of the first two chunks: 2 s, on a slow machine."""

MAX_CHUNK: Final = 64
"""Frames of every other chunk of samples: three quarters of a second."""

SHORT_TEXT: Final = 160
"""Frames up to which all features are computed at once; in chunks they would cost 50 % more."""

MAX_FEATURE_CHUNK: Final = 512
"""Maximum frames of a chunk of features: 6 s. Bounds the memory."""

_SMOOTHING: Final = 0.3
"""Weight of the newest measurement in `ThroughputEstimate`."""

OWN_CHUNKS: Final = 3
"""Chunks of samples, from the current one on, left to the text's own thread: the first two are
short, and the third is this thread's share of a short text."""

CHUNKS_AHEAD: Final = 2
"""Chunks of samples that helpers may compute in advance. More would delay texts that arrive."""

_END: Final = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class TrimPoint:
    """A layer in a graph before which context is cut off."""

    start_input: str
    """The graph's input for the first point to keep."""
    end_input: str
    """The graph's input for the point after the last one to keep."""
    context: int
    """Points needed on each side from this layer on."""
    upsampling: int
    """Points at this layer per point of the graph's input."""


@dataclass(frozen=True, slots=True)
class ChunkShape:
    """How a graph is run on a range of its input."""

    input_name: str
    """The input that is cut into chunks. Other inputs of the same length are cut alike."""
    context: int
    """Points of the input needed on each side of a chunk."""
    trim_points: tuple[TrimPoint, ...]
    upsampling: int
    """Points of output per point of input."""


class ChunkRunner:
    """Runs a graph on ranges of its input. Thread-safe."""

    def __init__(self, shape: ChunkShape, session: Any) -> None:
        self.input_name = shape.input_name
        self.upsampling = shape.upsampling
        self.context = shape.context
        self._trim_points = shape.trim_points
        self._session = session

    def run(self, values: Mapping[str, FeatureArray], begin: int, end: int) -> FeatureArray:
        """Return the output for the points from `begin` to `end` of the input."""
        length = values[self.input_name].shape[2]
        before, after = min(begin, self.context), min(length - end, self.context)
        inputs: dict[str, Any] = {
            name: np.ascontiguousarray(value[:, :, begin - before : end + after])
            if value.ndim == 3 and value.shape[2] == length
            else value
            for name, value in values.items()
        }
        upsampling = 1
        for trim in self._trim_points:
            factor = trim.upsampling // upsampling
            before, after, upsampling = before * factor, after * factor, trim.upsampling
            inputs[trim.start_input] = np.array([max(0, before - trim.context)], np.int64)
            inputs[trim.end_input] = np.array(
                [trim.context - after if after > trim.context else _END], np.int64
            )
            before, after = min(before, trim.context), min(after, trim.context)
        factor = self.upsampling // upsampling
        (result,) = self._session.run(None, inputs)
        output: FeatureArray = result.reshape(1, -1, result.shape[-1])
        return output[:, :, before * factor : before * factor + (end - begin) * self.upsampling]


@dataclass(frozen=True, slots=True)
class ChunkPlan:
    """Consecutive ranges of frames."""

    features: tuple[range, ...]
    samples: tuple[range, ...]


@dataclass(slots=True)
class ThroughputEstimate:
    """Seconds of one thread per frame, measured while synthesizing; 0 before the first chunk."""

    features: float = 0.0
    samples: float = 0.0

    def record_features(self, frames: int, seconds: float) -> None:
        """Record the time for a chunk of features of so many frames, context included."""
        self.features = _smoothed(self.features, seconds / frames)

    def record_samples(self, frames: int, seconds: float) -> None:
        """Record the time for a chunk of samples of so many frames."""
        self.samples = _smoothed(self.samples, seconds / frames)


@dataclass(frozen=True, slots=True)
class ChunkGeometry:
    """Sizes of a voice that a plan depends on."""

    frame_seconds: float
    """Audio of one frame."""
    samples_context: int
    """Frames of features needed after a chunk of samples."""
    features_context: int
    """Frames needed on each side of a chunk of features."""


def plan_chunks(
    frames: int, geometry: ChunkGeometry, threads: int, throughput: ThroughputEstimate
) -> ChunkPlan:
    """Divide a text of so many frames into chunks."""
    lead = min(frames, _lead_frames(frames, geometry, threads, throughput))
    if frames <= SHORT_TEXT:
        # One thread computes the first chunks and the rest of its share.
        shares = _divide_evenly(0, frames, threads)
        end = shares[0].stop
        own = _ranges_to(0, (min(FIRST_CHUNK, end), min(lead, end), end))
        return ChunkPlan(tuple(shares), (*own, *shares[1:]))
    first = min(frames, lead + geometry.samples_context)
    rest = max(threads, math.ceil((frames - first) / MAX_FEATURE_CHUNK))
    # A multiple of the number of threads, so that the last chunks end at the same time.
    count = math.ceil(math.ceil((frames - lead) / MAX_CHUNK) / threads) * threads
    return ChunkPlan(
        features=(range(first), *_divide_evenly(first, frames, rest)),
        samples=(*_ranges_to(0, (FIRST_CHUNK, lead)), *_divide_evenly(lead, frames, count)),
    )


def _lead_frames(
    frames: int, geometry: ChunkGeometry, threads: int, throughput: ThroughputEstimate
) -> int:
    """Return the frames whose audio must last until the chunk after them is computed.

    That chunk needs the remaining features first. A single thread may have other texts in between.
    """
    rest = min(frames / threads, MAX_FEATURE_CHUNK) + 2 * geometry.features_context
    wait = throughput.features * rest + throughput.samples * MAX_CHUNK
    seconds = wait * (1 if threads > 1 else 2) + MAX_UNSENT_SECONDS
    minimum = MIN_LEAD if threads > 1 else MIN_LEAD_SINGLE_THREAD
    return min(MAX_LEAD, max(minimum, math.ceil(seconds / geometry.frame_seconds)))


def _smoothed(estimate: float, measured: float) -> float:
    return estimate + _SMOOTHING * (measured - estimate) if estimate else measured


def _divide_evenly(begin: int, end: int, count: int) -> list[range]:
    return _ranges_to(
        begin, [begin + (end - begin) * index // count for index in range(1, count + 1)]
    )


def _ranges_to(begin: int, ends: Sequence[int]) -> list[range]:
    """Return consecutive ranges with these ends, without empty ones."""
    return [range(start, stop) for start, stop in pairwise((begin, *ends)) if stop > start]


class OnceTask(Generic[T]):
    """A computation that is made once, by the first thread that claims it."""

    def __init__(self, compute: Callable[[], T]) -> None:
        self._compute = compute
        self._lock = threading.Lock()
        self._claimed = False
        self._done = threading.Event()
        self._result: T | None = None
        self._error: BaseException | None = None

    def run_if_unclaimed(self) -> bool:
        """Compute, unless another thread does or did; return whether it was computed here."""
        with self._lock:
            if self._claimed:
                return False
            self._claimed = True
        try:
            self._result = self._compute()
        except BaseException as err:  # noqa: BLE001  (`result` raises it)
            self._error = err
        self._done.set()
        return True

    def result(self, meanwhile: "Sequence[OnceTask[T]]" = ()) -> T:
        """Return the result, computed here if unclaimed. Raises what the computation raised.

        If another thread is computing it, one unclaimed task of `meanwhile` is computed here first.
        """
        if not self.run_if_unclaimed() and not self._done.is_set():
            any(task.run_if_unclaimed() for task in meanwhile)
            self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


class ChunkedSynthesis:
    """The audio of one text; iterate over it once."""

    def __init__(
        self,
        feature_runner: ChunkRunner,
        sample_runner: ChunkRunner,
        values: Mapping[str, FeatureArray],
        plan: ChunkPlan,
        throughput: ThroughputEstimate,
        idle_helpers: Callable[[], Submit | None],
    ) -> None:
        """Take the outputs of the text graph and the plan; `throughput` is updated.

        `idle_helpers` is called before each chunk and returns None if no helpers are free.
        """
        self._feature_runner = feature_runner
        self._sample_runner = sample_runner
        self._values = values
        self._plan = plan
        self._throughput = throughput
        self._idle_helpers = idle_helpers
        self._submitted = 0
        self._closed = False
        self._lock = threading.Lock()
        self._feature_buffer: FeatureArray | None = None
        """Features of the whole text, as far as they are computed."""
        self._feature_tasks = [
            OnceTask(partial(self._compute_features, chunk)) for chunk in plan.features
        ]
        self._sample_tasks = [
            OnceTask(partial(self._compute_samples, chunk)) for chunk in plan.samples
        ]

    def __iter__(self) -> Iterator[Samples]:
        try:
            for index, task in enumerate(self._sample_tasks):
                submit = self._idle_helpers()
                if submit is not None:
                    self._submit_ahead(index, submit)
                yield task.result(self._sample_tasks[index + 1 : index + 1 + CHUNKS_AHEAD])
        finally:
            # Tasks that helpers have not begun are no longer needed.
            self._closed = True

    def _submit_ahead(self, index: int, submit: Submit) -> None:
        """Submit the tasks after those that this thread computes next."""
        if not index:
            for features in self._feature_tasks[1:2]:
                submit(features.run_if_unclaimed)
        first, self._submitted = (
            max(self._submitted, index + OWN_CHUNKS),
            index + OWN_CHUNKS + CHUNKS_AHEAD,
        )
        for samples in self._sample_tasks[first : self._submitted]:
            submit(samples.run_if_unclaimed)

    def _compute_features(self, chunk: range) -> None:
        self._raise_if_closed()
        started = time.perf_counter()
        features = self._feature_runner.run(self._values, chunk.start, chunk.stop)
        context = self._feature_runner.context
        end = min(chunk.stop + context, self._plan.features[-1].stop)
        self._throughput.record_features(
            end - max(0, chunk.start - context), time.perf_counter() - started
        )
        factor = self._feature_runner.upsampling
        with self._lock:
            if self._feature_buffer is None:
                length = self._plan.features[-1].stop * factor
                self._feature_buffer = np.empty((1, features.shape[1], length), np.float32)
            self._feature_buffer[:, :, chunk.start * factor : chunk.stop * factor] = features

    def _compute_samples(self, chunk: range) -> Samples:
        factor = self._feature_runner.upsampling
        context = math.ceil(self._sample_runner.context / factor)
        for index, features in enumerate(self._plan.features):
            if features.start < chunk.stop + context and features.stop > chunk.start - context:
                self._feature_tasks[index].result(self._feature_tasks[index + 1 :])
        self._raise_if_closed()
        if self._feature_buffer is None:
            raise RuntimeError("No features were computed.")
        inputs = {self._sample_runner.input_name: self._feature_buffer}
        started = time.perf_counter()
        samples = self._sample_runner.run(inputs, chunk.start * factor, chunk.stop * factor)
        self._throughput.record_samples(len(chunk), time.perf_counter() - started)
        return np.ascontiguousarray(samples[0, 0])

    def _raise_if_closed(self) -> None:
        if self._closed:
            raise RuntimeError("The synthesis was closed.")
