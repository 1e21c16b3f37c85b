"""Every fault at every moment it can come: what the client gets, what is left, who else notices.

`pytest tests/server/e2e/matrix --write-docs` writes what was seen into docs/reliability.md.
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

STRUCK, HOLDER = "asr/struck", "asr/holder"


@dataclass(frozen=True)
class Case:
    """A fault, a moment, and what must come of it."""

    fault: str
    moment: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the engine whose process is struck, where it strikes itself."""
    signal: int | None = None
    """Sent from outside, where it does not."""
    got: str = "answer"
    """`answer`, or an error's code."""
    once: bool = True
    """Whether the fault comes once, not every time."""
    then: tuple[str, ...] = ("answer",)
    """What the next requests get."""
    note: str = ""
    """What else the table says of them."""
    card: bool = False
    """Whether the model is on a graphics card, with the CPU as its second choice."""
    lives: bool = False
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
        f"{LOAD_MEMORY}, always", LOADING, at_load("memory"), got="OOM", once=False, then=("OOM",)
    ),
    Case(RUN_MEMORY, RUNNING, in_run("memory"), lives=True),
    Case(RUN_MEMORY, DRAINING, in_run("memory")),
    Case(
        f"{RUN_MEMORY}, always",
        RUNNING,
        in_run("memory"),
        got="OOM",
        once=False,
        then=("OOM",),
        lives=True,
    ),
    Case(LOST, LOADING, at_load("device"), card=True),
    Case(LOST, RUNNING, in_run("device"), card=True),
    Case(LOST, DRAINING, in_run("device"), card=True),
    Case(
        f"{LOST} twice",
        RUNNING,
        in_run("device"),
        card=True,
        got="DEVICE_LOST",
        note="; the next is answered by the CPU",
    ),
    Case(GARBAGE, QUEUED, in_run("garbage")),
    Case(GARBAGE, LOADING, at_load("garbage")),
    Case(GARBAGE, RUNNING, in_run("garbage")),
    Case(GARBAGE, DRAINING, in_run("garbage")),
    Case(SLOW, QUEUED, at_load("hang")),
    Case(SLOW, LOADING, at_load("hang")),
    Case(LOOP, IDLE, signal=signal.SIGKILL),
    Case(LOOP, QUEUED, at_load("exit"), once=False),
    Case(
        LOOP,
        LOADING,
        at_load("exit"),
        got="LOAD_FAILED",
        once=False,
        then=("LOAD_FAILED", "BUSY"),
        note="; the third gets `BUSY` at once",
    ),
    Case(
        LOOP,
        RUNNING,
        in_run("kill"),
        got="INFERENCE_FAILED",
        once=False,
        then=("INFERENCE_FAILED", "BUSY"),
        note="; the third gets `BUSY`",
    ),
]

Moment = Callable[[Any, Case], Awaitable[Any]]


async def when_idle(world: Any, case: Case) -> Any:
    """Strike a model that nobody uses, then ask for it; in a loop, again and again."""
    for _ in range(3 if case.fault == LOOP else 1):
        life = await world.load()
        world.strike(life, case.signal)
        answer = await world.ask()
        assert answer.got == case.got
    return answer


async def when_queued(world: Any, case: Case) -> Any:
    """Strike the process whose memory a request waits for."""
    at_load = "load_error" in case.options
    async with world.speaking(HOLDER) as first:
        await world.until(
            lambda: world.state(HOLDER) == "loading" if at_load else world.leases(HOLDER) == 1
        )
        async with world.speaking() as second:
            await world.until(lambda: world.state(STRUCK) == "queued")
            world.start(world.hear(first))  # and with it the failure, where it is not at load
            return await world.hear(second)


async def when_loading(world: Any, case: Case) -> Any:
    """Strike a process that is loading for a request."""
    async with world.speaking() as utterance:
        await world.until(lambda: world.state(STRUCK) == "loading" and world.progress(STRUCK))
        if case.signal is not None:
            world.strike(world.life(STRUCK), case.signal)
        return await world.hear(utterance)


async def when_running(world: Any, case: Case) -> Any:
    """Let a process strike itself in the middle of a run."""
    await world.load()
    if "twice" in case.fault:
        world.start(world.relight())
    return await world.ask()


async def when_draining(world: Any, case: Case) -> Any:
    """The same, while the model is being unloaded and only waits for its last lease."""
    await world.load()
    async with world.speaking() as utterance:
        await world.until(lambda: world.leases(STRUCK) == 1)
        await world.coordinator.unload(STRUCK)
        assert world.state(STRUCK) == "draining"
        return await world.hear(utterance)


async def when_stopping(world: Any, case: Case) -> Any:
    """Strike a process that was just told to unload."""
    life = await world.load()
    world.strike(life, case.signal)
    await world.coordinator.unload(STRUCK)
    assert world.state(STRUCK) == "stopping"
    return await world.ask()


MOMENTS: dict[str, Moment] = {
    IDLE: when_idle,
    QUEUED: when_queued,
    LOADING: when_loading,
    RUNNING: when_running,
    DRAINING: when_draining,
    STOPPING: when_stopping,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_fault_costs_one_model_a_moment_and_the_others_nothing(
    case: Case, world: Any, table: Any
) -> None:
    """The client gets what it can get, the memory comes back, and nobody else notices."""
    options = dict(case.options)
    if case.once and case.signal is None:
        options["once_file"] = world.light()
    victim = HOLDER if case.moment == QUEUED else STRUCK
    struck, holder = (options, {}) if victim == STRUCK else ({}, options)
    async with world.running(struck, holder, card=case.card):
        before = world.others.answers
        answer = await MOMENTS[case.moment](world, case)
        assert answer.got == case.got
        assert answer.text == ("it was heard" if case.got == "answer" else "")

        asked_at, struck_life = world.asked_at, world.struck or world.first_life(victim)
        if not case.lives:
            await world.until(lambda: struck_life.ended is not None)
        retried = [event for event in world.events(RequestRetried) if event.model == STRUCK]
        assert len(retried) <= 1 or case.fault == LOOP

        for code in case.then:
            assert (await world.ask()).got == code
        if "twice" in case.fault:
            assert world.life(STRUCK).placement.device == "cpu"

        meanwhile = world.others.answers
        await world.until(lambda: world.others.answers > meanwhile + 1)
        assert world.others.failures == []
        assert world.others.answers > before
        await world.settle()
        assert case.lives or case.moment in (IDLE, STOPPING, DRAINING) or world.events(ModelFailed)

    table.add(
        case,
        answer,
        retried=bool(retried),
        gone=(struck_life.ended or 0.0) - asked_at,
        others=meanwhile - before,
    )


async def test_a_run_that_was_out_of_memory_is_made_again_when_there_is_room(world: Any) -> None:
    """An idle model fills the memory; once it was evicted, the second try succeeds."""
    struck = in_run("memory") | {"once_file": world.light(), "memory_bytes": 0}
    async with world.running(struck, {"memory_bytes": 0}, budget="600MiB"):
        idle = await world.load(HOLDER)
        await world.load()
        # There is no memory as long as the idle one's process exists, and it is slow to leave.
        world.strike(idle, signal.SIGSTOP)
        world.start(world.keep_lit(idle))
        assert (await world.ask()).got == "answer"
        assert [event.code for event in world.events(RequestRetried)] == ["OOM"]
