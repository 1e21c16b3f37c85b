"""Half an hour of random clients on a machine that is too small, with faults, in made-up time."""

import random
from collections import Counter

import pytest

from wyoming_servers.core.domain import Task
from wyoming_servers.core.errors import (
    BusyError,
    ConductorError,
    InferenceFailedError,
)
from wyoming_servers.devices.probe import FakeDevice
from wyoming_servers.scheduling.planner.policy import SchedulingPolicy
from wyoming_servers.worker.fake import WorkerBehavior

GIB = 2**30
CARD, HOST = "cuda:0/float16", "cpu/int8"
SECONDS = 1_800


@pytest.mark.parametrize("seed", [1, 2])
async def test_soak_loses_no_request_and_exceeds_no_deadline(world, seed):
    dice = random.Random(seed)  # noqa: S311
    world.policy = SchedulingPolicy(reserve=0, budget="100%", request_timeout=30.0)
    world.probe.machine["cuda:0"] = FakeDevice(7 * GIB)
    names = ["asr", "tts", "large", "wake"]
    world.model("asr", CARD, HOST, size=3, task=Task.ASR, keep_alive=20)
    world.model("tts", CARD, size=3, task=Task.TTS, keep_alive=5)
    world.model("large", CARD, size=5, keep_alive=0)
    world.model("wake", HOST, size=1, task=Task.WAKE, keep_alive=-1)
    for name in names:
        world.behaviors[name, ""] = lambda: WorkerBehavior(load_seconds=dice.uniform(0.2, 4))
    ends: Counter[str] = Counter()
    longest = 0.0

    async def client(name: str) -> None:
        nonlocal longest
        started = world.clock.now()
        try:
            async with world.coordinator.lease(name) as lease:
                longest = max(longest, world.clock.now() - started)
                async with lease.open({}) as run:
                    await world.clock.sleep(dice.uniform(0.1, 3))
                    await run.result()
        except ConductorError as err:
            longest = max(longest, world.clock.now() - started)
            ends[err.code] += 1
        else:
            ends["served"] += 1

    await world.start()
    tasks, requested = [], 0
    for _ in range(SECONDS):
        for _ in range(dice.choice([0, 0, 1, 1, 2])):
            tasks.append(world.start_task(client(dice.choice(names))))
            requested += 1
        if dice.random() < 0.01 and world.launcher.running:
            dice.choice(world.launcher.running).die()
        if dice.random() < 0.01:
            world.probe.machine["cuda:0"].others = dice.choice([0, 0, 2, 5]) * GIB
        await world.clock.advance(1)
        gpu = world.device("cuda:0")
        assert gpu.reserved + gpu.committed <= 7 * GIB
        if dice.random() < 0.05:
            tasks = [task for task in tasks if not task.done()]
    world.probe.machine["cuda:0"].others = 0
    await world.after(100)
    assert sum(ends.values()) == requested
    assert longest <= 30.1
    assert ends["served"] > 0.8 * requested
    assert set(ends) <= {
        "served",
        "OOM",
        "TIMEOUT",
        BusyError.code,
        InferenceFailedError.code,
        "LOAD_FAILED",
    }
    await world.after(60)
    assert [w.spec.id for w in world.launcher.running] in ([], ["wake"])
    assert world.device("cuda:0").committed == 0
