"""Workers without processes, for tests of code that uses workers; time is that of a given clock.

launcher = FakeLauncher(clock, lambda spec, placement: WorkerBehavior(load_seconds=2.0))
…
launcher.launched[0].die()          # as if killed by signal 9
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Priority,
)
from wyoming_servers.core.errors import (
    ConductorError,
    InternalError,
)
from wyoming_servers.worker.client import RunStream
from wyoming_servers.worker.exit_status import (
    describe_exit,
    exit_error,
)
from wyoming_servers.worker.interface import (
    ExitStatus,
    LoadResult,
    OnProgress,
    OutputChunk,
)

_SIGTERM = 15
_SIGKILL = 9


@dataclass(frozen=True, slots=True)
class FakeAnswer:
    """Answer of a run: chunks, then the result, or the error in its place."""

    chunks: Iterable[OutputChunk] = ()
    result: Mapping[str, Any] = field(default_factory=dict)
    error: ConductorError | None = None


Reply = Callable[[Mapping[str, Any], bytes], FakeAnswer]
"""Called with the request and the whole input; may raise a ConductorError."""

OnInput = Callable[[Mapping[str, Any], bytes, Mapping[str, Any]], Iterable[OutputChunk]]
"""Called with the request, a chunk of input and its data; returns the output for it."""


def _empty_answer(request: Mapping[str, Any], audio: bytes) -> FakeAnswer:
    return FakeAnswer()


def _no_output(
    request: Mapping[str, Any], payload: bytes, data: Mapping[str, Any]
) -> Iterable[OutputChunk]:
    return ()


@dataclass(slots=True)
class WorkerBehavior:
    """Behavior of one worker; tests may change it while the worker lives."""

    load_seconds: float = 0.0
    """`load` takes this long; half of it is phase `load`, the rest `warmup`."""
    load_error: ConductorError | None = None
    """Raised by `load` after `load_seconds`; the process exits then, as a real one does."""
    load_exit_code: int | None = None
    """Return code with which the process exits instead of becoming ready."""
    info: Mapping[str, Any] = field(default_factory=dict)
    reply: Reply = _empty_answer
    """Called when the input of a run is complete."""
    on_input: OnInput = _no_output
    """Called for each chunk of a streaming input (wake words)."""
    run_seconds: float = 0.0
    """Seconds from the end of the input to the first chunk."""
    chunk_seconds: float = 0.0
    """Seconds from one chunk to the next."""
    memory_bytes: int = 0
    """Memory of the process, for memory probes of tests."""
    stop_seconds: float = 0.0
    """Seconds that the process takes to exit on request."""
    frozen: bool = False
    """The process answers nothing and ends only when it is killed (SIGSTOP)."""


Script = Callable[[ModelSpec, Placement], WorkerBehavior]
"""Returns the behavior of a worker that is launched, or raises to fail the launch."""


class FakeLauncher:
    """Launches fake workers and records them."""

    def __init__(self, clock: Clock, script: Script | None = None) -> None:
        self._clock = clock
        self._script = script
        self._pids = itertools.count(40_001)
        self.launched: list[FakeWorker] = []
        """All workers that were launched, oldest first."""

    @property
    def running(self) -> list["FakeWorker"]:
        """The workers whose process exists."""
        return [worker for worker in self.launched if not worker.gone]

    def loads(self, model: str) -> int:
        """Return how many loads of a model were started."""
        return sum(worker.load_calls for worker in self.launched if worker.spec.id == model)

    async def launch(self, spec: ModelSpec, placement: Placement) -> "FakeWorker":
        behavior = WorkerBehavior() if self._script is None else self._script(spec, placement)
        worker = FakeWorker(self._clock, spec, placement, behavior, next(self._pids))
        self.launched.append(worker)
        return worker


class FakeWorker:
    """A worker whose process is a future; see `worker.interface.Worker`."""

    def __init__(
        self,
        clock: Clock,
        spec: ModelSpec,
        placement: Placement,
        behavior: WorkerBehavior,
        pid: int,
    ) -> None:
        self.spec = spec
        self.placement = placement
        self.behavior = behavior
        self.runs: list[FakeRun] = []
        """All runs that were started, oldest first."""
        self.load_calls = 0
        self.stop_calls = 0
        self.killed = False
        self._clock = clock
        self._pid = pid
        self._loading = True
        self._exited: asyncio.Future[ExitStatus] = asyncio.get_running_loop().create_future()

    @property
    def pid(self) -> int:
        return self._pid

    @property
    def exited(self) -> asyncio.Future[ExitStatus]:
        return asyncio.shield(self._exited)

    @property
    def gone(self) -> bool:
        """Whether the process is gone."""
        return self._exited.done()

    @property
    def memory_bytes(self) -> int:
        """Memory of the process now."""
        return 0 if self.gone else self.behavior.memory_bytes

    @property
    def open_runs(self) -> list["FakeRun"]:
        """The runs that were started and have not ended."""
        return [run for run in self.runs if run.open]

    def die(self, returncode: int = -_SIGKILL, *, oom: bool = False) -> None:
        """End the process as from outside: `kill -9`, a crash, the out-of-memory killer."""
        self._exit(describe_exit(returncode, loading=self._loading, oom_killed=oom))

    async def load(self, on_progress: OnProgress) -> LoadResult:
        self.load_calls += 1
        started_at = self._clock.now()
        on_progress("load", 0)
        await self._while_alive(self._clock.sleep(self.behavior.load_seconds / 2))
        on_progress("load", 100)
        on_progress("warmup", -1)
        await self._while_alive(self._clock.sleep(self.behavior.load_seconds / 2))
        if self.behavior.frozen:
            await self._while_alive(asyncio.Event().wait())
        if self.behavior.load_error is not None:
            self._exit(describe_exit(1, failure=self.behavior.load_error))
            raise self.behavior.load_error
        if self.behavior.load_exit_code is not None:
            self.die(self.behavior.load_exit_code)
        self.check()
        self._loading = False
        return LoadResult(self._clock.now() - started_at, self.behavior.info)

    def open(
        self,
        request: Mapping[str, Any],
        *,
        payload: bytes = b"",
        streaming: bool = False,
        priority: Priority = Priority.BACKGROUND,
    ) -> "FakeRun":
        return FakeRun(self, self._clock, request, payload, streaming, priority)

    async def ping(self) -> float:
        self.check()
        if self.behavior.frozen:
            await self._while_alive(asyncio.Event().wait())
        return 0.0

    async def stop(self, grace: float) -> ExitStatus:
        self.stop_calls += 1
        behavior = self.behavior
        if behavior.frozen or behavior.stop_seconds > 2 * grace:
            wait, returncode = 2 * grace, -_SIGKILL
        elif behavior.stop_seconds > grace:
            wait, returncode = grace, -_SIGTERM
        else:
            wait, returncode = behavior.stop_seconds, 0
        if wait and not self.gone:
            await self._race(self._clock.sleep(wait))
        self._exit(describe_exit(returncode, requested=True, loading=self._loading))
        return self._exited.result()

    def kill(self) -> None:
        self.killed = True
        self._exit(describe_exit(-_SIGKILL, requested=True, loading=self._loading))

    def check(self) -> None:
        """Raise the error of requests to a process that is gone, if it is gone."""
        if self.gone:
            raise exit_error(self._exited.result(), self.spec.id)

    def _exit(self, exit_: ExitStatus) -> None:
        if not self.gone:
            self._exited.set_result(exit_)
            for run in self.open_runs:
                run.fail(exit_error(exit_, self.spec.id))

    async def _race(self, waiting: Awaitable[object]) -> None:
        """Wait for this or for the end of the process, whichever comes first."""
        task: asyncio.Future[Any] = asyncio.ensure_future(waiting)
        either: set[asyncio.Future[Any]] = {task, self._exited}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _while_alive(self, waiting: Awaitable[object]) -> None:
        await self._race(waiting)
        self.check()


class FakeRun:
    """A run on a fake worker; see `worker.interface.Run`."""

    def __init__(
        self,
        worker: FakeWorker,
        clock: Clock,
        request: Mapping[str, Any],
        payload: bytes,
        streaming: bool,
        priority: Priority,
    ) -> None:
        self.request = request
        self.priority = priority
        self.streaming = streaming
        self.input = bytearray(payload)
        """All input so far."""
        self.cancelled = False
        """Whether its `async with` was left before its end."""
        self._worker = worker
        self._clock = clock
        self._input_closed = asyncio.Event()
        self._stream = RunStream()
        self._task: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Whether it was started and has neither ended nor been cancelled."""
        return self._task is not None and not self._stream.ended and not self.cancelled

    @property
    def ended(self) -> bool:
        """Whether its result or error is known."""
        return self._stream.ended

    def fail(self, error: ConductorError) -> None:
        """End it with an error, as the worker would."""
        self._stream.fail(error)

    async def send(self, payload: bytes, data: Mapping[str, Any] | None = None) -> None:
        if self._stream.error is not None:
            raise self._stream.error
        if self._task is None or not self.streaming or self._input_closed.is_set():
            raise InternalError("Input was sent to a run whose input is closed.")
        self.input += payload
        for chunk in self._worker.behavior.on_input(self.request, payload, data or {}):
            self._stream.push(chunk)
        await asyncio.sleep(0)

    async def end(self) -> None:
        if self._stream.error is not None:
            raise self._stream.error
        self._input_closed.set()

    def __aiter__(self) -> AsyncIterator[OutputChunk]:
        return self._stream.chunks()

    async def result(self) -> Mapping[str, Any]:
        return await self._stream.result()

    async def __aenter__(self) -> Self:
        self._worker.check()
        if not self.streaming:
            self._input_closed.set()
        self._worker.runs.append(self)
        self._task = asyncio.create_task(self._work(), name=f"fake run of {self._worker.spec.id}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is None:
            return
        self.cancelled = not self._stream.ended
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        behavior = self._worker.behavior
        try:
            await self._input_closed.wait()
            await self._clock.sleep(behavior.run_seconds)
            if behavior.frozen:
                await asyncio.Event().wait()
            answer = behavior.reply(self.request, bytes(self.input))
            for chunk in answer.chunks:
                self._stream.push(chunk)
                if behavior.chunk_seconds:
                    await self._clock.sleep(behavior.chunk_seconds)
        except ConductorError as err:
            self._stream.fail(err)
        except Exception as err:
            # A bug in the test's script must fail the test, not hang it.
            self._stream.fail(InternalError(f"The script of the fake worker failed: {err!r}."))
            raise
        else:
            if answer.error is not None:
                self._stream.fail(answer.error)
            else:
                self._stream.finish(answer.result)
