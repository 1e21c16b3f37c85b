"""Every fault at every moment: what the client gets, what is left, and that others do not notice.

`pytest tests/server/e2e/matrix --write-docs` writes the observed behavior into docs/reliability.md.
"""

import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from wyoming_servers.core.events import (
    ModelFailed,
    RequestRetried,
)

pytestmark = pytest.mark.e2e

TARGET, MEMORY_HOLDER = "asr/target", "asr/holder"


@dataclass(frozen=True)
class Case:
    """A fault, a moment, and the expected outcome."""

    fault: str
    moment: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the fake engine, if the fault comes from the process itself."""
    signal: int | None = None
    """Signal sent to the process, if the fault comes from outside."""
    outcome: str = "answer"
    """`answer`, or an error code."""
    happens_once: bool = True
    """Whether the fault happens once, not every time."""
    next_outcomes: tuple[str, ...] = ("answer",)
    """Outcomes of the next requests."""
    note: str = ""
    """What the table adds about them."""
    gpu: bool = False
    """Whether the model runs on a GPU, with the CPU as its fallback."""
    survives: bool = False
    """Whether the process survives."""

    @property
    def name(self) -> str:
        return f"{self.fault} - {self.moment}".replace(" ", "_")


LOADS = {"load_seconds": 0.4}
STEPS = {"chunk_seconds": 0.05, "failure_step": 2}
"""A failure after the first output: the piece of input is step 0."""


def at_load(failure: str) -> dict[str, Any]:
    return LOADS | {"load_error": failure}


def in_run(failure: str) -> dict[str, Any]:
    return STEPS | {"failure": failure}


KILL, HANG, LOOP = "kill -9", "SIGSTOP (hangs)", "crash loop"
EXIT, SLOW, LOAD_MEMORY = "exit 1 at load", "load past its deadline", "MemoryError at load"
RUN_MEMORY, LOST, GARBAGE = "MemoryError at inference", "device lost", "garbage on the pipe"

IDLE, QUEUED, LOADING = "idle", "queued", "loading"
RUNNING, DRAINING, STOPPING = "mid-inference", "draining", "stopping"

CASES = [
    Case(KILL, IDLE, signal=signal.SIGKILL),
    Case(KILL, QUEUED, in_run("kill")),
    Case(KILL, LOADING, LOADS, signal=signal.SIGKILL),
    Case(KILL, RUNNING, in_run("kill")),
    Case(KILL, DRAINING, in_run("kill")),
    Case(HANG, IDLE, signal=signal.SIGSTOP),
    Case(HANG, QUEUED, in_run("freeze")),
    Case(HANG, LOADING, LOADS, signal=signal.SIGSTOP),
    Case(HANG, RUNNING, in_run("freeze")),
    Case(HANG, DRAINING, in_run("freeze")),
    Case(HANG, STOPPING, signal=signal.SIGSTOP),
    Case(EXIT, QUEUED, at_load("exit")),
    Case(EXIT, LOADING, at_load("exit")),
    Case(LOAD_MEMORY, QUEUED, at_load("memory")),
    Case(LOAD_MEMORY, LOADING, at_load("memory")),
    Case(
        f"{LOAD_MEMORY}, always",
        LOADING,
        at_load("memory"),
        outcome="OOM",
        happens_once=False,
        next_outcomes=("OOM",),
    ),
    Case(RUN_MEMORY, RUNNING, in_run("memory"), survives=True),
    Case(RUN_MEMORY, DRAINING, in_run("memory")),
    Case(
        f"{RUN_MEMORY}, always",
        RUNNING,
        in_run("memory"),
        outcome="OOM",
        happens_once=False,
        next_outcomes=("OOM",),
        survives=True,
    ),
    Case(LOST, LOADING, at_load("device"), gpu=True),
    Case(LOST, RUNNING, in_run("device"), gpu=True),
    Case(LOST, DRAINING, in_run("device"), gpu=True),
    Case(
        f"{LOST} twice",
        RUNNING,
        in_run("device"),
        gpu=True,
        outcome="DEVICE_LOST",
        note="; the next is answered by the CPU",
    ),
    Case(GARBAGE, QUEUED, in_run("garbage")),
    Case(GARBAGE, LOADING, at_load("garbage")),
    Case(GARBAGE, RUNNING, in_run("garbage")),
    Case(GARBAGE, DRAINING, in_run("garbage")),
    Case(SLOW, QUEUED, at_load("hang")),
    Case(SLOW, LOADING, at_load("hang")),
    Case(LOOP, IDLE, signal=signal.SIGKILL),
    Case(LOOP, QUEUED, at_load("exit"), happens_once=False),
    Case(
        LOOP,
        LOADING,
        at_load("exit"),
        outcome="LOAD_FAILED",
        happens_once=False,
        next_outcomes=("LOAD_FAILED", "BUSY"),
        note="; the third gets `BUSY` at once",
    ),
    Case(
        LOOP,
        RUNNING,
        in_run("kill"),
        outcome="INFERENCE_FAILED",
        happens_once=False,
        next_outcomes=("INFERENCE_FAILED", "BUSY"),
        note="; the third gets `BUSY`",
    ),
]

Moment = Callable[[Any, Case], Awaitable[Any]]


async def when_idle(world: Any, case: Case) -> Any:
    """Hit an idle model, then request it; several times for a crash loop."""
    for _ in range(3 if case.fault == LOOP else 1):
        process = await world.load()
        world.send_signal(process, case.signal)
        answer = await world.transcribe()
        assert answer.outcome == case.outcome
    return answer


async def when_queued(world: Any, case: Case) -> Any:
    """Hit the process whose memory a request waits for."""
    at_load = "load_error" in case.options
    async with world.utterance(MEMORY_HOLDER) as first:
        await world.until(
            lambda: (
                world.state(MEMORY_HOLDER) == "loading"
                if at_load
                else world.leases(MEMORY_HOLDER) == 1
            )
        )
        async with world.utterance() as second:
            await world.until(lambda: world.state(TARGET) == "queued")
            world.start(
                world.finish(first)
            )  # triggers the failure, unless it happens while loading
            return await world.finish(second)


async def when_loading(world: Any, case: Case) -> Any:
    """Hit a process that is loading for a request."""
    async with world.utterance() as utterance:
        await world.until(
            lambda: (
                world.state(TARGET) == "loading"
                and world.progress(TARGET)
                and any(process.model == TARGET for process in world.launcher.processes)
            )
        )
        if case.signal is not None:
            world.send_signal(world.process(TARGET), case.signal)
        return await world.finish(utterance)


async def when_running(world: Any, case: Case) -> Any:
    """The process fails in the middle of a run."""
    await world.load()
    if "twice" in case.fault:
        world.start(world.rearm_fault())
    return await world.transcribe()


async def when_draining(world: Any, case: Case) -> Any:
    """The same, while the model is being unloaded and waits for its last lease."""
    await world.load()
    async with world.utterance() as utterance:
        await world.until(lambda: world.leases(TARGET) == 1)
        await world.coordinator.unload(TARGET)
        assert world.state(TARGET) == "draining"
        return await world.finish(utterance)


async def when_stopping(world: Any, case: Case) -> Any:
    """Hit a process that was just told to unload."""
    process = await world.load()
    world.send_signal(process, case.signal)
    await world.coordinator.unload(TARGET)
    assert world.state(TARGET) == "stopping"
    return await world.transcribe()


MOMENTS: dict[str, Moment] = {
    IDLE: when_idle,
    QUEUED: when_queued,
    LOADING: when_loading,
    RUNNING: when_running,
    DRAINING: when_draining,
    STOPPING: when_stopping,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_fault_affects_one_model_briefly_and_no_other(
    case: Case, world: Any, table: Any
) -> None:
    """The client gets an answer or an error, memory is freed, other clients are not affected."""
    options = dict(case.options)
    if case.happens_once and case.signal is None:
        options["once_file"] = world.arm_fault()
    victim = MEMORY_HOLDER if case.moment == QUEUED else TARGET
    target, holder = (options, {}) if victim == TARGET else ({}, options)
    async with world.running(target, holder, gpu=case.gpu):
        before = world.background.answers
        answer = await MOMENTS[case.moment](world, case)
        assert answer.outcome == case.outcome
        assert answer.text == ("it was heard" if case.outcome == "answer" else "")

        finished_at, target_process = world.finished_at, world.target or world.first_process(victim)
        if not case.survives:
            await world.until(lambda: target_process.ended is not None)
        retried = [event for event in world.events(RequestRetried) if event.model == TARGET]
        assert len(retried) <= 1 or case.fault == LOOP

        for code in case.next_outcomes:
            assert (await world.transcribe()).outcome == code
        if "twice" in case.fault:
            assert world.process(TARGET).placement.device == "cpu"

        meanwhile = world.background.answers
        await world.until(lambda: world.background.answers > meanwhile + 1)
        assert world.background.failures == []
        assert world.background.answers > before
        await world.unload_and_check_memory()
        assert (
            case.survives or case.moment in (IDLE, STOPPING, DRAINING) or world.events(ModelFailed)
        )

    table.add(
        case,
        answer,
        retried=bool(retried),
        gone=(target_process.ended or 0.0) - finished_at,
        background=meanwhile - before,
    )


async def test_run_that_was_out_of_memory_is_retried_when_memory_is_free(world: Any) -> None:
    """An idle model fills the memory; after its eviction, the second attempt succeeds."""
    target = in_run("memory") | {"once_file": world.arm_fault(), "memory_bytes": 0}
    async with world.running(target, {"memory_bytes": 0}, budget="600MiB"):
        idle = await world.load(MEMORY_HOLDER)
        await world.load()
        # There is no memory as long as the process of the idle model exists, and it exits slowly.
        world.send_signal(idle, signal.SIGSTOP)
        world.start(world.keep_fault_armed(idle))
        assert (await world.transcribe()).outcome == "answer"
        assert [event.code for event in world.events(RequestRetried)] == ["OOM"]
