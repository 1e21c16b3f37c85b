"""Background work waits for live voice requests."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from wyoming_servers.core.aio import cancel_and_wait
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import RequestFinished, SpeechStarted
from wyoming_servers.jobs.throttle import MAX_WAIT_SECONDS, QUIET_SECONDS, LiveTrafficGate
from wyoming_servers.speech.fake import FakeCoordinator


class JumpingClock(FakeClock):
    """A clock whose wall-clock time can be set."""

    wall_offset = 0.0

    def wall(self) -> float:
        return super().wall() + self.wall_offset


@pytest.fixture
def clock() -> JumpingClock:
    return JumpingClock()


@pytest.fixture
async def gate(
    coordinator: FakeCoordinator, bus: EventBus, clock: JumpingClock
) -> AsyncIterator[LiveTrafficGate]:
    gate = LiveTrafficGate(coordinator, bus, clock)
    task = asyncio.create_task(gate.run())
    await clock.run_ready_tasks()
    yield gate
    assert await cancel_and_wait(task) is None


async def seconds_of_wait(gate: LiveTrafficGate, clock: FakeClock) -> float:
    """Return how long the gate stays closed; infinite if longer than two minutes."""
    task = asyncio.create_task(gate.wait())
    start = clock.now()
    await clock.run_ready_tasks()
    while not task.done() and clock.now() - start < 120:
        await clock.advance(0.1)
    if not task.done():
        await cancel_and_wait(task)
        return float("inf")
    return clock.now() - start


async def test_gate_is_open_without_live_traffic(gate, clock) -> None:
    assert await seconds_of_wait(gate, clock) == 0.0


async def test_gate_opens_when_live_requests_have_ended(gate, clock, coordinator) -> None:
    coordinator.serving_speech = True
    task = asyncio.create_task(gate.wait())
    await clock.advance(5)
    assert not task.done()
    coordinator.serving_speech = False
    coordinator.notify_changed()
    await clock.run_ready_tasks()
    assert task.done()


async def test_gate_waits_for_a_quiet_time_after_live_activity(gate, clock, bus) -> None:
    bus.publish(SpeechStarted(client="c"))
    assert await seconds_of_wait(gate, clock) == pytest.approx(QUIET_SECONDS, abs=0.11)


async def test_gate_ignores_wake_word_requests(gate, clock, bus) -> None:
    bus.publish(RequestFinished(kind="wake", model="m", client="c", seconds=1.0))
    assert await seconds_of_wait(gate, clock) == 0.0


async def test_gate_opens_after_the_longest_wait(gate, clock, coordinator) -> None:
    coordinator.serving_speech = True
    assert await seconds_of_wait(gate, clock) == pytest.approx(MAX_WAIT_SECONDS, abs=0.11)


async def test_gate_stays_closed_while_the_server_is_paused(gate, clock, coordinator) -> None:
    coordinator.set_accepting(False)
    assert await seconds_of_wait(gate, clock) == float("inf")


@pytest.mark.parametrize("jump", [-3_600.0, 3_600.0])
async def test_gate_is_not_affected_by_a_jump_of_the_wall_clock(gate, clock, bus, jump) -> None:
    bus.publish(SpeechStarted(client="c"))
    await clock.run_ready_tasks()
    clock.wall_offset = jump
    assert await seconds_of_wait(gate, clock) == pytest.approx(QUIET_SECONDS, abs=0.11)


async def test_gate_asks_for_no_snapshot(gate, clock, coordinator) -> None:
    coordinator.snapshot = None
    coordinator.serving_speech = True
    assert await seconds_of_wait(gate, clock) == pytest.approx(MAX_WAIT_SECONDS, abs=0.11)
