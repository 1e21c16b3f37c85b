"""Leases on loaded models, and the runs made with them."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NoReturn, Self

from wyoming_servers.core.domain import ModelSpec, Placement, Priority
from wyoming_servers.core.errors import (
    CancelledError,
    ConductorError,
    InternalError,
    RequestError,
)
from wyoming_servers.worker.interface import OutputChunk, Run, Worker

ExplainError = Callable[[ConductorError], ConductorError]
"""Called once with the error of a failed run; returns the error to raise, which may differ."""


@dataclass(frozen=True, slots=True)
class LoadedModelInfo:
    """What a loaded model reported about itself; see `engines.base`."""

    model: str
    values: Mapping[str, Any] = field(default_factory=dict)
    """The report as it is."""

    @property
    def sample_rate(self) -> int:
        """Samples per second of a voice. Raises InternalError if the engine did not report it."""
        rate = self.values.get("sample_rate")
        if not isinstance(rate, int) or rate <= 0:
            raise InternalError(f"{self.model} did not report its sample rate.")
        return rate

    @property
    def streams_audio(self) -> bool:
        """Whether a voice returns the first audio before the whole sentence is synthesized."""
        return bool(self.values.get("streams_audio"))


class ActiveLease:
    """A lease on one worker; implements `interface.Lease`."""

    def __init__(
        self,
        number: int,
        spec: ModelSpec,
        placement: Placement,
        info: Mapping[str, Any],
        worker: Worker,
        explain_error: ExplainError,
        priority: Priority,
    ) -> None:
        self.number = number
        self._spec = spec
        self._placement = placement
        self._info = LoadedModelInfo(spec.id, info)
        self._worker = worker
        self._explain_error = explain_error
        self._priority = priority
        self._ended = False
        self._successes = 0
        self._failures = 0

    @property
    def spec(self) -> ModelSpec:
        return self._spec

    @property
    def placement(self) -> Placement:
        return self._placement

    @property
    def info(self) -> LoadedModelInfo:
        return self._info

    @property
    def succeeded(self) -> bool:
        """Whether at least one run succeeded and none failed."""
        return self._successes > 0 and self._failures == 0

    def open(
        self,
        request: Mapping[str, Any],
        *,
        payload: bytes = b"",
        streaming: bool = False,
        priority: Priority | None = None,
    ) -> "LeasedRun":
        """Prepare a run. Raises InternalError after the lease has ended."""
        if self._ended:
            raise InternalError(f"The lease on {self._spec.id} has ended.")
        run = self._worker.open(
            request,
            payload=payload,
            streaming=streaming,
            priority=self._priority if priority is None else priority,
        )
        return LeasedRun(run, self)

    def end(self) -> None:
        """Accept no more runs."""
        self._ended = True

    def record_success(self) -> None:
        """Record that a run succeeded."""
        self._successes += 1

    def record_failure(self, error: ConductorError) -> ConductorError:
        """Record that a run failed; return the error to raise.

        An invalid request or a canceled one proves that the worker is healthy: it counts as a
        success.
        """
        if isinstance(error, RequestError | CancelledError):
            self._successes += 1
            return error
        self._failures += 1
        return self._explain_error(error)


class LeasedRun:
    """A run that records its outcome in the lease; implements `worker.interface.Run`."""

    def __init__(self, run: Run, lease: ActiveLease) -> None:
        self._run = run
        self._lease = lease
        self._chunks: AsyncIterator[OutputChunk] | None = None
        self._error: ConductorError | None = None
        self._ended = False

    async def send(self, payload: bytes, data: Mapping[str, Any] | None = None) -> None:
        try:
            await self._run.send(payload, data)
        except ConductorError as err:
            self._raise(err)

    async def end(self) -> None:
        try:
            await self._run.end()
        except ConductorError as err:
            self._raise(err)

    def __aiter__(self) -> AsyncIterator[OutputChunk]:
        self._chunks = self._run.__aiter__()
        return self

    async def __anext__(self) -> OutputChunk:
        if self._chunks is None:
            self._chunks = self._run.__aiter__()
        try:
            return await self._chunks.__anext__()
        except StopAsyncIteration:
            self._record_end()
            raise
        except ConductorError as err:
            self._raise(err)

    async def result(self) -> Mapping[str, Any]:
        try:
            result = await self._run.result()
        except ConductorError as err:
            self._raise(err)
        self._record_end()
        return result

    async def __aenter__(self) -> Self:
        try:
            await self._run.__aenter__()
        except ConductorError as err:
            self._raise(err)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._run.__aexit__(kind, error, traceback)

    def _record_end(self) -> None:
        if not self._ended:
            self._ended = True
            self._lease.record_success()

    def _raise(self, err: ConductorError) -> NoReturn:
        if self._error is None:
            self._ended = True
            self._error = self._lease.record_failure(err)
        if self._error is err:
            raise err
        raise self._error from err
