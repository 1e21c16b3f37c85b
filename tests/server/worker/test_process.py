"""Real worker processes: runs, failures, cancellation, exit."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Priority,
    Task,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    CancelledError,
    DeviceLostError,
    InferenceFailedError,
    InternalError,
    LoadFailedError,
    OutOfMemoryError,
    ShuttingDownError,
)
from wyoming_servers.protocol.messages import InferenceChunk
from wyoming_servers.protocol.session import OUTPUT_WINDOW
from wyoming_servers.worker.client import RemoteRun
from wyoming_servers.worker.process import ProcessLauncher, ProcessWorker

Launch = Callable[..., Awaitable[ProcessWorker]]

SOUND = b"\x01\x00" * 8_000


def fake(**options: Any) -> dict[str, Any]:
    """Return a request that configures the fake engine for this run."""
    return {"fake": options}


def ignore(phase: str, percent: int) -> None:
    pass


async def transcribe(worker: ProcessWorker, **options: Any) -> Any:
    async with worker.open(fake(**options), payload=SOUND) as run:
        return (await run.result())["text"]


async def first_chunk(run: Any) -> None:
    """Wait until the engine has yielded its first output."""
    await anext(aiter(run))


# Runs


async def test_load_returns_the_facts_of_the_model(launch: Launch) -> None:
    worker = await launch(Task.TTS, load=False, sample_rate=16_000)
    phases: list[str] = []
    loaded = await worker.load(lambda phase, _: phases.append(phase))
    assert loaded.info["sample_rate"] == 16_000
    assert loaded.info["pid"] == worker.pid
    assert loaded.seconds > 0
    assert phases == ["load", "load", "warmup"]


async def test_run_yields_chunks_and_returns_a_result(launch: Launch) -> None:
    worker = await launch(text="one two three", chunks=3)
    async with worker.open({}, payload=SOUND) as run:
        assert [chunk.data["text"] async for chunk in run] == ["one", "two", "three"]
        result = await run.result()
    assert result["text"] == "one two three"
    assert result["duration"] == 0.5


async def test_audio_is_sent_as_payload(launch: Launch) -> None:
    worker = await launch(Task.TTS, sample_rate=16_000, chunks=4)
    async with worker.open({"text": "x" * 500}) as run:
        sizes = [len(chunk.payload) async for chunk in run]
        assert await run.result() == {"samples": 480_000}
    assert len(sizes) == 4
    assert sum(sizes) == 960_000


async def test_streaming_input_is_processed_as_it_arrives(launch: Launch) -> None:
    worker = await launch(Task.WAKE)
    async with worker.open({"words": ["alexa"]}, streaming=True) as run:
        chunks = aiter(run)
        await run.send(b"\x00" * 640, {"timestamp": 0})
        await run.send(b"alexa\x00", {"timestamp": 20})
        assert (await anext(chunks)).data["word"] == "alexa"
        await run.send(b"\x00" * 640)
        await run.end()
        assert await run.result() == {"samples": 643}


async def test_input_larger_than_the_window_is_accepted(launch: Launch) -> None:
    worker = await launch()
    chunk = b"\x01" * 100_000
    async with worker.open({}, streaming=True) as run:
        for _ in range(50):
            await run.send(chunk)
        await run.end()
        assert (await run.result())["duration"] == 5_000_000 / 32_000


async def test_output_larger_than_the_window_is_delivered(launch: Launch) -> None:
    worker = await launch(Task.TTS, sample_rate=48_000, chunks=50)
    size = 0
    async with worker.open({"text": "x" * 7_000}) as run:
        async for chunk in run:
            size += len(chunk.payload)
        result = await run.result()
    assert size == 2 * result["samples"] > 40_000_000


async def test_unread_output_pauses_only_its_run(launch: Launch) -> None:
    worker = await launch(Task.TTS, sample_rate=48_000, chunks=100)
    async with worker.open({"text": "x" * 7_000}) as unread:

        def waiting() -> int:
            return sum(len(chunk.payload) for chunk in unread._stream._chunks)

        while waiting() < OUTPUT_WINDOW - 512 * 100:
            await worker.ping()
        async with worker.open({"text": "hi"}) as other:
            await other.result()
        one_chunk = 2 * 7_000 * 48_000 * 6 // 100 // 100
        assert waiting() < OUTPUT_WINDOW + one_chunk
        # The rest arrives when it is read.
        size = 0
        async for chunk in unread:
            size += len(chunk.payload)
        assert size == 100 * one_chunk


async def test_first_of_two_runs_ends_first(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = await launch(chunks=8, chunk_seconds=0.02, text="a b c d e f g h")
    order: list[int] = []
    push = RemoteRun.push

    def note(run: RemoteRun, chunk: InferenceChunk) -> None:
        order.append(chunk.run)
        push(run, chunk)

    monkeypatch.setattr(RemoteRun, "push", note)
    await asyncio.gather(transcribe(worker), transcribe(worker))
    assert order == [1] * 8 + [2] * 8


async def test_urgent_run_overtakes_a_long_one(launch: Launch) -> None:
    worker = await launch(chunks=2, chunk_seconds=0.02)
    async with worker.open(fake(chunks=400, text="la " * 400), payload=SOUND) as job:
        await first_chunk(job)
        async with worker.open({}, payload=SOUND, priority=Priority.ASR) as urgent:
            await urgent.result()
        assert not job._stream.ended


async def test_sentence_of_a_playing_client_goes_before_that_of_a_new_one(launch: Launch) -> None:
    worker = await launch(Task.TTS, chunks=1)
    order: list[str] = []

    async def synthesize(name: str, seconds: float, buffered: float | None = None) -> None:
        request = {"text": "One two three.", "buffered_seconds": buffered}
        async with worker.open(request | fake(chunks=1, chunk_seconds=seconds)) as run:
            await run.result()
        order.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(synthesize("first", 0.3))
        await asyncio.sleep(0)
        group.create_task(synthesize("new", 0.1))
        await asyncio.sleep(0)
        group.create_task(synthesize("playing", 0.1, buffered=0.1))
    assert order == ["first", "playing", "new"]


async def test_ping_is_answered_during_an_inference(launch: Launch) -> None:
    worker = await launch()
    async with worker.open(fake(failure="hang"), payload=SOUND):
        async with asyncio.timeout(5):
            assert await worker.ping() < 5


async def test_runs_are_batched_if_the_engine_supports_it(launch: Launch) -> None:
    worker = await launch(batch=4)

    async def one() -> int:
        async with worker.open({}, payload=SOUND, priority=Priority.ASR) as run:
            return int((await run.result()).get("batch_size", 1))

    slow = fake(chunks=1, chunk_seconds=0.2)
    async with worker.open(slow, payload=SOUND, priority=Priority.TTS):
        assert await asyncio.gather(*(one() for _ in range(3))) == [3, 3, 3]


# Failures


async def test_bad_request_does_not_affect_other_runs(launch: Launch) -> None:
    worker = await launch(Task.TTS)
    with pytest.raises(BadRequestError, match="text"):
        async with worker.open({}) as run:
            await run.result()
    async with worker.open({"text": "a"}) as run:
        assert await run.result()


async def test_request_that_is_not_json_is_an_internal_error(launch: Launch) -> None:
    worker = await launch()
    with pytest.raises(InternalError, match="JSON"):
        async with worker.open({"a": object()}):
            pytest.fail("It was sent.")
    assert await transcribe(worker)


async def test_engine_is_used_again_after_a_failure(launch: Launch) -> None:
    worker = await launch()
    with pytest.raises(InferenceFailedError, match="told to fail"):
        await transcribe(worker, failure="raise")
    assert await transcribe(worker)


@pytest.mark.parametrize("failure", ["memory", "gpu memory"])
async def test_run_without_memory_raises_out_of_memory(launch: Launch, failure: str) -> None:
    worker = await launch()
    with pytest.raises(OutOfMemoryError):
        await transcribe(worker, failure=failure)
    assert await transcribe(worker)


async def test_lost_gpu_ends_the_process(launch: Launch) -> None:
    worker = await launch()
    async with worker.open({}, streaming=True) as other:
        with pytest.raises(DeviceLostError):
            await transcribe(worker, failure="device")
        exit_ = await worker.exited
        assert exit_.code == "DEVICE_LOST"
        with pytest.raises(DeviceLostError):
            await other.result()


@pytest.mark.parametrize(
    ("failure", "error", "message"),
    [
        ("raise", LoadFailedError, "told to fail"),
        ("memory", OutOfMemoryError, "no memory"),
        ("gpu memory", OutOfMemoryError, "out of memory"),
        ("device", DeviceLostError, "launch failure"),
        ("exit", LoadFailedError, "status 1"),
        ("abort", LoadFailedError, "SIGABRT"),
        ("kill", LoadFailedError, "SIGKILL"),
    ],
)
async def test_failed_load_raises_its_error_and_ends_the_process(
    launch: Launch, failure: str, error: type[Exception], message: str
) -> None:
    worker = await launch(load=False, load_error=failure)
    with pytest.raises(error, match=message) as caught:
        await worker.load(ignore)
    exit_ = await worker.exited
    assert not exit_.expected
    assert exit_.code == caught.value.code  # type: ignore[attr-defined]
    assert not psutil.pid_exists(worker.pid)


async def test_unknown_engine_is_named_in_the_error(alarm: None, placement: Placement) -> None:
    spec = ModelSpec(id="m", task=Task.ASR, engine="no-such-engine")
    worker = await ProcessLauncher().launch(spec, placement)
    with pytest.raises(LoadFailedError, match="no-such-engine"):
        await worker.load(ignore)
    await worker.exited


async def test_missing_python_fails_the_launch(
    alarm: None, spec: ModelSpec, placement: Placement
) -> None:
    launcher = ProcessLauncher(python="/no/such/python")
    with pytest.raises(LoadFailedError, match="No such file"):
        await launcher.launch(spec, placement)


async def test_program_that_is_not_a_worker_fails_the_load_with_its_last_line(
    alarm: None, spec: ModelSpec, placement: Placement, tmp_path: Path
) -> None:
    script = tmp_path / "python"
    script.write_text("#!/bin/sh\necho this is no python\nexit 3\n")
    script.chmod(0o755)
    worker = await ProcessLauncher(python=str(script)).launch(spec, placement)
    with pytest.raises(LoadFailedError, match="status 3: this is no python"):
        await worker.load(ignore)
    await worker.exited


async def test_kill_while_idle_is_noticed_at_once(launch: Launch) -> None:
    worker = await launch()
    os.kill(worker.pid, signal.SIGKILL)
    exit_ = await worker.exited
    assert exit_.returncode == -9
    assert not exit_.expected
    assert exit_.code == "INFERENCE_FAILED"
    with pytest.raises(InferenceFailedError, match="SIGKILL"):
        await transcribe(worker)
    with pytest.raises(InferenceFailedError):
        await worker.ping()


async def test_kill_during_runs_fails_all_of_them_at_once(launch: Launch) -> None:
    worker = await launch(chunks=1_000, chunk_seconds=0.05, text="a " * 1_000)

    async def wait() -> None:
        async with worker.open({}, payload=SOUND) as run:
            await run.result()

    async with worker.open({}, payload=SOUND) as run, worker.open({}, streaming=True) as fed:
        waiting = [asyncio.create_task(wait()) for _ in range(3)]
        await first_chunk(run)
        os.kill(worker.pid, signal.SIGKILL)
        for result in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(result, InferenceFailedError)
        with pytest.raises(InferenceFailedError, match="signal 9"):
            await run.result()
        with pytest.raises(InferenceFailedError):
            await fed.send(b"x")


async def test_crash_during_a_run_names_the_signal(launch: Launch) -> None:
    worker = await launch()
    with pytest.raises(InferenceFailedError, match="SIGABRT"):
        await transcribe(worker, failure="abort")


async def test_frozen_process_does_not_answer_pings_and_can_be_killed(launch: Launch) -> None:
    worker = await launch()
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await worker.ping()
    worker.kill()
    exit_ = await worker.exited
    assert exit_.expected
    assert exit_.returncode == -9


async def test_garbage_on_the_pipe_ends_the_worker_with_the_reason(launch: Launch) -> None:
    worker = await launch()
    async with worker.open({}, streaming=True) as other:
        with pytest.raises(InferenceFailedError, match="not valid JSON"):
            await transcribe(worker, failure="garbage")
        assert worker.exited.done()  # An immediate retry gets another process.
        with pytest.raises(InferenceFailedError):
            await other.result()
    exit_ = await worker.exited
    assert not exit_.expected
    assert exit_.returncode == -9
    assert exit_.code == "INFERENCE_FAILED"


async def test_process_that_closes_its_pipe_is_killed(launch: Launch) -> None:
    worker = await launch()
    worker._client.close()  # As if it had closed its end, with a hanging engine.
    exit_ = await worker.exited
    assert not psutil.pid_exists(worker.pid)
    assert exit_.code == "INFERENCE_FAILED"


# Cancellation


async def test_closing_a_run_stops_the_engine_at_the_next_step(launch: Launch) -> None:
    worker = await launch(chunk_seconds=0.02)
    async with worker.open(fake(chunks=500, text="a " * 500), payload=SOUND) as run:
        await first_chunk(run)
    # The remaining 10 s would delay this run of equal priority.
    async with asyncio.timeout(5):
        assert await transcribe(worker, chunks=2)
    assert worker._client._session.runs == ()


async def test_cancelled_waiter_cancels_the_run(launch: Launch) -> None:
    worker = await launch(chunk_seconds=0.02)
    task = asyncio.create_task(transcribe(worker, chunks=500, text="a " * 500))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await worker.ping()
    assert await transcribe(worker)
    assert worker._client._session.runs == ()


async def test_closed_run_raises_cancelled(launch: Launch) -> None:
    worker = await launch()
    async with worker.open({}, streaming=True) as run:
        pass
    with pytest.raises(CancelledError):
        await run.result()
    with pytest.raises(CancelledError):
        await run.send(b"x")


# Exit


async def test_stop_unloads_and_exits(launch: Launch) -> None:
    worker = await launch()
    exit_ = await worker.stop(grace=5)
    assert exit_.expected
    assert exit_.returncode == 0
    assert not psutil.pid_exists(worker.pid)
    assert await worker.stop(grace=5) == exit_


async def test_stop_fails_the_active_runs(launch: Launch) -> None:
    worker = await launch(chunks=500, chunk_seconds=0.02, text="a " * 500)
    async with worker.open({}, payload=SOUND) as run:
        await first_chunk(run)
        exit_ = await worker.stop(grace=5)
        with pytest.raises(ShuttingDownError):
            await run.result()
    assert exit_.returncode == 0


async def test_hanging_engine_is_terminated(launch: Launch) -> None:
    worker = await launch()
    async with worker.open(fake(failure="hang"), payload=SOUND):
        while worker._log_reader.last_line != "The fake engine hangs.":
            await worker.ping()
        exit_ = await worker.stop(grace=0.2)
    assert exit_.returncode == -signal.SIGTERM
    assert exit_.expected


async def test_frozen_process_is_killed(launch: Launch) -> None:
    worker = await launch()
    os.kill(worker.pid, signal.SIGSTOP)
    exit_ = await worker.stop(grace=0.1)
    assert exit_.returncode == -signal.SIGKILL


async def test_load_can_be_stopped_at_once(launch: Launch) -> None:
    worker = await launch(load=False, load_seconds=60.0)
    load = asyncio.create_task(worker.load(ignore))
    await asyncio.sleep(0.3)
    exit_ = await worker.stop(grace=20)
    assert exit_.returncode == 0
    with pytest.raises(LoadFailedError, match="stopped by the server"):
        await load


async def test_cancelled_stop_kills_the_process(launch: Launch) -> None:
    worker = await launch()
    os.kill(worker.pid, signal.SIGSTOP)
    stopping = asyncio.create_task(worker.stop(grace=60))
    await asyncio.sleep(0.1)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert (await worker.exited).returncode == -9


async def test_ctrl_c_does_not_end_a_worker(launch: Launch) -> None:
    worker = await launch()
    os.kill(worker.pid, signal.SIGINT)
    assert await transcribe(worker)


async def test_cancelled_waiter_does_not_cancel_the_exit(launch: Launch) -> None:
    worker = await launch()
    worker.exited.cancel()
    assert (await worker.stop(grace=5)).returncode == 0


async def test_fifty_workers_leave_no_descriptors_processes_or_tasks(alarm: None) -> None:
    launcher = ProcessLauncher()
    spec = ModelSpec(id="m", task=Task.ASR, engine="fake")

    async def live(number: int) -> None:
        worker = await launcher.launch(spec, Placement())
        if number % 3 == 0:
            worker.kill()
            await worker.exited
        elif number % 3 == 1:
            await worker.load(ignore)
            await transcribe(worker)
            await worker.stop(grace=5)
        else:
            os.kill(worker.pid, signal.SIGKILL)
            with pytest.raises(LoadFailedError):
                await worker.load(ignore)
            await worker.exited

    await live(1)
    gc.collect()
    me = psutil.Process()
    before = me.num_fds()
    for number in range(50):
        await live(number)
    gc.collect()
    assert me.num_fds() == before
    assert me.children(recursive=True) == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


# Being a good child


def test_worker_dies_with_a_killed_server(tmp_path: Path) -> None:
    script = tmp_path / "server.py"
    script.write_text(
        "import asyncio, os, signal\n"
        "from wyoming_servers.core.domain import ModelSpec, Placement, Task\n"
        "from wyoming_servers.worker.process import ProcessLauncher\n"
        "async def main():\n"
        "    spec = ModelSpec(id='m', task=Task.ASR, engine='fake')\n"
        "    worker = await ProcessLauncher().launch(spec, Placement())\n"
        "    await worker.load(lambda phase, percent: None)\n"
        "    async with worker.open({'fake': {'failure': 'hang'}}, payload=b'x'):\n"
        "        await worker.ping()\n"
        "        print(worker.pid, flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    server = subprocess.run(
        [sys.executable, str(script)], stdout=subprocess.PIPE, timeout=30, check=False
    )
    assert server.returncode == -9
    with contextlib.suppress(psutil.NoSuchProcess):
        worker = psutil.Process(int(server.stdout))
        with contextlib.suppress(psutil.TimeoutExpired):
            worker.wait(timeout=10)
        # An init that never reaps leaves a zombie; it holds nothing.
        assert worker.status() == psutil.STATUS_ZOMBIE


async def test_output_is_logged_under_the_name_of_the_model(
    launch: Launch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "wyoming_servers.worker"):
        worker = await launch(load=False, name="fake/loud", load_error="raise")
        with pytest.raises(LoadFailedError):
            await worker.load(ignore)
        await worker.exited
    records = [item for item in caplog.records if item.name == "wyoming_servers.worker.fake/loud"]
    assert any("told to fail" in record.getMessage() for record in records)
    traceback = [record for record in records if "Traceback" in record.getMessage()]
    assert [record.levelno for record in traceback] == [logging.ERROR]


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
async def test_expected_failure_is_not_logged_as_an_error(
    launch: Launch, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    with caplog.at_level(level, "wyoming_servers.worker"):
        worker = await launch(Task.TTS)
        async with worker.open({}) as run:
            with pytest.raises(BadRequestError):
                await run.result()
        await worker.stop(grace=5)
        refused = await launch(load=False, colour="red")
        with pytest.raises(BadRequestError):
            await refused.load(ignore)
        await refused.exited
    records = [item for item in caplog.records if item.name.endswith("fake/model")]
    messages = [record.getMessage() for record in records]
    assert sum("The request has no text." in text for text in messages) >= 1
    assert max(record.levelno for record in records) <= logging.WARNING
    assert any("Traceback" in text for text in messages) is (level == logging.DEBUG)


async def test_worker_has_a_higher_out_of_memory_score(launch: Launch) -> None:
    worker = await launch()
    score = await asyncio.to_thread(Path(f"/proc/{worker.pid}/oom_score_adj").read_text)
    assert int(score) == 500


async def test_worker_loads_no_heavy_library_and_no_gpu(launch: Launch) -> None:
    worker = await launch()
    process = psutil.Process(worker.pid)
    loaded = " ".join(item.path for item in process.memory_maps())
    assert "numpy" not in loaded
    assert "pydantic" not in loaded
    environment = process.environ()
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert environment["HF_HUB_OFFLINE"] == "1"
