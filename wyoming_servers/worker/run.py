"""One inference over the pipe, as whoever asked for it sees it; see `worker.base.Run`."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from wyoming_servers.domain import Priority
from wyoming_servers.errors import CancelledError, ConductorError
from wyoming_servers.protocol.flow import (
    INPUT_WINDOW,
    OUTPUT_WINDOW,
    OVERHEAD,
    Meter,
    Window,
    cost,
)
from wyoming_servers.protocol.messages import (
    InferenceChunk,
    InputChunk,
    InputEnd,
    Message,
    RunInference,
)
from wyoming_servers.worker.base import Chunk
from wyoming_servers.worker.outcome import Outcome


class Line(Protocol):
    """What a run needs of the pipe; `client.Client` is it."""

    def next_run(self) -> int:
        """Return the number of the run that is about to begin."""
        ...

    def begin(self, run: "PipeRun", message: RunInference) -> None:
        """Send the first message of a run and expect answers for it."""
        ...

    def send(self, message: Message) -> None:
        """Write a message without waiting. Raises what the worker was lost to."""
        ...

    async def writable(self) -> None:
        """Wait while the pipe is full. Raises what the worker was lost to."""
        ...

    def credit(self, run: int, size: int) -> None:
        """Tell the worker that output was taken, if the run has not ended."""
        ...

    def cancel(self, run: int) -> None:
        """Tell the worker that nobody waits for a run, if it has not ended."""
        ...


class PipeRun:
    """It begins when its `async with` is entered, and is cancelled when that is left early."""

    def __init__(
        self,
        line: Line,
        request: Mapping[str, Any],
        payload: bytes,
        *,
        streaming: bool,
        priority: Priority,
    ) -> None:
        self._line = line
        self._request = request
        self._payload = payload
        self._streaming = streaming
        self._priority = priority
        self._number = 0
        """The run's number on the pipe; 0 until it begins."""
        self._outcome = Outcome(self._taken)
        self._window = Window(INPUT_WINDOW)
        self._meter = Meter(OUTPUT_WINDOW)
        self._refilled = asyncio.Event()

    async def send(self, payload: bytes, data: Mapping[str, Any] | None = None) -> None:
        while not self._window.open and not self._outcome.ended:
            self._refilled.clear()
            await self._refilled.wait()
        self._raise_failure()
        chunk = InputChunk(run=self._number, data=data or {}, payload=payload)
        self._line.send(chunk)
        self._window.spend(cost(chunk))
        await self._line.writable()

    async def end(self) -> None:
        self._raise_failure()
        self._line.send(InputEnd(run=self._number))

    def __aiter__(self) -> AsyncIterator[Chunk]:
        return self._outcome.chunks()

    async def result(self) -> Mapping[str, Any]:
        return await self._outcome.result()

    async def __aenter__(self) -> Self:
        self._number = self._line.next_run()
        first = RunInference(
            run=self._number,
            priority=self._priority,
            streaming=self._streaming,
            request=self._request,
            payload=self._payload,
        )
        self._payload = b""  # it may be long, and is not needed again
        self._line.begin(self, first)
        try:
            await self._line.writable()
        except BaseException:
            self._line.cancel(self._number)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._line.cancel(self._number)
        self._outcome.fail(CancelledError("The run was left before its end."))
        self._outcome.discard()
        self._refilled.set()

    # What the client calls.

    def push(self, chunk: InferenceChunk) -> None:
        """Take a chunk in."""
        self._outcome.push(Chunk(chunk.data, chunk.payload))

    def finish(self, result: Mapping[str, Any]) -> None:
        """Note that the run ended well."""
        self._outcome.end(result)

    def fail(self, error: ConductorError) -> None:
        """Note that the run failed."""
        self._outcome.fail(error)
        self._refilled.set()

    def refill(self, size: int) -> None:
        """Note that the worker has taken input."""
        self._window.refill(size)
        self._refilled.set()

    def _taken(self, chunk: Chunk) -> None:
        """The reader has a chunk: the worker may send as much again."""
        if size := self._meter.take(len(chunk.payload) + OVERHEAD):
            self._line.credit(self._number, size)

    def _raise_failure(self) -> None:
        if self._outcome.error is not None:
            raise self._outcome.error
