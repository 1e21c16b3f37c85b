"""The fake worker implements `worker.interface` on a clock that the test moves."""

import asyncio

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
)
from wyoming_servers.core.errors import (
    BusyError,
    InferenceFailedError,
    LoadFailedError,
    OutOfMemoryError,
)
from wyoming_servers.worker.fake import FakeAnswer, FakeLauncher, WorkerBehavior
from wyoming_servers.worker.interface import OutputChunk


def ignore(phase: str, percent: int) -> None:
    pass


async def test_load_takes_the_scripted_time(
    clock: FakeClock, spec: ModelSpec, placement: Placement
) -> None:
    launcher = FakeLauncher(clock, lambda *_: WorkerBehavior(load_seconds=2.0, info={"rate": 1}))
    worker = await launcher.launch(spec, placement)
    phases: list[str] = []
    load = asyncio.create_task(worker.load(lambda phase, _: phases.append(phase)))

    await clock.advance(1.9)
    assert not load.done()
    await clock.advance(0.2)

    loaded = await load
    assert (loaded.seconds, loaded.info) == (2.0, {"rate": 1})
    assert phases == ["load", "load", "warmup"]
    assert launcher.loads(spec.id) == 1


async def test_load_error_is_raised_and_ends_the_process(
    clock: FakeClock, spec: ModelSpec, placement: Placement
) -> None:
    behavior = WorkerBehavior(load_error=OutOfMemoryError("No room."))
    launcher = FakeLauncher(clock, lambda *_: behavior)
    worker = await launcher.launch(spec, placement)

    with pytest.raises(OutOfMemoryError):
        await worker.load(ignore)

    assert (await worker.exited).code == "OOM"
    assert launcher.running == []


async def test_crash_while_loading_is_a_failed_load(
    clock: FakeClock, spec: ModelSpec, placement: Placement
) -> None:
    worker = await FakeLauncher(clock, lambda *_: WorkerBehavior(load_seconds=9.0)).launch(
        spec, placement
    )
    load = asyncio.create_task(worker.load(ignore))
    await clock.advance(1.0)

    worker.die(-11)

    with pytest.raises(LoadFailedError, match="SIGSEGV"):
        await load
    assert not (await worker.exited).expected


async def test_script_that_raises_fails_the_launch(
    clock: FakeClock, spec: ModelSpec, placement: Placement
) -> None:
    def script(spec: ModelSpec, placement: Placement) -> WorkerBehavior:
        raise LoadFailedError("No process.")

    launcher = FakeLauncher(clock, script)
    with pytest.raises(LoadFailedError):
        await launcher.launch(spec, placement)
    assert launcher.launched == []


async def test_run_returns_the_scripted_chunks_and_result(
    clock: FakeClock, spec: ModelSpec, placement: Placement
) -> None:
    behavior = WorkerBehavior(
        reply=lambda request, audio: FakeAnswer(
            [OutputChunk({"n": 1}), OutputChunk({"n": 2})], {"text": f"{request['q']} {len(audio)}"}
        )
    )
    worker = await FakeLauncher(clock, lambda *_: behavior).launch(spec, placement)
    await worker.load(ignore)

    async with worker.open({"q": "bytes:"}, payload=b"abc") as run:
        chunks = [chunk.data["n"] async for chunk in run]
        assert chunks == [1, 2]
        assert await run.result() == {"text": "bytes: 3"}
    assert not worker.runs[0].cancelled


async def test_streaming_input_is_answered_chunk_by_chunk(
    clock: FakeClock, spec: ModelSpec, placement: Placement
) -> None:
    behavior = WorkerBehavior(
        on_input=lambda request, payload, data: [OutputChunk({"at": data["at"]})],
        reply=lambda request, audio: FakeAnswer(result={"size": len(audio)}),
    )
    worker = await FakeLauncher(clock, lambda *_: behavior).launch(spec, placement)

    async with worker.open({}, streaming=True) as run:
        await run.send(b"12", {"at": 1})
        reader = aiter(run)
        assert (await anext(reader)).data == {"at": 1}
        await run.send(b"34", {"at": 2})
        assert (await anext(reader)).data == {"at": 2}
        await run.end()
        assert await run.result() == {"size": 4}


async def test_crash_fails_the_run_and_later_runs(
    clock: FakeClock, spec: ModelSpec, placement: Placement
) -> None:
    worker = await FakeLauncher(clock, lambda *_: WorkerBehavior(run_seconds=5.0)).launch(
        spec, placement
    )
    await worker.load(ignore)

    async with worker.open({}) as run:
        waiting = asyncio.create_task(run.result())
        await clock.advance(1.0)
        worker.die()
        with pytest.raises(InferenceFailedError, match="SIGKILL"):
            await waiting
    with pytest.raises(InferenceFailedError):
        async with worker.open({}):
            pytest.fail("A dead worker took a run.")


async def test_run_that_is_closed_early_is_cancelled(
    clock: FakeClock, spec: ModelSpec, placement: Placement
) -> None:
    worker = await FakeLauncher(clock, lambda *_: WorkerBehavior(run_seconds=5.0)).launch(
        spec, placement
    )
    async with worker.open({}):
        assert len(worker.open_runs) == 1
    assert worker.runs[0].cancelled
    assert worker.open_runs == []


@pytest.mark.parametrize(
    ("behavior", "returncode"),
    [
        (WorkerBehavior(), 0),
        (WorkerBehavior(stop_seconds=3.0), -15),
        (WorkerBehavior(frozen=True), -9),
    ],
)
async def test_stop_unloads_then_terminates_then_kills(
    clock: FakeClock,
    spec: ModelSpec,
    placement: Placement,
    behavior: WorkerBehavior,
    returncode: int,
) -> None:
    worker = await FakeLauncher(clock, lambda *_: behavior).launch(spec, placement)
    stopping = asyncio.create_task(worker.stop(grace=2.0))
    await clock.advance(10.0)
    exit_ = await stopping
    assert exit_.expected
    assert exit_.returncode == returncode


async def test_cancelled_waiter_does_not_cancel_the_exit(
    clock: FakeClock, spec: ModelSpec, placement: Placement
) -> None:
    worker = await FakeLauncher(clock).launch(spec, placement)
    worker.exited.cancel()
    worker.die()
    assert (await worker.exited).returncode == -9


async def test_reply_that_raises_fails_its_run(
    clock: FakeClock, spec: ModelSpec, placement: Placement
) -> None:
    behavior = WorkerBehavior(reply=lambda *_: FakeAnswer(error=BusyError("Full.")))
    worker = await FakeLauncher(clock, lambda *_: behavior).launch(spec, placement)
    async with worker.open({}) as run:
        with pytest.raises(BusyError):
            await run.result()
