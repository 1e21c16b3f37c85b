"""The server's end of the pipe to a worker: messages and runs, no processes.

Everything happens in the event loop, in callbacks of the transport: the client has no tasks that
would have to be cancelled when the worker dies. `WorkerClient.fail_all` ends everything that waits.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, cast

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Priority,
)
from wyoming_servers.core.errors import (
    CancelledError,
    ConductorError,
    InternalError,
    from_code,
)
from wyoming_servers.protocol.codec import FrameDecoder, FramingError, encode_frame
from wyoming_servers.protocol.messages import (
    PIPE_LIMITS,
    Cancel,
    Credit,
    ErrorMessage,
    InferenceChunk,
    InferenceResult,
    InputChunk,
    InputEnd,
    LoadModel,
    Message,
    ModelReady,
    Peer,
    Ping,
    Pong,
    ProgressMessage,
    ProtocolError,
    RunInference,
    UnloadModel,
    from_frame,
    to_frame,
)
from wyoming_servers.protocol.session import (
    CHUNK_OVERHEAD,
    INPUT_WINDOW,
    OUTPUT_WINDOW,
    CreditMeter,
    ProtocolSession,
    SendWindow,
    WorkerPhase,
    window_cost,
)
from wyoming_servers.worker.interface import (
    LoadResult,
    OnProgress,
    OutputChunk,
)

OnProtocolError = Callable[[ConductorError], None]
"""Called once, with the reason, when the worker has broken the protocol."""

OnPipeClosed = Callable[[], None]
"""Called when either end has closed the pipe."""

_Result = TypeVar("_Result")


class WorkerClient(asyncio.Protocol):
    """One worker's pipe. Connect it with `loop.create_connection(lambda: client, sock=…)`."""

    def __init__(self, on_protocol_error: OnProtocolError, on_pipe_closed: OnPipeClosed) -> None:
        self._on_protocol_error = on_protocol_error
        self._on_pipe_closed = on_pipe_closed
        self._session = ProtocolSession(Peer.SERVER)
        self._decoder = FrameDecoder(PIPE_LIMITS)
        self._transport: asyncio.Transport | None = None
        self._outgoing: list[bytes] = []
        """Messages that are written together at the next iteration of the event loop: the audio of
        many streams arrives at the same moment, and a system call for each would cost more."""
        self._writable = asyncio.Event()
        self._writable.set()
        self._run_numbers = itertools.count(1)
        self._ping_numbers = itertools.count(1)
        self._runs: dict[int, RemoteRun] = {}
        self._ready = False
        self._loading: asyncio.Future[LoadResult] | None = None
        self._on_progress: OnProgress | None = None
        self._pings: dict[str, asyncio.Future[None]] = {}
        self._failure: ConductorError | None = None
        self.load_error: ConductorError | None = None
        """The error that the worker reported for its load."""

    @property
    def loading(self) -> bool:
        """Whether the model has not been ready yet."""
        return not self._ready

    async def load(
        self, spec: ModelSpec, placement: Placement, on_progress: OnProgress
    ) -> LoadResult:
        """Load and warm up. Raises the ConductorError that the worker failed with."""
        self._on_progress = on_progress
        self._loading = asyncio.get_running_loop().create_future()
        self.send(
            LoadModel(
                model=spec.id,
                engine=spec.engine,
                kind=spec.task,
                files=spec.files,
                languages=spec.languages,
                device=placement.device,
                compute_type=placement.compute_type,
                options=spec.options,
            )
        )
        return await self._loading

    def open(
        self,
        request: Mapping[str, Any],
        *,
        payload: bytes = b"",
        streaming: bool = False,
        priority: Priority = Priority.BACKGROUND,
    ) -> "RemoteRun":
        """Prepare a run; it starts when its `async with` is entered."""
        return RemoteRun(self, request, payload, streaming=streaming, priority=priority)

    async def ping(self) -> float:
        """Return the seconds that the worker's message loop took to answer."""
        loop = asyncio.get_running_loop()
        text, sent_at = str(next(self._ping_numbers)), loop.time()
        answered = self._pings[text] = loop.create_future()
        try:
            self.send(Ping(text=text))
            await answered
        finally:
            del self._pings[text]
        return loop.time() - sent_at

    def unload(self) -> None:
        """Ask the worker to unload and exit, unless it is gone or was asked before."""
        if self._failure is None and self._session.phase not in (
            WorkerPhase.UNLOADING,
            WorkerPhase.CLOSED,
        ):
            self.send(UnloadModel())

    def fail_all(self, error: ConductorError) -> None:
        """Fail everything that waits, and every later request, with this error."""
        if self._failure is not None:
            return
        self._failure = error
        for run in self._runs.values():
            run.fail(error)
        self._runs.clear()
        for waiting in (self._loading, *self._pings.values()):
            if waiting is not None and not waiting.done():
                waiting.set_exception(error)
        self._writable.set()

    def close(self) -> None:
        """Close the pipe; messages that were not written are dropped."""
        if self._transport is not None:
            self._transport.abort()

    # Called by runs.

    def start_run(self, run: "RemoteRun", message: RunInference) -> None:
        """Send the first message of a run, and route answers to it."""
        self.send(message)
        self._runs[message.run] = run

    def next_run_number(self) -> int:
        """Return the number of the run that is about to start."""
        return next(self._run_numbers)

    def cancel_run(self, run: int) -> None:
        """Cancel a run unless it has ended; its further output is dropped."""
        if self._runs.pop(run, None) is not None:
            self.send(Cancel(target=run))

    def send_credit(self, run: int, size: int) -> None:
        """Let the worker send more output of a run; ignored after the worker was lost."""
        if self._failure is None:
            self.send(Credit(run=run, size=size))

    def send(self, message: Message) -> None:
        """Write a message without waiting; one that the worker's own has overtaken is dropped.

        Raises the error that ended the worker, or InternalError.
        """
        if self._failure is not None:
            raise self._failure
        if self._transport is None:
            raise InternalError("The pipe to the worker was never connected.")
        try:
            data = encode_frame(to_frame(message))
        except (TypeError, ValueError) as err:
            raise InternalError(f"{message.type} is not valid JSON: {err}.") from err
        # When the pipe has ended, the process is about to be found dead, and `fail_all` follows.
        if self._session.send(message) and not self._transport.is_closing():
            self._outgoing.append(data)
            if len(self._outgoing) == 1:
                asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        """Write the outgoing messages, unless the pipe has ended."""
        outgoing, self._outgoing = self._outgoing, []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(outgoing))

    async def wait_writable(self) -> None:
        """Wait while the pipe is full. Raises the error that ended the worker."""
        await self._writable.wait()
        if self._failure is not None:
            raise self._failure

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._decoder.feed(data)
        try:
            for frame in self._decoder:
                self._receive(from_frame(frame, Peer.WORKER))
        except (FramingError, ProtocolError) as err:
            self._disconnect(err)

    def connection_lost(self, exc: Exception | None) -> None:
        self._on_pipe_closed()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _disconnect(self, reason: ConductorError) -> None:
        """Close the pipe to a worker that broke the protocol."""
        self.close()
        self._on_protocol_error(reason)

    def _receive(self, message: Message) -> None:
        if self._failure is not None or not self._session.receive(message):
            return
        match message:
            case InferenceChunk(run=number):
                if run := self._runs.get(number):
                    run.push(message)
            case InferenceResult(run=number):
                if run := self._runs.pop(number, None):
                    run.finish(message.data)
            case ErrorMessage(run=int(number)):
                if run := self._runs.pop(number, None):
                    run.fail(_to_error(message))
            case ErrorMessage():
                self._load_failed(_to_error(message))
            case Credit(run=number, size=size):
                if run := self._runs.get(number):
                    run.refill(size)
            case ProgressMessage(run=None):
                if self._on_progress is not None:
                    self._on_progress(message.phase, message.percent)
            case ModelReady():
                self._ready = True
                _resolve(self._loading, LoadResult(message.seconds, message.info))
            case Pong():
                _resolve(self._pings.get(message.text), None)

    def _load_failed(self, error: ConductorError) -> None:
        self.load_error = error
        self.fail_all(error)


