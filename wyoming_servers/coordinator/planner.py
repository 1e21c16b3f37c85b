"""Thinks: turns what has happened into what is to be done; waits for nothing, touches nothing.

`board` is what it knows, `lifecycle` what can happen to one instance, `scheduler` who is next;
`runtime` brings signals and carries out actions.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wyoming_servers.coordinator import signals
from wyoming_servers.coordinator.actions import Action
from wyoming_servers.coordinator.board import Board
from wyoming_servers.coordinator.commands import Commands
from wyoming_servers.coordinator.deadlines import Deadlines
from wyoming_servers.coordinator.desk import Desk
from wyoming_servers.coordinator.face import Snapshot
from wyoming_servers.coordinator.footprints import FootprintKey
from wyoming_servers.coordinator.ledger import Ledger
from wyoming_servers.coordinator.lifecycle import Lifecycle
from wyoming_servers.coordinator.news import News
from wyoming_servers.coordinator.policy import Policy
from wyoming_servers.coordinator.scheduler import Scheduler
from wyoming_servers.coordinator.views import view
from wyoming_servers.devices.probe import Device
from wyoming_servers.domain import ModelSpec

Handler = Callable[[Any, float], bool]
"""Takes a signal and the time; returns whether the scheduler has to look at what changed."""


class Planner:
    """Decides who may hold memory. Its only way in is `handle`, its only way out the actions."""

    def __init__(
        self,
        specs: Iterable[ModelSpec],
        devices: Iterable[Device],
        policy: Policy,
        jitter: Callable[[], float],
        footprints: Mapping[FootprintKey, int] | None = None,
    ) -> None:
        """Begin with these models and devices; `jitter` draws a number from 0 to 1."""
        self.board = Board(policy, jitter, footprints or {})
        self._lifecycle = Lifecycle(self.board)
        self._scheduler = Scheduler(self.board, self._lifecycle)
        self._deadlines = Deadlines(self.board, self._lifecycle)
        desk = Desk(self.board, self._lifecycle)
        commands = Commands(self.board, self._lifecycle, self._scheduler)
        news = News(self.board, self._lifecycle, self._scheduler)
        self._handlers: Mapping[type[signals.Signal], Handler] = {
            signals.Tick: self._tick,
            signals.LeaseRequested: desk.lease_requested,
            signals.LeaseEnded: desk.lease_ended,
            signals.PrefetchAsked: desk.prefetch_asked,
            signals.PreloadAsked: commands.preload_asked,
            signals.LoadAsked: commands.load_asked,
            signals.UnloadAsked: commands.unload_asked,
            signals.ModelAdded: commands.model_added,
            signals.ModelRemoved: commands.model_removed,
            signals.PolicyUpdated: commands.policy_updated,
            signals.AcceptingSet: commands.accepting_set,
            signals.StopAsked: commands.stop_asked,
            signals.WorkerStarted: news.worker_started,
            signals.WorkerProgressed: news.worker_progressed,
            signals.WorkerReady: news.worker_ready,
            signals.WorkerGone: news.worker_gone,
            signals.RunFaulted: news.run_faulted,
            signals.PingAnswered: news.ping_answered,
            signals.Probed: news.probed,
        }
        for device in devices:
            self.board.ledgers[device.id] = Ledger(device, policy)
        for spec in specs:
            self.board.set_spec(spec)

    def handle(self, signal: signals.Signal, now: float) -> list[Action]:
        """Decide what one signal changes; no I/O, no clock, no logging.

        A lease request ends in exactly one of: granted, rejected, or ended by whoever asked.
        1. Whatever is due by `now` happens first, in the order of time.
        2. The signal itself changes what it is about.
        3. If that may matter to those who wait, the scheduler goes through them.
        4. The outside is told of every state that looks different from before.
        """
        board = self.board
        matters = False
        while timer := board.timers.pop_due(now):  # 1
            matters |= self._deadlines.due(timer, now)
        matters |= self._handlers[type(signal)](signal, now)  # 2
        if matters:
            self._scheduler.run(now)  # 3
        if matters or board.actions:
            self._lifecycle.tell()  # 4
        actions, board.actions = board.actions, []
        return actions

    def next_deadline(self) -> float | None:
        """Return when `handle` wants a Tick; None if there is nothing to wait for."""
        return self.board.timers.next()

    def snapshot(self, now: float, wall: float) -> Snapshot:
        """Return what the outside may see; `wall` is `now` in seconds since 1970."""
        return view(self.board, now, wall)

    def _tick(self, tick: signals.Tick, now: float) -> bool:
        return False
