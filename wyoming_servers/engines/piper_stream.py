"""One text's sound on its way, stretch by stretch, by one thread or by several."""

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Final, Generic, TypeVar

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.engines.piper_plan import Pace, Plan
from wyoming_servers.engines.piper_stretch import StretchRunner, Values

T = TypeVar("T")

Help = Callable[[Callable[[], object]], object]
"""Has another thread do something in a while."""

OWN: Final = 3
"""Stretches of sound from the present one on that are left to the text's own thread: the first two
are short, and a share of a short text is the third."""

AHEAD: Final = 2
"""Stretches of sound that other threads may make before they are needed. More would keep those who
come meanwhile waiting."""


class Task(Generic[T]):
    """Something to be made once, by whoever comes first."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._taken = False
        self._done = threading.Event()
        self._result: T | None = None
        self._error: BaseException | None = None

    def work(self) -> bool:
        """Make it, unless somebody else does or did; return whether it was made here."""
        with self._lock:
            if self._taken:
                return False
            self._taken = True
        try:
            self._result = self._make()
        except BaseException as err:  # noqa: BLE001  (whoever asks for the result is told)
            self._error = err
        self._done.set()
        return True

    def result(self, meanwhile: "Sequence[Task[T]]" = ()) -> T:
        """Return it, made here if nobody else has begun; raises what making it raised.

        While another thread is at it, something of `meanwhile` is made here.
        """
        if not self.work() and not self._done.is_set():
            any(task.work() for task in meanwhile)
            self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


class Stream:
    """The sound of one text; iterate over it once."""

    def __init__(
        self,
        frames: StretchRunner,
        samples: StretchRunner,
        values: Mapping[str, Values],
        plan: Plan,
        pace: Pace,
        help_: Callable[[], Help | None],
    ) -> None:
        """Take what the text has become, how it is to be cut, and where to note what it takes.

        `help_` is asked before each stretch for other threads: None if there are none to spare.
        """
        self._frames = frames
        self._samples = samples
        self._values = values
        self._plan = plan
        self._pace = pace
        self._help = help_
        self._offered = 0
        self._over = False
        self._lock = threading.Lock()
        self._row: Values | None = None
        """The features, as far as they were made."""
        self._features = [Task(partial(self._make_features, part)) for part in plan.features]
        self._sounds = [Task(partial(self._make_sound, part)) for part in plan.samples]

    def __iter__(self) -> Iterator[Samples]:
        try:
            for index, sound in enumerate(self._sounds):
                help_ = self._help()
                if help_ is not None:
                    self._offer(index, help_)
                yield sound.result(self._sounds[index + 1 : index + 1 + AHEAD])
        finally:
            # What other threads have not begun by now, nobody needs.
            self._over = True

    def _offer(self, index: int, help_: Help) -> None:
        """Let other threads make what comes behind the next sounds, which are made here, too."""
        if not index:
            for features in self._features[1:2]:
                help_(features.work)
        first, self._offered = max(self._offered, index + OWN), index + OWN + AHEAD
        for sound in self._sounds[first : self._offered]:
            help_(sound.work)

    def _make_features(self, part: range) -> None:
        self._check()
        begun = time.perf_counter()
        found = self._frames.run(self._values, part.start, part.stop)
        around = self._frames.margin
        end = min(part.stop + around, self._plan.features[-1].stop)
        self._pace.learn_features(end - max(0, part.start - around), time.perf_counter() - begun)
        factor = self._frames.factor
        with self._lock:
            if self._row is None:
                length = self._plan.features[-1].stop * factor
                self._row = np.empty((1, found.shape[1], length), np.float32)
            self._row[:, :, part.start * factor : part.stop * factor] = found

    def _make_sound(self, part: range) -> Samples:
        factor = self._frames.factor
        margin = math.ceil(self._samples.margin / factor)
        for index, features in enumerate(self._plan.features):
            if features.start < part.stop + margin and features.stop > part.start - margin:
                self._features[index].result(self._features[index + 1 :])
        self._check()
        if self._row is None:
            raise RuntimeError("There are no features.")
        given = {self._samples.given: self._row}
        begun = time.perf_counter()
        found = self._samples.run(given, part.start * factor, part.stop * factor)
        self._pace.learn_samples(len(part), time.perf_counter() - begun)
        return np.ascontiguousarray(found[0, 0])

    def _check(self) -> None:
        if self._over:
            raise RuntimeError("The text is over.")
