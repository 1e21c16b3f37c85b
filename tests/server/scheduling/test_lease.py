import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Priority,
    Task,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    ConductorError,
    DeadlineError,
    InferenceFailedError,
    InternalError,
)
from wyoming_servers.scheduling.lease import ActiveLease
from wyoming_servers.worker.fake import FakeAnswer, FakeLauncher, FakeWorker, WorkerBehavior
from wyoming_servers.worker.interface import OutputChunk


class Setting:
    """A lease on a fake worker, and the errors it reported."""

    def __init__(self, worker: FakeWorker, reported: list[ConductorError]) -> None:
        self.worker = worker
        self.reported = reported
        self.better_word: ConductorError | None = None
        self.lease = ActiveLease(
            1, worker.spec, worker.placement, {"rate": 1}, worker, self._explain, Priority.ASR
        )

    def _explain(self, error: ConductorError) -> ConductorError:
        self.reported.append(error)
        return self.better_word or error


@pytest.fixture
async def setting(clock) -> Setting:
    spec = ModelSpec(id="a", task=Task.ASR, engine="fake")
    worker = await FakeLauncher(clock, lambda *_: WorkerBehavior()).launch(spec, Placement())
    await worker.load(lambda *_: None)
    return Setting(worker, [])


async def test_leased_run_returns_the_chunks_and_the_result(setting):
    setting.worker.behavior.reply = lambda request, audio: FakeAnswer(
        [OutputChunk({"n": 1}), OutputChunk({"n": 2})], {"size": len(audio), **request}
    )
    async with setting.lease.open({"x": 1}, payload=b"abc") as run:
        assert [chunk.data["n"] async for chunk in run] == [1, 2]
        assert await run.result() == {"size": 3, "x": 1}
    assert setting.lease.succeeded
    assert setting.reported == []


async def test_leased_run_streams_its_input(setting):
    setting.worker.behavior.on_input = lambda request, payload, data: [OutputChunk(data, payload)]
    async with setting.lease.open({}, streaming=True) as run:
        await run.send(b"12", {"timestamp": 5})
        assert await anext(run) == OutputChunk({"timestamp": 5}, b"12")
        await run.end()
        assert [chunk async for chunk in run] == []
    assert setting.lease.succeeded


async def test_leased_run_that_is_left_early_is_canceled_without_a_failure(setting):
    setting.worker.behavior.run_seconds = 9.0
    async with setting.lease.open({}):
        pass
    assert setting.worker.runs[0].cancelled
    assert setting.reported == []
    assert not setting.lease.succeeded  # it has proved nothing


async def test_failed_run_is_recorded_once(setting):
    async with setting.lease.open({}) as run:
        setting.worker.die()
        for _ in range(2):
            with pytest.raises(InferenceFailedError):
                await run.result()
        with pytest.raises(InferenceFailedError):
            async for _ in run:
                pass
    assert len(setting.reported) == 1
    assert not setting.lease.succeeded


async def test_failed_run_raises_the_explained_error_with_its_cause(setting):
    setting.better_word = DeadlineError("It hung.")
    async with setting.lease.open({}, streaming=True) as run:
        setting.worker.die()
        with pytest.raises(DeadlineError, match="hung") as caught:
            await run.send(b"")
        assert isinstance(caught.value.__cause__, InferenceFailedError)
        with pytest.raises(DeadlineError):
            await run.end()


async def test_run_on_a_dead_worker_fails_at_its_start(setting):
    setting.worker.die()
    with pytest.raises(InferenceFailedError):
        async with setting.lease.open({}):
            pass
    assert len(setting.reported) == 1


async def test_invalid_request_counts_as_a_success_of_the_worker(setting):
    setting.worker.behavior.reply = lambda *_: FakeAnswer(error=BadRequestError("no"))
    async with setting.lease.open({}) as run:
        with pytest.raises(BadRequestError):
            await run.result()
    assert setting.lease.succeeded
    assert setting.reported == []


async def test_one_failure_outweighs_earlier_successes(setting):
    async with setting.lease.open({}) as run:
        await run.result()
    assert setting.lease.succeeded
    async with setting.lease.open({}) as run:
        setting.worker.die()
        with pytest.raises(InferenceFailedError):
            await run.result()
    assert not setting.lease.succeeded


async def test_ended_lease_opens_no_runs(setting):
    setting.lease.end()
    with pytest.raises(InternalError):
        setting.lease.open({})
