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
    CHUNK_OVERHEAD,
    CreditMeter,
    SendWindow,
    window_cost,
)
from wyoming_servers.protocol.messages import (
    InferenceChunk,
    InputChunk,
    InputEnd,
    Message,
    RunInference,
)
from wyoming_servers.worker.base import OutputChunk
from wyoming_servers.worker.outcome import RunStream


class RunTransport(Protocol):
    """What a run needs of the pipe; `client.Client` is it."""

    def next_run_number(self) -> int:
        """Return the number of the run that is about to begin."""
        ...

    def start_run(self, run: "RemoteRun", message: RunInference) -> None:
        """Send the first message of a run and expect answers for it."""
        ...

    def send(self, message: Message) -> None:
        """Write a message without waiting. Raises what the worker was lost to."""
        ...

    async def wait_writable(self) -> None:
        """Wait while the pipe is full. Raises what the worker was lost to."""
        ...

    def send_credit(self, run: int, size: int) -> None:
        """Tell the worker that output was taken, if the run has not ended."""
        ...

    def cancel_run(self, run: int) -> None:
        """Tell the worker that nobody waits for a run, if it has not ended."""
        ...


class RemoteRun:
    """It begins when its `async with` is entered, and is cancelled when that is left early."""

    def __init__(
        self,
        line: RunTransport,
        request: Mapping[str, Any],
        payload: bytes,
        *,
        streaming: bool,
        priority: Priority,
    ) -> None:
        self._transport = line
        self._request = request
        self._payload = payload
        self._streaming = streaming
        self._priority = priority
        self._number = 0
        """The run's number on the pipe; 0 until it begins."""
        self._stream = RunStream(self._on_consumed)
        self._window = SendWindow(INPUT_WINDOW)
        self._meter = CreditMeter(OUTPUT_WINDOW)
        self._refilled = asyncio.Event()

    async def send(self, payload: bytes, data: Mapping[str, Any] | None = None) -> None:
        while not self._window.is_open and not self._stream.ended:
            self._refilled.clear()
            await self._refilled.wait()
        self._raise_failure()
        chunk = InputChunk(run=self._number, data=data or {}, payload=payload)
        self._transport.send(chunk)
        self._window.consume(window_cost(chunk))
        await self._transport.wait_writable()

    async def end(self) -> None:
        self._raise_failure()
        self._transport.send(InputEnd(run=self._number))

    def __aiter__(self) -> AsyncIterator[OutputChunk]:
        return self._stream.chunks()

    async def result(self) -> Mapping[str, Any]:
        return await self._stream.result()

    async def __aenter__(self) -> Self:
        self._number = self._transport.next_run_number()
        first = RunInference(
            run=self._number,
            priority=self._priority,
            streaming=self._streaming,
            request=self._request,
            payload=self._payload,
        )
        self._payload = b""  # it may be long, and is not needed again
        self._transport.start_run(self, first)
        try:
            await self._transport.wait_writable()
        except BaseException:
            self._transport.cancel_run(self._number)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._transport.cancel_run(self._number)
        self._stream.fail(CancelledError("The run was left before its end."))
        self._stream.discard()
        self._refilled.set()

    # What the client calls.

    def push(self, chunk: InferenceChunk) -> None:
        """Take a chunk in."""
        self._stream.push(OutputChunk(chunk.data, chunk.payload))

    def finish(self, result: Mapping[str, Any]) -> None:
        """Note that the run ended well."""
        self._stream.finish(result)

    def fail(self, error: ConductorError) -> None:
        """Note that the run failed."""
        self._stream.fail(error)
        self._refilled.set()

    def refill(self, size: int) -> None:
        """Note that the worker has taken input."""
        self._window.refill(size)
        self._refilled.set()

    def _on_consumed(self, chunk: OutputChunk) -> None:
        """The reader has a chunk: the worker may send as much again."""
        if size := self._meter.record(len(chunk.payload) + CHUNK_OVERHEAD):
            self._transport.send_credit(self._number, size)

    def _raise_failure(self) -> None:
        if self._stream.error is not None:
            raise self._stream.error
