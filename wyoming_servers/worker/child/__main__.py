"""The worker process: `python -m wyoming_servers.worker.child --fd N --name MODEL --parent PID`.

It has two threads. The event loop owns the pipe and the protocol session: it answers pings at once,
even during an inference, and passes all other messages to the engine thread through a mailbox. The
engine thread owns the engine and its runs (`executor`), and passes encoded messages back. An engine
that supports parallel runs computes them in the threads of an inference pool, which report to the
same mailbox.

The process exits after `unload-model`, when the pipe ends, when its parent dies, and at once by
SIGTERM. It always exits by `os._exit`, because an orderly shutdown of a CUDA library can hang.
"""

import argparse
import asyncio
import ctypes
import faulthandler
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, Final, NoReturn, cast

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.core.errors import (
    CancelledError,
    DeviceLostError,
)
from wyoming_servers.core.sandbox.confine import confine
from wyoming_servers.core.sandbox.policy import SandboxPolicy
from wyoming_servers.engines.base import Engine, SupportsParallelRuns, create_engine
from wyoming_servers.engines.error_mapping import classify
from wyoming_servers.protocol.codec import FrameDecoder, FramingError, encode_frame
from wyoming_servers.protocol.messages import (
    PIPE_LIMITS,
    ErrorMessage,
    InferenceResult,
    LoadModel,
    Message,
    ModelReady,
    ModelUnloadedMessage,
    Peer,
    Ping,
    Pong,
    ProgressMessage,
    ProtocolError,
    UnloadModel,
    from_frame,
    to_frame,
)
from wyoming_servers.protocol.session import ProtocolSession, WorkerPhase
from wyoming_servers.worker.child.executor import (
    InferencePool,
    RunExecutor,
    StepDone,
    log_failure,
)
from wyoming_servers.worker.child.run_queue import PlayoutQueue, RunQueue
from wyoming_servers.worker.exit_status import (
    DEVICE_LOST_STATUS,
    PROTOCOL_STATUS,
)

_LOGGER: Final = logging.getLogger("worker")

_FLUSH_SECONDS: Final = 2.0
"""The process exits after this time even if its last message was not written."""

_DEFAULT_SAMPLE_RATE: Final = 22_050
"""Assumed for a voice that reports no sample rate (Hz); the server rejects such a voice."""

_PR_SET_PDEATHSIG: Final = 1

_OOM_SCORE: Final = "500"
"""Added to the out-of-memory score, so that the kernel kills a worker before the server."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the worker; never returns."""
    parser = argparse.ArgumentParser(prog="worker", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="socket to the server")
    parser.add_argument("--name", required=True, help="model id, for the process list")
    parser.add_argument("--parent", type=int, required=True, help="process id of the server")
    parser.add_argument("--log-level", type=int, default=logging.INFO)
    parser.add_argument(
        "--sandbox", type=SandboxPolicy.from_json, help="what the process may do, as JSON"
    )
    options = parser.parse_args(arguments)
    faulthandler.enable()
    # Ctrl-C goes to the whole process group; the server decides what it means for a worker.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _exit_with_parent(options.parent)
    _raise_oom_score()
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter("%(levelname)s:%(name)s: %(message)s"))
    logging.basicConfig(level=options.log_level, handlers=[handler])
    if options.sandbox is not None:
        # Before the first thread, and before the first byte of a model is read.
        confine(options.sandbox)
    asyncio.run(_serve(socket.socket(fileno=options.fd)))
    raise AssertionError("the event loop exits the process")


class _Formatter(logging.Formatter):
    """Indents all lines but the first, so that the server logs them at the same level."""

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", "\n  ")


async def _serve(pipe: socket.socket) -> NoReturn:
    """Serve the server on the pipe, then exit.

    The loop is never closed, so that the engine thread can always call it.
    """
    pipe.setblocking(False)
    loop = asyncio.get_running_loop()
    child = WorkerChild(loop)
    await loop.create_connection(lambda: child, sock=pipe)
    _exit(await child.ended)


