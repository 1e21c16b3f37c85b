import asyncio

import pytest

from wyoming_servers.core.errors import InternalError
from wyoming_servers.scheduling.planner import messages


async def test_a_bug_in_the_planner_ends_one_request_and_no_other(world, caplog):
    world.model("a")
    world.model("b")
    await world.start()
    running = world.hold("a")
    await world.after(0)
    planner = world.coordinator._runtime.planner
    handle = planner.handle

    def broken(signal, now):
        if isinstance(signal, messages.LeaseRequested) and signal.model == "b":
            raise KeyError("bug")
        return handle(signal, now)

    planner.handle = broken
    with pytest.raises(InternalError):
        await world.use("b")
    assert "this is a bug" in caplog.text
    assert await world.use("a")
    assert running.error is None


async def test_signals_told_from_within_wait_for_their_turn(world):
    world.model("a")
    await world.start()
    runtime = world.coordinator._runtime
    handle, order = runtime.planner.handle, []

    def noting(signal, now):
        order.append(type(signal).__name__)
        if len(order) == 1:
            runtime.tell(messages.Tick())
            order.append("still the first")
        return handle(signal, now)

    runtime.planner.handle = noting
    runtime.tell(messages.AcceptingSet(accepting=True))
    assert order == ["AcceptingSet", "still the first", "Tick"]


async def test_an_alarm_is_set_for_the_next_deadline_and_moved_when_it_comes_nearer(world):
    world.model("a", keep_alive=100)
    await world.start()
    await world.use("a")
    await world.after(1)
    runtime = world.coordinator._runtime
    assert runtime._alarm_at <= world.clock.now() + 5
    world.coordinator.update_policy("a", keep_alive=2)
    assert runtime._alarm_at == pytest.approx(world.clock.now() + 1)


async def test_a_reading_wanted_while_one_is_under_way_follows_it(world):
    world.model("a")
    await world.start()
    sample, gate, asked = world.probe.sample, asyncio.Event(), []

    async def slow(pids):
        asked.append(tuple(pids))
        await gate.wait()
        return await sample(pids)

    world.probe.sample = slow
    client = world.hold("a")
    await world.after(6)
    assert client.lease is not None
    assert len(asked) == 1
    gate.set()
    await world.after(0)
    assert len(asked) == 2
    assert world.device("cpu").committed > 0


async def test_a_store_that_is_slow_delays_nobody_and_is_waited_for_at_the_end(world):
    saved = []

    class Slow:
        def load(self):
            return {}

        def save(self, footprints):
            saved.append(dict(footprints))

    world.footprints = Slow()
    world.model("a")
    await world.start()
    await world.use("a")
    await world.after(1)
    await world.stop()
    assert len(saved[-1]) == 1
