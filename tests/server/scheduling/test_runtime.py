import asyncio

import pytest

from wyoming_servers.core.domain import ModelState, Task
from wyoming_servers.core.errors import InternalError
from wyoming_servers.devices.probe import FakeDevice
from wyoming_servers.scheduling.coordinator import MEMORY_RETURN_SECONDS
from wyoming_servers.scheduling.footprint_store import InMemoryFootprintStore
from wyoming_servers.scheduling.planner import messages
from wyoming_servers.scheduling.planner.state import TimerKind
from wyoming_servers.scheduling.status import ModelUsage

GIB = 2**30


async def test_bug_in_the_planner_fails_one_request_only(world, caplog):
    world.model("a")
    world.model("b")
    await world.start()
    running = world.hold("a")
    await world.after(0)
    planner = world.coordinator._runtime.planner
    handle = planner.handle

    def broken(message, now):
        if isinstance(message, messages.LeaseRequested) and message.model == "b":
            raise KeyError("bug")
        return handle(message, now)

    planner.handle = broken
    with pytest.raises(InternalError):
        await world.use("b")
    assert "this is a bug" in caplog.text
    assert await world.use("a")
    assert running.error is None


async def test_nested_messages_are_handled_in_order(world):
    world.model("a")
    await world.start()
    runtime = world.coordinator._runtime
    handle, order = runtime.planner.handle, []

    def noting(message, now):
        order.append(type(message).__name__)
        if len(order) == 1:
            runtime.send(messages.Tick())
            order.append("still the first")
        return handle(message, now)

    runtime.planner.handle = noting
    runtime.send(messages.AcceptingSet(accepting=True))
    assert order == ["AcceptingSet", "still the first", "Tick"]


async def test_tick_is_scheduled_for_the_next_deadline(world):
    world.model("a", keep_alive=100)
    await world.start()
    await world.use("a")
    await world.after(1)
    runtime = world.coordinator._runtime
    assert runtime._tick_at <= world.clock.now() + 5
    world.coordinator.update_policy("a", keep_alive=2)
    assert runtime._tick_at == pytest.approx(world.clock.now() + 1)


async def test_memory_reading_requested_during_another_one_follows_it(world):
    world.model("a")
    await world.start()
    sample, gate, readings = world.probe.sample, asyncio.Event(), []

    async def slow(pids):
        readings.append(tuple(pids))
        await gate.wait()
        return await sample(pids)

    world.probe.sample = slow
    client = world.hold("a")
    await world.after(6)
    assert client.lease is not None
    assert len(readings) == 1
    gate.set()
    await world.after(0)
    assert len(readings) == 2
    assert world.device("cpu").committed > 0


async def test_footprints_are_saved_in_the_background_and_at_the_end(world):
    saved = []

    class Slow(InMemoryFootprintStore):
        def save(self, footprints, profiles):
            saved.append(dict(footprints))

    world.footprints = Slow()
    world.model("a")
    await world.start()
    await world.use("a")
    await world.after(1)
    await world.stop()
    assert len(saved[-1]) == 1


async def test_failing_action_does_not_abort_the_others(world, caplog):
    world.model("a")
    world.model("b")
    await world.start()
    await world.use("a")
    publish = world.bus.publish

    def fail_for_b(event):
        if getattr(event, "model", "") == "b":
            raise KeyError("bug")
        publish(event)

    world.bus.publish = fail_for_b
    assert await world.use_after("b", 1)  # no event of b can be published, yet it is served
    assert "this is a bug" in caplog.text
    world.bus.publish = publish


async def test_lease_that_cannot_be_granted_fails_its_request_and_is_returned(world, caplog):
    world.model("a", keep_alive=5)
    await world.start()
    await world.use("a")
    runtime = world.coordinator._runtime
    (supervisor,) = runtime._supervisors.values()
    supervisor.explain_error, info = None, supervisor.info
    del supervisor.info
    with pytest.raises(InternalError):
        await world.use("a")
    assert "this is a bug" in caplog.text
    supervisor.info = info
    assert world.status("a").leases == 0
    assert await world.use("a")


