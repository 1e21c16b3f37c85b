"""The planner: turns messages into actions; no I/O, no clock, no waiting."""

from collections.abc import Callable, Iterable, Mapping

from wyoming_servers.core.domain import ModelSpec, Task
from wyoming_servers.devices.probe import Device
from wyoming_servers.scheduling.planner import messages
from wyoming_servers.scheduling.planner.actions import Action
from wyoming_servers.scheduling.planner.handlers import MessageHandlers
from wyoming_servers.scheduling.planner.instance import FootprintKey, LoadProfile
from wyoming_servers.scheduling.planner.ledger import Ledger, MemoryPressure
from wyoming_servers.scheduling.planner.lifecycle import Lifecycle
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy
from wyoming_servers.scheduling.planner.scheduler import Scheduler
from wyoming_servers.scheduling.planner.snapshot import build_snapshot, main_instance
from wyoming_servers.scheduling.planner.state import PlannerState, TimerKey, TimerKind
from wyoming_servers.scheduling.status import ModelUsage, Snapshot


class Planner:
    """Decides which model may hold memory. Messages go in by `handle`, actions come out."""

    def __init__(
        self,
        specs: Iterable[ModelSpec],
        devices: Iterable[Device],
        policy: SchedulingPolicy,
        jitter: Callable[[], float],
        footprints: Mapping[FootprintKey, int] | None = None,
        load_profiles: Mapping[FootprintKey, LoadProfile] | None = None,
    ) -> None:
        """Begin with these models and devices; `jitter` returns a random number from 0 to 1."""
        self.state = PlannerState(policy, jitter, footprints or {}, load_profiles or {})
        self._lifecycle = Lifecycle(self.state)
        self._scheduler = Scheduler(self.state, self._lifecycle)
        self._handlers = MessageHandlers(self.state, self._lifecycle, self._scheduler)
        for device in devices:
            self.state.ledgers[device.id] = Ledger(device, policy)
        for spec in specs:
            self.state.set_spec(spec)

    def handle(self, message: messages.PlannerMessage, now: float) -> list[Action]:
        """Return what follows from one message; the time never goes back.

        A lease request ends in exactly one of: granted, rejected, or ended by the client.
        1. Timers that have expired by `now` are handled first, in the order of their times.
        2. The message is handled.
        3. If pending loads may be affected, the scheduler goes through them.
        4. Changes of public states are published.
        """
        state = self.state
        run_scheduler = False
        while timer := state.timers.pop_due(now):  # 1
            run_scheduler |= self._handlers.timer_expired(timer, now)
        run_scheduler |= self._handlers.handle(message, now)  # 2
        if state.has_new_limits:
            state.update_unfit()
        if run_scheduler:
            self._scheduler.run(now)  # 3
        if state.has_new_limits:
            state.update_unfit()
        if state.has_transitions:
            self._lifecycle.publish_state_changes()  # 4
        return self._take_actions()

    def recover(self, now: float) -> list[Action]:
        """Return what was decided before `handle` raised, and keep memory readings scheduled."""
        timer = TimerKey(TimerKind.PROBE)
        if self.state.timers.due_at(timer) is None:
            self.state.timers.set(timer, now + self.state.policy.probe_interval)
        return self._take_actions()

    def next_deadline(self) -> float | None:
        """Return the time at which `handle` needs a Tick; None if no timer is set."""
        return self.state.timers.next_due()

    # Queries

    def snapshot(self, now: float, wall: float) -> Snapshot:
        """Return the public state; `wall` is `now` in seconds since 1970."""
        return build_snapshot(self.state, now, wall)

    def model_usage(self, model: str) -> ModelUsage:
        """Return the leases and waiting requests of one model; zero if it is unknown."""
        record = self.state.models.get(model)
        if record is None:
            return ModelUsage()
        load = self.state.queue.loads.get(model)
        return ModelUsage(
            leases=sum(len(instance.leases) for instance in record.instances.values()),
            queued=len(load.requests) if load is not None else 0,
        )

    def device_of(self, model: str) -> str:
        """Return the device on which a model is loaded or will be; empty if it is unknown."""
        record = self.state.models.get(model)
        return main_instance(record).key.device if record is not None else ""

    def is_serving_speech(self) -> bool:
        """Return whether a request for speech-to-text or text-to-speech is served or waits.

        Wake word models are leased all the time, by clients that wait for nothing.
        """
        return any(
            self.state.queue.waiting(name)
            or any(instance.leases for instance in record.instances.values())
            for name, record in self.state.models.items()
            if record.spec.task is not Task.WAKE
        )

    def is_memory_critical(self) -> bool:
        """Return whether any device is under critical memory pressure."""
        return any(
            ledger.pressure is MemoryPressure.CRITICAL for ledger in self.state.ledgers.values()
        )

    def is_freeing_memory(self, device: str) -> bool:
        """Return whether memory of a device is about to become free."""
        ledger = self.state.ledgers.get(device)
        return ledger is not None and self.state.bytes_being_freed(device) > 0

    def _take_actions(self) -> list[Action]:
        actions, self.state.actions = self.state.actions, []
        return actions