class RemoteRun:
    """A run on the worker; see `worker.interface.Run`."""

    def __init__(
        self,
        client: WorkerClient,
        request: Mapping[str, Any],
        payload: bytes,
        *,
        streaming: bool,
        priority: Priority,
    ) -> None:
        self._client = client
        self._request = request
        self._payload = payload
        self._streaming = streaming
        self._priority = priority
        self._number = 0
        """Number of the run on the pipe; 0 until it starts."""
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
        self._client.send(chunk)
        self._window.consume(window_cost(chunk))
        await self._client.wait_writable()

    async def end(self) -> None:
        self._raise_failure()
        self._client.send(InputEnd(run=self._number))

    def __aiter__(self) -> AsyncIterator[OutputChunk]:
        return self._stream.chunks()

    async def result(self) -> Mapping[str, Any]:
        return await self._stream.result()

    async def __aenter__(self) -> Self:
        self._number = self._client.next_run_number()
        first = RunInference(
            run=self._number,
            priority=self._priority,
            streaming=self._streaming,
            request=self._request,
            payload=self._payload,
        )
        self._payload = b""  # It may be large, and is not needed again.
        self._client.start_run(self, first)
        try:
            await self._client.wait_writable()
        except BaseException:
            self._client.cancel_run(self._number)
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.cancel_run(self._number)
        if not self._stream.ended:
            self._stream.fail(CancelledError("The run was closed before its end."))
        self._stream.discard()
        self._refilled.set()

    # Called by the client.

    def push(self, chunk: InferenceChunk) -> None:
        """Add a chunk of output."""
        self._stream.push(OutputChunk(chunk.data, chunk.payload))

    def finish(self, result: Mapping[str, Any]) -> None:
        """End the run with its result."""
        self._stream.finish(result)

    def fail(self, error: ConductorError) -> None:
        """End the run with an error."""
        self._stream.fail(error)
        self._refilled.set()

    def refill(self, size: int) -> None:
        """Count input that the worker has consumed."""
        self._window.refill(size)
        self._refilled.set()

    def _on_consumed(self, chunk: OutputChunk) -> None:
        """Let the worker send as much output as the reader has consumed."""
        if size := self._meter.record(len(chunk.payload) + CHUNK_OVERHEAD):
            self._client.send_credit(self._number, size)

    def _raise_failure(self) -> None:
        if self._stream.error is not None:
            raise self._stream.error