async def test_worker_that_cannot_be_launched_is_reported_to_the_planner(world, monkeypatch):
    world.model("a")
    await world.start()

    def broken(*args):
        raise KeyError("bug")

    monkeypatch.setattr("wyoming_servers.scheduling.runtime.WorkerSupervisor", broken)
    client = world.hold("a")
    await world.after(10)
    assert client.error is not None
    assert client.error.code == "UNKNOWN"
    assert world.status("a").state is ModelState.FAILED
    monkeypatch.undo()
    await world.coordinator.load("a")
    assert await world.use_after("a", 1)


async def test_memory_is_still_read_after_a_bug_in_the_planner(world):
    world.model("a")
    await world.start()
    handlers = type(world.coordinator._runtime.planner._handlers)
    expired, failed = handlers.timer_expired, []

    def fail_once(self, timer, now):
        if timer.kind is TimerKind.PROBE and not failed:
            failed.append(timer)
            raise KeyError("bug")
        return expired(self, timer, now)

    handlers.timer_expired = fail_once
    try:
        await world.after(6)
    finally:
        handlers.timer_expired = expired
    assert failed
    before = world.probe.samples
    await world.after(20)
    assert world.probe.samples >= before + 3


async def test_memory_returned_waits_until_a_stopping_worker_has_left(world):
    world.probe.machine["cuda:0"] = FakeDevice(8 * GIB)
    world.model("a", "cuda:0/float16", size=4)
    world.behave("a", stop_seconds=2.0)
    await world.start()
    await world.use("a")
    await world.after(1)
    await world.coordinator.unload("a")
    elsewhere = world.start_task(world.coordinator.memory_returned("cpu"))
    waiting = world.start_task(world.coordinator.memory_returned("cuda:0"))
    await world.after(1.5)
    assert elsewhere.done()
    assert not waiting.done()
    await world.after(1.5)
    assert waiting.done()
    assert world.device("cuda:0").returning == 0


async def test_memory_returned_does_not_wait_forever(world):
    world.model("a")
    world.behave("a", stop_seconds=60.0)
    await world.start()
    await world.use("a")
    await world.coordinator.unload("a")
    waiting = world.start_task(world.coordinator.memory_returned("cpu"))
    await world.after(MEMORY_RETURN_SECONDS - 0.5)
    assert not waiting.done()
    await world.after(1)
    assert waiting.done()


async def test_wait_idle_ends_with_the_last_speech_request(world):
    world.model("asr")
    world.model("wake", task=Task.WAKE)
    world.behave("asr", load_seconds=1.0)
    await world.start()
    world.hold("wake")
    assert await world.coordinator.wait_idle()
    client = world.hold("asr")
    await world.after(0)
    waiting = world.start_task(world.coordinator.wait_idle())
    await world.after(3)
    assert client.lease is not None
    assert not waiting.done()
    assert await world.coordinator.wait_idle(timeout=0) is False
    await client.release()
    await world.after(0)
    assert waiting.done()
    assert waiting.result() is True


async def test_wait_accepting_ends_when_the_operator_resumes(world):
    await world.start()
    await world.coordinator.wait_accepting()
    world.coordinator.set_accepting(False)
    waiting = world.start_task(world.coordinator.wait_accepting())
    await world.after(100)
    assert not waiting.done()
    world.coordinator.set_accepting(True)
    await world.after(0)
    assert waiting.done()


async def test_model_usage_follows_leases_and_waiting_requests(world):
    world.model("a")
    world.behave("a", load_seconds=2.0)
    await world.start()
    first = world.hold("a")
    changed = world.start_task(world.coordinator.changed())
    await world.after(0)
    assert world.coordinator.model_usage("a") == ModelUsage(leases=0, queued=1)
    assert changed.done()
    await world.after(3)
    assert world.coordinator.model_usage("a") == ModelUsage(leases=1, queued=0)
    await first.release()
    assert world.coordinator.model_usage("a") == ModelUsage()
    assert world.coordinator.model_usage("nobody") == ModelUsage()
    assert (world.coordinator.device_of("a"), world.coordinator.device_of("nobody")) == ("cpu", "")
    assert not world.coordinator.is_memory_critical()
    world.probe.machine["cpu"].others = int(15.8 * GIB)
    await world.after(6)
    assert world.coordinator.is_memory_critical()