class WorkerChild(asyncio.Protocol):
    """The pipe and the protocol session on the event loop, and the engine on a thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.ended: asyncio.Future[int] = loop.create_future()
        """Done with the exit status when the process must exit."""
        self._loop = loop
        self._session = ProtocolSession(Peer.WORKER)
        self._decoder = FrameDecoder(PIPE_LIMITS)
        self._mailbox: SimpleQueue[Message | StepDone] = SimpleQueue()
        self._transport: asyncio.Transport | None = None
        self._status = 0
        self._thread = threading.Thread(target=self._run_engine_thread, name="engine", daemon=True)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._thread.start()

    def data_received(self, data: bytes) -> None:
        self._decoder.feed(data)
        try:
            for frame in self._decoder:
                self._receive(from_frame(frame, Peer.SERVER))
        except (FramingError, ProtocolError):
            _LOGGER.exception("The server broke the worker protocol")
            self._exit_soon(PROTOCOL_STATUS)

    def connection_lost(self, exc: Exception | None) -> None:
        # Our last message was written, or the server is gone.
        if not self.ended.done():
            self.ended.set_result(self._status)

    def _receive(self, message: Message) -> None:
        loading = self._session.phase is WorkerPhase.LOADING
        if not self._session.receive(message):
            return
        if isinstance(message, Ping):
            self._send(Pong(text=message.text))
        elif isinstance(message, UnloadModel) and loading:
            # A load cannot be interrupted, and there is nothing to save.
            self._send(ModelUnloadedMessage())
            self._exit_soon(0)
        else:
            self._mailbox.put(message)

    def _send(self, message: Message, data: bytes | None = None) -> None:
        """Send a message, unless a message of the server has overtaken it."""
        if self._transport is None or self._transport.is_closing():
            return
        if not self._session.send(message):
            if isinstance(message, InferenceResult):
                # The cancel has just arrived, and a cancelled run ends with an error.
                self._send(_cancelled(message.run))
            return
        self._transport.write(encode_frame(to_frame(message)) if data is None else data)

    def _exit_soon(self, status: int) -> None:
        """Exit when all messages are written."""
        self._status = status
        if self._transport is not None:
            self._transport.close()
        self._loop.call_later(_FLUSH_SECONDS, _exit, status)

    # The engine thread; it calls the event loop only through `_emit` and `_exit_soon`.

    def _run_engine_thread(self) -> None:
        try:
            status = self._serve_model()
        except DeviceLostError as err:
            _LOGGER.error("%s", err)  # noqa: TRY400  (expected; a traceback adds nothing)
            status = DEVICE_LOST_STATUS
        except BaseException:
            _LOGGER.exception("The worker failed")
            status = 1
        self._loop.call_soon_threadsafe(self._exit_soon, status)

    def _serve_model(self) -> int:
        """Load, serve, unload; return the exit status."""
        message = self._mailbox.get()
        if isinstance(message, LoadModel):
            loaded = self._load(message)
            if loaded is None:
                return 1
            engine, info = loaded
            self._run_loop(engine, Task(message.kind), info)
            engine.close()
        self._emit(ModelUnloadedMessage())
        return 0

    def _load(self, message: LoadModel) -> tuple[Engine, Mapping[str, Any]] | None:
        """Load and warm up; None if that failed, after the error was sent."""
        started_at = monotonic()
        last: list[tuple[str, int]] = []

        def progress(phase: str, percent: int) -> None:
            if last != [(phase, percent)]:
                last[:] = [(phase, percent)]
                self._emit(ProgressMessage(phase=phase, percent=percent))

        try:
            engine = create_engine(message.engine)
            info = engine.load(
                _spec(message), Placement(message.device, message.compute_type), progress
            )
            progress("warmup", -1)
            engine.warm_up()
            # Objects that exist now stay: scanning them for garbage would delay inferences.
            gc.collect()
            gc.freeze()
            self._emit(ModelReady(seconds=monotonic() - started_at, info=info))
        except Exception as err:  # noqa: BLE001  (whatever a library raises becomes the error of the load)
            error = classify(err, loading=True)
            log_failure(_LOGGER, f"Loading {message.model}", err, error)
            self._emit(
                ErrorMessage(
                    code=error.code,
                    message=error.message,
                    hint=error.hint,
                    recoverable=error.recoverable,
                )
            )
            return None
        return engine, info

    def _run_loop(self, engine: Engine, task: Task, info: Mapping[str, Any]) -> None:
        """Execute runs until the model must be unloaded."""
        count = engine.parallel_runs if isinstance(engine, SupportsParallelRuns) else 1
        pool = InferencePool(count, self._mailbox.put) if count > 1 else None
        queue = _playout_queue(info, count) if task is Task.TTS else RunQueue()
        executor = RunExecutor(engine, self._emit, pool, queue)
        while True:
            # All messages that have arrived are handled before each step, so that a cancel or a
            # more urgent run takes effect at once. The thread sleeps only if no run can advance.
            while (delay := executor.delay) != 0.0 or not self._mailbox.empty():
                try:
                    message = self._mailbox.get(timeout=delay)
                except Empty:
                    continue
                if isinstance(message, UnloadModel):
                    executor.close()
                    return
                executor.handle(message)
            executor.step()

    def _emit(self, message: Message) -> None:
        """Send a message from the engine thread.

        Raises TypeError or ValueError if its data is not JSON.
        """
        data = encode_frame(to_frame(message))
        self._loop.call_soon_threadsafe(self._send, message, data)


def _spec(message: LoadModel) -> ModelSpec:
    """Return the description of the model for its engine."""
    return ModelSpec(
        id=message.model,
        task=Task(message.kind),
        engine=message.engine,
        files=message.files,
        languages=message.languages,
        options=message.options,
    )


def _playout_queue(info: Mapping[str, Any], parallel_runs: int) -> RunQueue:
    """Return the queue of a voice, from the facts that its engine reported."""
    rate = info.get("sample_rate")
    return PlayoutQueue(
        monotonic,
        sample_rate=rate if isinstance(rate, int) and rate > 0 else _DEFAULT_SAMPLE_RATE,
        streams_audio=bool(info.get("streams_audio")),
        parallel_runs=parallel_runs,
    )


def _cancelled(run: int) -> ErrorMessage:
    return ErrorMessage(run=run, code=CancelledError.code, message="The run was cancelled.")


def _exit_with_parent(parent: int) -> None:
    """Have Linux kill us when the server dies: a blocked loop would not see the pipe end."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        # It has died already.
        _exit(0)


def _raise_oom_score() -> None:
    try:
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    except OSError as err:
        _LOGGER.debug("The out-of-memory score was not raised: %s", err)


def _exit(status: int) -> NoReturn:
    """Exit now: the log is flushed, and nothing else is shut down."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status)


if __name__ == "__main__":
    main()
