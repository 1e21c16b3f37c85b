"""What workers and the memory probe tell the planner."""

from wyoming_servers.coordinator import signals
from wyoming_servers.coordinator.board import PlannerState
from wyoming_servers.coordinator.eviction import choose_victims
from wyoming_servers.coordinator.instance import Instance
from wyoming_servers.coordinator.ledger import Ledger
from wyoming_servers.coordinator.lifecycle import Lifecycle
from wyoming_servers.coordinator.pressure import MemoryPressure, pressure_level
from wyoming_servers.coordinator.recovery import DEVICE_LOST, OOM, RecoveryAction
from wyoming_servers.coordinator.scheduler import Scheduler
from wyoming_servers.coordinator.states import InstanceState
from wyoming_servers.coordinator.timers import TimerKind, TimerKey
from wyoming_servers.devices.probe import Device
from wyoming_servers.events import ModelLoaded, PressureChanged


class WorkerEventHandlers:
    """Takes reports; each method tells whether that matters to those who wait.

    News of a process that is not the instance's present one are late, and change nothing.
    """

    def __init__(self, board: PlannerState, lifecycle: Lifecycle, scheduler: Scheduler) -> None:
        self._board = board
        self._lifecycle = lifecycle
        self._scheduler = scheduler

    def worker_started(self, started: signals.WorkerStarted, now: float) -> bool:
        if instance := self._current(started):
            self._lifecycle.on_worker_started(instance, started.pid)
        return False

    def worker_progressed(self, moved: signals.WorkerProgressed, now: float) -> bool:
        if (instance := self._current(moved)) and instance.state is InstanceState.LOADING:
            self._lifecycle.on_load_progress(instance, moved.phase, moved.percent)
        return False

    def worker_ready(self, ready: signals.WorkerReady, now: float) -> bool:
        instance = self._current(ready)
        if instance is None or instance.state is not InstanceState.LOADING or instance.kill_reason is not None:
            return False  # it was told to stop, or is being killed, in the meantime
        instance.info = ready.info
        self._lifecycle.on_worker_ready(instance, ready.seconds, now)
        return True

    def worker_exited(self, gone: signals.WorkerExited, now: float) -> bool:
        instance = self._current(gone)
        if instance is None or not instance.alive:
            return False
        self._lifecycle.on_worker_exit(instance, gone.code, gone.message, now)
        return True

    def run_failed(self, fault: signals.RunFailed, now: float) -> bool:
        """A run on a living worker tells of its device.

        1. The device is lost: the process is of no use any more.
        2. Out of memory: unload everything idle there; the second time, and if there is a lesser
           placement, go there once the leases have ended.
        """
        instance = self._current(fault)
        if instance is None or not instance.usable:
            return False
        if fault.code == DEVICE_LOST:  # 1
            self._lifecycle.kill(instance, fault.code, fault.message)
        elif fault.code == OOM:  # 2
            if self._scheduler.has_fallback(instance, now):
                verdict = self._board.failures.record_run_oom(instance.key, now)
            else:
                verdict = RecoveryAction.EVICT_IDLE_AND_RETRY
            if verdict is RecoveryAction.USE_FALLBACK:
                self._lifecycle.request_stop(instance, "out of memory", now)
            else:
                self._lifecycle.evict_idle_on_device(instance, now)
        return True

    def ping_answered(self, pong: signals.PingAnswered, now: float) -> bool:
        if instance := self._current(pong):
            instance.missed_pings = 0
        return False

    def memory_sampled(self, probed: signals.MemorySampled, now: float) -> bool:
        """Take in how much memory there is and who holds it."""
        board = self._board
        for device, reading in probed.sample.readings.items():
            ledger = board.ledgers.get(device)
            if ledger is None:
                ledger = Ledger(Device(device, device, reading.total), board.policy)
                board.ledgers[device] = ledger
            ledger.update(reading)
            self._update_pressure(ledger, now)
        for device, ledger in board.ledgers.items():
            if device not in probed.sample.readings:
                ledger.mark_missing()
        for instance in list(board.instances()):
            serving = instance.state in (InstanceState.READY, InstanceState.DRAINING)
            if serving and instance.ready_at is not None and instance.ready_at <= probed.started_at:
                self._commit(instance)
        board.timers.set(TimerKey(TimerKind.PROBE), now + self._scheduler.probe_interval())
        return True

    def _commit(self, instance: Instance) -> None:
        """Book what the last reading says it holds; the first time, tell that it is loaded."""
        board = self._board
        ledger = board.ledgers[instance.key.device]
        measured = ledger.measure(instance.key)
        first = instance.memory_bytes == 0
        if measured is None and not first:
            return
        size = measured if measured is not None else ledger.size_of(instance.key)
        ledger.commit(instance.key, size)
        instance.memory_bytes = max(instance.memory_bytes, size)
        if measured is not None:
            instance.measured = True
            if size > board.footprints.get(instance.key.footprint_key, 0):
                board.save_footprint(instance.key.footprint_key, size)
        if first:
            board.publish(
                ModelLoaded(
                    **instance.event_fields, seconds=instance.load_seconds or 0.0, memory_bytes=size
                )
            )

    def _update_pressure(self, ledger: Ledger, now: float) -> None:
        """Tell when a device becomes full; when it is, give back what models hold too much of."""
        fraction = ledger.used / ledger.total if ledger.total else 0.0
        level = pressure_level(ledger.pressure, fraction)
        if level is not ledger.pressure:
            ledger.pressure = level
            self._board.publish(
                PressureChanged(device=ledger.device, level=level.value, used_fraction=fraction)
            )
        excess = ledger.promised - ledger.budget - self._board.bytes_being_freed(ledger.device)
        if level is MemoryPressure.CRITICAL and excess > 0:
            idle = [i for i in self._board.instances() if self._evictable(i, ledger)]
            candidates = [self._lifecycle.eviction_candidate(i, now) for i in idle]
            for victim in choose_victims(candidates, excess) or candidates:
                self._lifecycle.evict(
                    self._board.models[victim.key.model].instances[victim.key.placement], "", now
                )

    def _evictable(self, instance: Instance, ledger: Ledger) -> bool:
        return self._lifecycle.is_evictable(instance, ledger.device)

    def _current(self, news: signals.WorkerMessage) -> Instance | None:
        return self._board.current_instance(news.key, news.generation)
