"""Thinks: turns what has happened into what is to be done; waits for nothing, touches nothing.

`board` is what it knows, `lifecycle` what can happen to one instance, `scheduler` who is next;
`runtime` brings signals and carries out actions.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.devices.probe import Device
from wyoming_servers.scheduling.footprint_store import FootprintKey
from wyoming_servers.scheduling.interface import Snapshot
from wyoming_servers.scheduling.planner import messages
from wyoming_servers.scheduling.planner.actions import Action
from wyoming_servers.scheduling.planner.handlers import (
    CommandHandlers,
    RequestHandlers,
    TimerHandlers,
    WorkerEventHandlers,
)
from wyoming_servers.scheduling.planner.ledger import Ledger
from wyoming_servers.scheduling.planner.lifecycle import Lifecycle
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy
from wyoming_servers.scheduling.planner.scheduler import Scheduler
from wyoming_servers.scheduling.planner.snapshot import build_snapshot
from wyoming_servers.scheduling.planner.state import PlannerState

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
        self._handlers: Mapping[type[messages.PlannerMessage], Handler] = {
            messages.Tick: self._tick,
            messages.LeaseRequested: desk.lease_requested,
            messages.LeaseEnded: desk.lease_ended,
            messages.PrefetchRequested: desk.prefetch_requested,
            messages.PreloadRequested: commands.preload_requested,
            messages.LoadRequested: commands.load_requested,
            messages.UnloadRequested: commands.unload_requested,
            messages.AddModelRequested: commands.add_model_requested,
            messages.RemoveModelRequested: commands.remove_model_requested,
            messages.PolicyUpdated: commands.policy_updated,
            messages.AcceptingSet: commands.accepting_set,
            messages.ShutdownRequested: commands.shutdown_requested,
            messages.WorkerStarted: news.worker_started,
            messages.WorkerProgressed: news.worker_progressed,
            messages.WorkerReady: news.worker_ready,
            messages.WorkerExited: news.worker_exited,
            messages.RunFailed: news.run_failed,
            messages.PingAnswered: news.ping_answered,
            messages.MemorySampled: news.memory_sampled,
        }
        for device in devices:
            self.state.ledgers[device.id] = Ledger(device, policy)
        for spec in specs:
            self.state.set_spec(spec)

    def handle(self, signal: messages.PlannerMessage, now: float) -> list[Action]:
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

    def _tick(self, tick: messages.Tick, now: float) -> bool:
        return False
