"""Which run goes next where somebody listens: who runs dry first, and who has heard nothing yet."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from wyoming_servers.audio.chunk import HELD_SECONDS
from wyoming_servers.worker.order import Order
from wyoming_servers.worker.work import Work

PATIENCE_SECONDS: Final = 3.0
"""Whoever has waited so long for the first word is treated as if to run dry now, though others may
fall silent: the machine is too slow for all."""

SPARE_SECONDS: Final = 0.05
"""What is made reaches the listener so much before it is needed, if all goes as expected."""

_STEPS: Final = 200
"""A step is expected to take as long as the longest of so many: some of each text are long."""


class PlayoutOrder(Order):
    """The runs of a voice that can do something.

    Among runs of equal priority those who hear already must not fall silent: as soon as one of them
    would, were all made in the order in which they run dry, the first of them goes. Else whoever
    has heard nothing yet goes, and then the one who runs dry first.
    """

    def __init__(self, now: Callable[[], float], lanes: int = 1) -> None:
        """Take a clock that counts seconds, and how many steps are made at once."""
        super().__init__()
        self._now = now
        self._lanes = lanes
        self._waiting: list[Work] = []
        self._steps: deque[float] = deque([0.0], maxlen=_STEPS)
        """Seconds that steps took which made something."""

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, work: Work) -> None:
        """Let a run wait for its turn, if it can do something."""
        if work.queued or work.over or work.next is None:
            return
        now = self._now()
        if work.came is None:
            work.came = now
            slack = work.request.get("slack")
            if isinstance(slack, int | float):
                work.dry_at = now + slack
        work.queued = True
        self._waiting.append(work)

    def take(self) -> Work | None:
        """Take the most urgent run."""
        self._waiting = [work for work in self._waiting if not work.over]
        if not self._waiting:
            return None
        now = self._now()
        highest = max(work.priority for work in self._waiting)
        work = self._choose([work for work in self._waiting if work.priority == highest], now)
        self._waiting.remove(work)
        work.queued = False
        work.taken = now
        return work

    def heard(self, work: Work, seconds: float) -> None:
        """Note that a step has made so much more."""
        now = self._now()
        self._steps.append(now - work.taken)
        if work.dry_at is None:
            work.dry_at = now + max(0.0, seconds - HELD_SECONDS)
        else:
            work.dry_at = max(now, work.dry_at) + seconds

    def _choose(self, runs: Sequence[Work], now: float) -> Work:
        """Return whose turn it is.

        1. Those who hear, the one who runs dry first before the others, if one would be late.
        2. Whoever came first of those who have heard nothing.
        3. Whoever runs dry first.
        """
        due = sorted((_due(work, now), work.turn, work) for work in runs if not _new(work, now))
        # Steps that have begun are ended first; then so many are made at a time.
        step = max(self._steps)
        late = any(
            dry_at < now + SPARE_SECONDS + step * (1 + (place + 1) / self._lanes)
            for place, (dry_at, _, _) in enumerate(due)
        )
        new = [work for work in runs if _new(work, now)]
        if new and not late:
            return min(new, key=lambda work: work.turn)
        return due[0][2]


def _new(work: Work, now: float) -> bool:
    """Whether a run's listener has heard nothing, and has not waited too long for it."""
    return work.dry_at is None and now - (work.came or now) < PATIENCE_SECONDS


def _due(work: Work, now: float) -> float:
    return now if work.dry_at is None else work.dry_at