OnConsumed = Callable[[OutputChunk], None]
"""Called when the reader has consumed or discarded a chunk."""


class RunStream:
    """Output chunks of a run until its result or error; for one reader.

    The writer calls `push` any number of times, then `finish` or `fail`. Later calls are ignored,
    so that all runs of a dead worker can be failed, whether they have ended or not.
    """

    def __init__(self, on_consumed: OnConsumed | None = None) -> None:
        self._chunks: deque[OutputChunk] = deque()
        self._on_consumed = on_consumed
        self._changed = asyncio.Event()
        self._result: Mapping[str, Any] | None = None
        self._error: ConductorError | None = None

    @property
    def ended(self) -> bool:
        """Whether the result or the error is known; chunks may still be unread."""
        return self._result is not None or self._error is not None

    @property
    def error(self) -> ConductorError | None:
        """The error of the run, if it failed."""
        return self._error

    def push(self, chunk: OutputChunk) -> None:
        """Add a chunk."""
        if not self.ended:
            self._chunks.append(chunk)
            self._changed.set()

    def finish(self, result: Mapping[str, Any]) -> None:
        """End the run with its result."""
        if not self.ended:
            self._result = result
            self._changed.set()

    def fail(self, error: ConductorError) -> None:
        """End the run with an error; unread chunks can still be read first."""
        if not self.ended:
            self._error = error
            self._changed.set()

    def discard(self) -> None:
        """Drop unread chunks."""
        while self._chunks:
            self._take()

    async def chunks(self) -> AsyncIterator[OutputChunk]:
        """Yield chunks until the end. Raises the error of the run."""
        while True:
            while self._chunks:
                yield self._take()
            if self.ended:
                break
            await self._wait()
        if self._error is not None:
            raise self._error

    async def result(self) -> Mapping[str, Any]:
        """Wait for the end and drop unread chunks. Raises the error of the run."""
        while True:
            self.discard()
            if self._error is not None:
                raise self._error
            if self._result is not None:
                return self._result
            await self._wait()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _take(self) -> OutputChunk:
        chunk = self._chunks.popleft()
        if self._on_consumed is not None:
            self._on_consumed(chunk)
        return chunk


def _to_error(message: ErrorMessage) -> ConductorError:
    return from_code(message.code, message.message, message.hint)


def _resolve(waiting: asyncio.Future[_Result] | None, result: _Result) -> None:
    """Give a waiter its result, unless it was cancelled."""
    if waiting is not None and not waiting.done():
        waiting.set_result(result)
