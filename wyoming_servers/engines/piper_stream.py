"""One text's sound on its way, stretch by stretch, by one thread or by several."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Generic, TypeVar

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.engines.piper_plan import ThroughputEstimate, ChunkPlan
from wyoming_servers.engines.piper_stretch import ChunkRunner, FeatureArray

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
        self._feature_tasks = [OnceTask(partial(self._compute_features, part)) for part in plan.features]
        self._sample_tasks = [OnceTask(partial(self._compute_samples, part)) for part in plan.samples]

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
        first, self._submitted = max(self._submitted, index + OWN_CHUNKS), index + OWN_CHUNKS + CHUNKS_AHEAD
        for sound in self._sample_tasks[first : self._submitted]:
            help_(sound.run_if_unclaimed)

    def _compute_features(self, part: range) -> None:
        self._raise_if_closed()
        begun = time.perf_counter()
        found = self._feature_runner.run(self._values, part.start, part.stop)
        around = self._feature_runner.context
        end = min(part.stop + around, self._plan.features[-1].stop)
        self._throughput.record_features(end - max(0, part.start - around), time.perf_counter() - begun)
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
