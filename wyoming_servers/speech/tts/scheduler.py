"""Who is spoken to next, where several listeners share a voice that makes whole sentences.

Where a voice makes short stretches, its worker decides (`worker/run_queue.py`).

What has been begun must not fall silent, and a new listener should hear something soon: so whoever
has heard nothing yet goes first, but only while those who hear already stay supplied, and among
these the one goes first who runs dry first. What comes from the phrase cache takes no turn.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from wyoming_servers.core.clock import Clock

MARGIN_SECONDS: Final = 0.2
"""What is made reaches the listener so much before it is needed, if all goes as expected."""

MAX_FIRST_AUDIO_SECONDS: Final = 6.0
"""Whoever has waited so long for the first word is not held back any more for others' sake."""

MAX_FIRST_AUDIO_SECONDS_WHEN_LATE: Final = 1.0
"""The same where somebody has fallen silent all the same: the machine is too slow for all."""

_OVERHEAD: Final = 8
"""Characters that take as long as what a piece costs however short it is."""

_LEARN: Final = 0.3
"""Weight of the newest piece in what pieces are expected to cost."""


class Playback:
    """One who hears a speech, and what is still to be made for them."""

    def __init__(self, sizes: Callable[[], Sequence[int]]) -> None:
        self.sizes = sizes
        """Return the characters of each piece to be made, the next one first, as far as known."""
        self.dry_at: float | None = None
        """When all that was made has been heard; None before anything was."""
        self.heard = 0.0
        """Seconds of audio made so far."""

    def slack(self, now: float) -> float | None:
        """Return how many seconds are still to be heard; None before anything was made."""
        return None if self.dry_at is None else max(0.0, self.dry_at - now)

    def hear(self, seconds: float, now: float) -> None:
        """Note that so much more was made."""
        self.dry_at = seconds + (now if self.dry_at is None else max(now, self.dry_at))
        self.heard += seconds


@dataclass(slots=True)
class CostModel:
    """What a character takes, in seconds; learned while speaking."""

    work: float = 0.0
    """Of the whole machine. Nothing is known before the first piece, so nothing is held back."""
    audio: float = 0.065
    """Of speech."""

    def of(self, size: int) -> float:
        """Return how long the machine is expected to make a piece."""
        return self.work * (size + _OVERHEAD)

    def learn(self, size: int, work: float, audio: float) -> None:
        """Take into account what a piece has taken."""
        found = work / (size + _OVERHEAD)
        self.work += (_LEARN if self.work else 1.0) * (found - self.work)
        if audio > 0 and size > 0:
            self.audio += _LEARN * (audio / size - self.audio)


@dataclass(eq=False, slots=True)
class Ticket:
    """A piece that waits to be made, or is being made."""

    listener: Playback
    since: float
    granted: asyncio.Future[None] | None = None
    begun: float = 0.0
    together: int = 0
    """How many pieces were being made when it began, itself included; 0 while it waits."""

    @property
    def new(self) -> bool:
        """Whether its listener has heard nothing yet."""
        return self.listener.dry_at is None


def choose(
    waiting: Sequence[Ticket], running: Sequence[Ticket], lanes: int, costs: CostModel, now: float
) -> Ticket | None:
    """Return whose piece is to begin now; None if that must wait until another has ended.

    1. The last of several lanes is for whoever cannot wait: the first piece of a listener, and
       a piece whose listener is about to run dry.
    2. A first piece goes before all others if nobody runs dry for it.
    3. One that has waited too long takes turns with those who hear.
    4. Else those who hear already go, the one who runs dry first before the others.
    """
    if len(running) >= lanes:
        return None
    hearing = sorted((ask for ask in waiting if not ask.new), key=_underrun_at)
    first = next((ask for ask in waiting if ask.new), None)
    if hearing and len(running) == lanes - 1 > 0:  # 1
        dry_in = _underrun_at(hearing[0]) - now
        if dry_in > MARGIN_SECONDS + lanes * costs.of(_size(hearing[0])):
            hearing = []
    if first is None:
        return hearing[0] if hearing else None
    if meets_deadlines([*waiting, *running], lanes, costs, now, newcomer=first):  # 2
        return first
    late = any(not ask.new and _underrun_at(ask) < now for ask in (*waiting, *running))
    if now - first.since > (
        MAX_FIRST_AUDIO_SECONDS_WHEN_LATE if late else MAX_FIRST_AUDIO_SECONDS
    ):  # 3
        return hearing[0] if hearing and _underrun_at(hearing[0]) <= first.since else first
    if hearing:  # 4
        return hearing[0]
    return first if not running and all(ask.new for ask in waiting) else None


