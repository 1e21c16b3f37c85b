"""The right to use a ready model, and the runs made with it."""

from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, NoReturn, Self

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Priority,
)
from wyoming_servers.core.errors import (
    CancelledError,
    ConductorError,
    InternalError,
    RequestError,
)
from wyoming_servers.scheduling.interface import Lease
from wyoming_servers.worker.interface import (
    OutputChunk,
    Run,
    Worker,
)

ExplainError = Callable[[ConductorError], ConductorError]
"""Called once with the error a run ended with; returns the one to raise, which may say more."""


class ActiveLease:
    """A lease on one worker; see `face.Lease`. It is of no use once it has ended."""

    def __init__(
        self,
        number: int,
        spec: ModelSpec,
        placement: Placement,
        info: Mapping[str, Any],
        worker: Worker,
        explain: ExplainError,
        priority: Priority,
    ) -> None:
        self.number = number
        self._spec = spec
        self._placement = placement
        self._info = info
        self._worker = worker
        self._explain = explain
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
    def info(self) -> Mapping[str, Any]:
        return self._info

    @property
    def succeeded(self) -> bool:
        """Whether the worker was of use: some run ended as it should, and none failed."""
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
        """Take no more runs."""
        self._ended = True

    def record_success(self) -> None:
        """Note that a run ended well."""
        self._successes += 1

    def record_failure(self, error: ConductorError) -> ConductorError:
        """Note that a run failed; return the error to raise.

        A request the engine could not serve, or one nobody waits for, says that it is well.
        """
        if isinstance(error, RequestError | CancelledError):
            self._successes += 1
            return error
        self._failures += 1
        return self._explain(error)


class LeasedRun:
    """A run whose end the coordinator learns of; see `worker.base.Run`."""

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
            self._note_end()
            raise
        except ConductorError as err:
            self._raise(err)

    async def result(self) -> Mapping[str, Any]:
        try:
            result = await self._run.result()
        except ConductorError as err:
            self._raise(err)
        self._note_end()
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

    def _note_end(self) -> None:
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


# What a loaded voice says of itself, as its engine reported it (`engines.base`).


def sample_rate(lease: Lease) -> int:
    """Return the samples per second of its audio. Raises InternalError if it did not say."""
    rate = lease.info.get("sample_rate")
    if not isinstance(rate, int) or rate <= 0:
        raise InternalError(f"{lease.spec.id} did not say its sample rate.")
    return rate


def streams_audio(lease: Lease) -> bool:
    """Return whether a voice produces audio before it has computed a whole sentence."""
    return bool(lease.info.get("streams_audio"))
