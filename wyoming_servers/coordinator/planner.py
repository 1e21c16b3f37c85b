"""Thinks: turns what has happened into what is to be done; waits for nothing, touches nothing.

`board` is what it knows, `lifecycle` what can happen to one instance, `scheduler` who is next;
`runtime` brings signals and carries out actions.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wyoming_servers.coordinator import signals
from wyoming_servers.coordinator.actions import Action
from wyoming_servers.coordinator.board import PlannerState
from wyoming_servers.coordinator.commands import CommandHandlers
from wyoming_servers.coordinator.deadlines import TimerHandlers
from wyoming_servers.coordinator.desk import RequestHandlers
from wyoming_servers.coordinator.face import Snapshot
from wyoming_servers.coordinator.footprints import FootprintKey
from wyoming_servers.coordinator.ledger import Ledger
from wyoming_servers.coordinator.lifecycle import Lifecycle
from wyoming_servers.coordinator.news import WorkerEventHandlers
from wyoming_servers.coordinator.policy import SchedulingPolicy
from wyoming_servers.coordinator.scheduler import Scheduler
from wyoming_servers.coordinator.views import build_snapshot
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
        policy: SchedulingPolicy,
        jitter: Callable[[], float],
        footprints: Mapping[FootprintKey, int] | None = None,
    ) -> None:
        """Begin with these models and devices; `jitter` draws a number from 0 to 1."""
        self.state = PlannerState(policy, jitter, footprints or {})
        self._lifecycle = Lifecycle(self.state)
        self._scheduler = Scheduler(self.state, self._lifecycle)
        self._deadlines = TimerHandlers(self.state, self._lifecycle)
        desk = RequestHandlers(self.state, self._lifecycle)
        commands = CommandHandlers(self.state, self._lifecycle, self._scheduler)
        news = WorkerEventHandlers(self.state, self._lifecycle, self._scheduler)
        self._handlers: Mapping[type[signals.PlannerMessage], Handler] = {
            signals.Tick: self._tick,
            signals.LeaseRequested: desk.lease_requested,
            signals.LeaseEnded: desk.lease_ended,
            signals.PrefetchRequested: desk.prefetch_requested,
            signals.PreloadRequested: commands.preload_requested,
            signals.LoadRequested: commands.load_requested,
            signals.UnloadRequested: commands.unload_requested,
            signals.AddModelRequested: commands.add_model_requested,
            signals.RemoveModelRequested: commands.remove_model_requested,
            signals.PolicyUpdated: commands.policy_updated,
            signals.AcceptingSet: commands.accepting_set,
            signals.ShutdownRequested: commands.shutdown_requested,
            signals.WorkerStarted: news.worker_started,
            signals.WorkerProgressed: news.worker_progressed,
            signals.WorkerReady: news.worker_ready,
            signals.WorkerExited: news.worker_exited,
            signals.RunFailed: news.run_failed,
            signals.PingAnswered: news.ping_answered,
            signals.MemorySampled: news.memory_sampled,
        }
        for device in devices:
            self.state.ledgers[device.id] = Ledger(device, policy)
        for spec in specs:
            self.state.set_spec(spec)

    def handle(self, signal: signals.PlannerMessage, now: float) -> list[Action]:
        """Decide what one signal changes; no I/O, no clock, no logging.

        A lease request ends in exactly one of: granted, rejected, or ended by whoever asked.
        1. Whatever is due by `now` happens first, in the order of time.
        2. The signal itself changes what it is about.
        3. If that may matter to those who wait, the scheduler goes through them.
        4. The outside is told of every state that looks different from before.
        """
        board = self.state
        matters = False
        while timer := board.timers.pop_due(now):  # 1
            matters |= self._deadlines.timer_expired(timer, now)
        matters |= self._handlers[type(signal)](signal, now)  # 2
        if matters:
            self._scheduler.run(now)  # 3
        if matters or board.actions:
            self._lifecycle.publish_state_changes()  # 4
        actions, board.actions = board.actions, []
        return actions

    def next_deadline(self) -> float | None:
        """Return when `handle` wants a Tick; None if there is nothing to wait for."""
        return self.state.timers.next_due()

    def snapshot(self, now: float, wall: float) -> Snapshot:
        """Return what the outside may see; `wall` is `now` in seconds since 1970."""
        return build_snapshot(self.state, now, wall)

    def _tick(self, tick: signals.Tick, now: float) -> bool:
        return False