def meets_deadlines(
    asks: Iterable[Ticket], lanes: int, costs: CostModel, now: float, newcomer: Ticket | None = None
) -> bool:
    """Whether all who hear already will be in time, as far as their texts are known.

    With a newcomer: if its first piece is made before everything else, and it, too, is to hear
    the rest without a gap. The pieces are made in the order in which they are needed.
    """
    due: list[tuple[float, float]] = []
    spent = now
    for ask in asks:
        sizes = ask.listener.sizes()
        dry_at = ask.listener.dry_at
        if dry_at is None:
            # One that nobody has heard yet counts when it is the newcomer or under way.
            if ask is not newcomer and not ask.together:
                continue
            spent += costs.of(sizes[0]) if sizes else 0.0
            dry_at = spent + costs.audio * (sizes[0] if sizes else 0)
            sizes = sizes[1:]
        for index, size in enumerate(sizes):
            cost = costs.of(size)
            if ask.together and not index:
                cost = max(0.0, cost - (now - ask.begun) / ask.together)
            due.append((dry_at, cost))
            dry_at += costs.audio * size
    for needed, cost in sorted(due):
        spent += cost
        # Beside others a piece takes longer than if it had all threads.
        if spent + (cost / 2 if lanes > 1 else 0.0) + MARGIN_SECONDS > needed:
            return False
    return True


class SynthesisScheduler:
    """The turns of one model. All calls come from the event loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.parallel_runs = 1
        """How many pieces the model's worker makes at the same time."""
        self.costs = CostModel()
        self._waiting: list[Ticket] = []
        self._running: list[Ticket] = []

    @asynccontextmanager
    async def turn(self, listener: Playback) -> AsyncIterator[None]:
        """Wait until the listener's next piece is to be made; make it inside."""
        ask = Ticket(listener, self._clock.now(), asyncio.get_running_loop().create_future())
        self._waiting.append(ask)
        self._decide()
        try:
            await self._granted(ask)
            heard, size = listener.heard, _size(ask)
            yield
            took = self._clock.now() - ask.begun
            together = (ask.together + len(self._running)) / 2
            if listener.heard > heard:
                self.costs.learn(size, took / together, listener.heard - heard)
        finally:
            (self._running if ask in self._running else self._waiting).remove(ask)
            # Whoever had this turn asks for the next one before others are chosen.
            asyncio.get_running_loop().call_soon(self._decide)

    async def _granted(self, ask: Ticket) -> None:
        if ask.granted is not None:
            await ask.granted

    def _decide(self) -> None:
        """Begin whatever is to begin now."""
        while self._waiting:
            now = self._clock.now()
            ask = choose(self._waiting, self._running, self.parallel_runs, self.costs, now)
            if ask is None:
                return
            self._waiting.remove(ask)
            self._running.append(ask)
            ask.begun = now
            ask.together = len(self._running)
            if ask.granted is not None and not ask.granted.done():
                ask.granted.set_result(None)


def _underrun_at(ask: Ticket) -> float:
    return 0.0 if ask.listener.dry_at is None else ask.listener.dry_at


def _size(ask: Ticket) -> int:
    sizes = ask.listener.sizes()
    return sizes[0] if sizes else 0
