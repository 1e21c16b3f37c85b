"""Workers without processes, for tests of whatever uses workers; time is the given clock's.

launcher = FakeLauncher(clock, lambda spec, placement: FakeBehavior(load_seconds=2.0))
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
    """What a run gives back: the chunks, then the result, or the error instead of it."""

    chunks: Iterable[OutputChunk] = ()
    result: Mapping[str, Any] = field(default_factory=dict)
    error: ConductorError | None = None


Reply = Callable[[Mapping[str, Any], bytes], FakeAnswer]
"""Called with the request and the whole input; may raise a ConductorError."""

OnInput = Callable[[Mapping[str, Any], bytes, Mapping[str, Any]], Iterable[OutputChunk]]
"""Called with the request, a piece of the input and its data; returns what it leads to at once."""


def _empty_answer(request: Mapping[str, Any], audio: bytes) -> FakeAnswer:
    return FakeAnswer()


def _no_output(
    request: Mapping[str, Any], payload: bytes, data: Mapping[str, Any]
) -> Iterable[OutputChunk]:
    return ()


@dataclass(slots=True)
class FakeBehavior:
    """How one worker behaves; tests may change it while the worker lives."""

    load_seconds: float = 0.0
    """`load` takes this long; half of it is phase `load`, the rest `warmup`."""
    load_error: ConductorError | None = None
    """What `load` raises after `load_seconds`; the process exits then, as a real one does."""
    load_exit_code: int | None = None
    """Return code that the process dies with instead of becoming ready."""
    info: Mapping[str, Any] = field(default_factory=dict)
    reply: Reply = _empty_answer
    """Answers a run when its input is complete."""
    on_input: OnInput = _no_output
    """Answers pieces of a streaming input as they come (wake words)."""
    run_seconds: float = 0.0
    """From the end of the input to the first chunk."""
    chunk_seconds: float = 0.0
    """From one chunk to the next."""
    memory_bytes: int = 0
    """What a memory probe of the test may say that the process holds."""
    stop_seconds: float = 0.0
    """How long the process takes to exit when asked."""
    frozen: bool = False
    """It answers nothing and ends only when killed (SIGSTOP)."""


Script = Callable[[ModelSpec, Placement], FakeBehavior]
"""Chooses the behaviour of a worker as it is launched; raises to make the launch fail."""


class FakeLauncher:
    """Launches fake workers and remembers them all."""

    def __init__(self, clock: Clock, script: Script | None = None) -> None:
        self._clock = clock
        self._script = script
        self._pids = itertools.count(40_001)
        self.launched: list[FakeWorker] = []
        """Every worker ever launched, oldest first."""

    @property
    def running(self) -> list["FakeWorker"]:
        """The workers whose process exists."""
        return [worker for worker in self.launched if not worker.gone]

    def loads(self, model: str) -> int:
        """How often a load of this model was begun."""
        return sum(worker.load_calls for worker in self.launched if worker.spec.id == model)

    async def launch(self, spec: ModelSpec, placement: Placement) -> "FakeWorker":
        behaviour = FakeBehavior() if self._script is None else self._script(spec, placement)
        worker = FakeWorker(self._clock, spec, placement, behaviour, next(self._pids))
        self.launched.append(worker)
        return worker


class FakeWorker:
    """A worker whose process is a future; see `worker.base.Worker`."""

    def __init__(
        self,
        clock: Clock,
        spec: ModelSpec,
        placement: Placement,
        behaviour: FakeBehavior,
        pid: int,
    ) -> None:
        self.spec = spec
        self.placement = placement
        self.behaviour = behaviour
        self.runs: list[FakeRun] = []
        """Every run ever begun, oldest first."""
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
        """What the process holds now."""
        return 0 if self.gone else self.behaviour.memory_bytes

    @property
    def open_runs(self) -> list["FakeRun"]:
        """The runs that were begun and have not ended."""
        return [run for run in self.runs if run.open]

    def die(self, returncode: int = -_SIGKILL, *, oom: bool = False) -> None:
        """End the process as the outside would: `kill -9`, a crash, the out-of-memory killer."""
        self._exit(describe_exit(returncode, loading=self._loading, oom_killed=oom))

    async def load(self, on_progress: OnProgress) -> LoadResult:
        self.load_calls += 1
        begun = self._clock.now()
        on_progress("load", 0)
        await self._unless_gone(self._clock.sleep(self.behaviour.load_seconds / 2))
        on_progress("load", 100)
        on_progress("warmup", -1)
        await self._unless_gone(self._clock.sleep(self.behaviour.load_seconds / 2))
        if self.behaviour.frozen:
            await self._unless_gone(asyncio.Event().wait())
        if self.behaviour.load_error is not None:
            self._exit(describe_exit(1, failure=self.behaviour.load_error))
            raise self.behaviour.load_error
        if self.behaviour.load_exit_code is not None:
            self.die(self.behaviour.load_exit_code)
        self.check()
        self._loading = False
        return LoadResult(self._clock.now() - begun, self.behaviour.info)

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
        if self.behaviour.frozen:
            await self._unless_gone(asyncio.Event().wait())
        return 0.0

    async def stop(self, grace: float) -> ExitStatus:
        self.stop_calls += 1
        behaviour = self.behaviour
        if behaviour.frozen or behaviour.stop_seconds > 2 * grace:
            wait, returncode = 2 * grace, -_SIGKILL
        elif behaviour.stop_seconds > grace:
            wait, returncode = grace, -_SIGTERM
        else:
            wait, returncode = behaviour.stop_seconds, 0
        if wait and not self.gone:
            await self._race(self._clock.sleep(wait))
        self._exit(describe_exit(returncode, requested=True, loading=self._loading))
        return self._exited.result()

    def kill(self) -> None:
        self.killed = True
        self._exit(describe_exit(-_SIGKILL, requested=True, loading=self._loading))

    def check(self) -> None:
        """Raise what a request to a process that is gone raises."""
        if self.gone:
            raise exit_error(self._exited.result(), self.spec.id)

    def _exit(self, exit_: ExitStatus) -> None:
        if not self.gone:
            self._exited.set_result(exit_)
            for run in self.open_runs:
                run.fail(exit_error(exit_, self.spec.id))

    async def _race(self, waiting: Awaitable[object]) -> None:
        """Wait for whichever comes first: this, or the end of the process."""
        task: asyncio.Future[Any] = asyncio.ensure_future(waiting)
        either: set[asyncio.Future[Any]] = {task, self._exited}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _unless_gone(self, waiting: Awaitable[object]) -> None:
        await self._race(waiting)
        self.check()


class FakeRun:
    """A run on a fake worker; see `worker.base.Run`."""

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
        """All input that has arrived."""
        self.cancelled = False
        """Whether its `async with` was left before the end."""
        self._worker = worker
        self._clock = clock
        self._sealed = asyncio.Event()
        self._outcome = RunStream()
        self._task: asyncio.Task[None] | None = None

    @property
    def open(self) -> bool:
        """Whether it was begun and has neither ended nor been cancelled."""
        return self._task is not None and not self._outcome.ended and not self.cancelled

    @property
    def ended(self) -> bool:
        """Whether its result or error is known."""
        return self._outcome.ended

    def fail(self, error: ConductorError) -> None:
        """End it with an error, as the worker would."""
        self._outcome.fail(error)

    async def send(self, payload: bytes, data: Mapping[str, Any] | None = None) -> None:
        if self._outcome.error is not None:
            raise self._outcome.error
        if self._task is None or not self.streaming or self._sealed.is_set():
            raise InternalError("Input was sent to a run that takes none.")
        self.input += payload
        for chunk in self._worker.behaviour.on_input(self.request, payload, data or {}):
            self._outcome.push(chunk)
        await asyncio.sleep(0)

    async def end(self) -> None:
        if self._outcome.error is not None:
            raise self._outcome.error
        self._sealed.set()

    def __aiter__(self) -> AsyncIterator[OutputChunk]:
        return self._outcome.chunks()

    async def result(self) -> Mapping[str, Any]:
        return await self._outcome.result()

    async def __aenter__(self) -> Self:
        self._worker.check()
        if not self.streaming:
            self._sealed.set()
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
        self.cancelled = not self._outcome.ended
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _work(self) -> None:
        behaviour = self._worker.behaviour
        try:
            await self._sealed.wait()
            await self._clock.sleep(behaviour.run_seconds)
            if behaviour.frozen:
                await asyncio.Event().wait()
            answer = behaviour.reply(self.request, bytes(self.input))
            for chunk in answer.chunks:
                self._outcome.push(chunk)
                if behaviour.chunk_seconds:
                    await self._clock.sleep(behaviour.chunk_seconds)
        except ConductorError as err:
            self._outcome.fail(err)
        except Exception as err:
            # A mistake in the test's script: it must fail the test, not hang it.
            self._outcome.fail(InternalError(f"The script of the fake worker failed: {err!r}."))
            raise
        else:
            if answer.error is not None:
                self._outcome.fail(answer.error)
            else:
                self._outcome.finish(answer.result)
