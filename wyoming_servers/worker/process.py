"""Workers as child processes: start, stop, log output, and the reason of an exit."""

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from typing import Final, cast

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
)
from wyoming_servers.core.errors import (
    ConductorError,
    DeadlineError,
    InferenceFailedError,
    LoadFailedError,
)
from wyoming_servers.core.sandbox.policy import SandboxPolicy
from wyoming_servers.worker.client import WorkerClient
from wyoming_servers.worker.environment import EnvironmentVariables, worker_environment
from wyoming_servers.worker.exit_status import (
    count_oom_kills,
    describe_exit,
    exit_error,
)
from wyoming_servers.worker.interface import (
    ExitStatus,
    LoadResult,
    OnProgress,
)
from wyoming_servers.worker.load_meter import LoadMeter
from wyoming_servers.worker.sandbox import worker_policy

_EXIT_GRACE_SECONDS: Final = 1.0
"""After the process, its pipe or its output has ended, the others get this long to end too."""

_KILL_SECONDS: Final = 5.0
"""A killed process is gone well before, unless the kernel cannot end it."""

_MAX_LINE_BYTES: Final = 4_096
"""Longer lines are truncated; libraries print whole tensors when they fail."""

_CHILD_LINE: Final = re.compile(r"^(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):[\w.]+: ?")
"""Prefix of a line that our own child logs; it is removed, since the server's log adds its own."""

_LIBRARY_LEVELS: Final = (
    (re.compile(r"^Fatal Python error|^terminate called"), logging.CRITICAL),
    (re.compile(r"^Traceback|^\w*(Error|Exception)\b"), logging.ERROR),
    # CTranslate2 (spdlog), then onnxruntime.
    (re.compile(r"^\[[^]]+\] \[ctranslate2\] .*\[(error|critical)\]"), logging.ERROR),
    (re.compile(r"^\[[^]]+\] \[ctranslate2\] .*\[warning\]"), logging.WARNING),
    (re.compile(r"\[[EF]:onnxruntime:"), logging.ERROR),
    (re.compile(r"\[W:onnxruntime:"), logging.WARNING),
)
"""Starts of lines that libraries print, with the log level."""


class ProcessLauncher:
    """Starts a child process for each worker."""

    def __init__(
        self,
        *,
        environment: Mapping[str, EnvironmentVariables] | None = None,
        python: str = sys.executable,
    ) -> None:
        """`environment` adds variables by engine to those of `worker.environment`."""
        self._environment = environment
        self._python = python

    async def launch(self, spec: ModelSpec, placement: Placement) -> "ProcessWorker":
        """Start a process for the model; nothing is loaded yet. Raises LoadFailedError."""
        environment, policy, kills = await asyncio.to_thread(self._prepare, spec, placement)
        worker = ProcessWorker(spec, placement, oom_kills_before=kills)
        try:
            await worker.start(self._python, environment, policy)
        except OSError as err:
            raise LoadFailedError(
                f"No worker process could be started for {spec.id}: {err}.",
                hint="The machine may be out of memory, processes or open files.",
            ) from err
        return worker

    def _prepare(
        self, spec: ModelSpec, placement: Placement
    ) -> tuple[dict[str, str], SandboxPolicy | None, int]:
        environment = worker_environment(spec.engine, placement, self._environment)
        return environment, worker_policy(spec, placement, environment), count_oom_kills()


class ProcessWorker(asyncio.SubprocessProtocol):
    """A child process and the pipe to it; see `worker.interface.Worker`.

    One task watches for the end of the process and reports it. All other work happens in callbacks
    of the event loop: when the pipe has data and when the process prints.
    """

    def __init__(self, spec: ModelSpec, placement: Placement, *, oom_kills_before: int) -> None:
        self.spec = spec
        self.placement = placement
        self._loop = asyncio.get_running_loop()
        self._client = WorkerClient(self._on_protocol_error, self._on_pipe_closed)
        self.open: Final = self._client.open
        self._log_reader = ChildLogReader(spec.id)
        self._oom_kills_before = oom_kills_before
        self._exited: asyncio.Future[ExitStatus] = self._loop.create_future()
        self._process: asyncio.SubprocessTransport | None = None
        # The worker is gone when all three are set.
        self._process_ended = asyncio.Event()
        self._pipe_ended = asyncio.Event()
        self._output_ended = asyncio.Event()
        self._exit_requested = False
        self._failure: ConductorError | None = None

    async def start(
        self, python: str, environment: Mapping[str, str], policy: SandboxPolicy | None = None
    ) -> None:
        """Start the process, confined by the policy, and connect the pipe. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                # `create_subprocess_exec` would need another task to read the output.
                await self._loop.subprocess_exec(
                    lambda: self,
                    *_command(python, theirs.fileno(), self.spec.id, self._log_level, policy),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=(theirs.fileno(),),
                    # Ctrl-C goes to the whole foreground group, and the server decides what it
                    # means for a worker. The kernel ends a worker that outlives the server.
                    start_new_session=True,
                    env=environment,
                )
            self._watcher = self._loop.create_task(
                self._watch(), name=f"exit of worker process {self.pid}"
            )
            await self._loop.create_connection(lambda: self._client, sock=ours)
        except BaseException:
            ours.close()
            if self._process is not None:
                self._pipe_ended.set()
                self.kill()
            raise

    @property
    def pid(self) -> int:
        return self._transport.get_pid() or 0

    @property
    def exited(self) -> asyncio.Future[ExitStatus]:
        # Shielded, so that a waiter that is cancelled cancels only its own future.
        return asyncio.shield(self._exited)

    async def load(self, on_progress: OnProgress) -> LoadResult:
        meter = LoadMeter(self.pid, self.spec.files, on_progress)
        measuring = asyncio.create_task(meter.run(), name=f"load progress of {self.pid}")
        try:
            return await self._client.load(self.spec, self.placement, meter.report)
        finally:
            measuring.cancel()

    async def ping(self) -> float:
        return await self._client.ping()

    async def stop(self, grace: float) -> ExitStatus:
        """Unload, terminate, kill. Raises DeadlineError if the kernel cannot end the process.

        If the caller is cancelled, the process is killed.
        """
        self._request_exit()
        try:
            for act, seconds in (
                (self._client.unload, grace),
                (self._transport.terminate, grace),
                (self._transport.kill, _KILL_SECONDS),
            ):
                if await self._exits_after(act, seconds):
                    return self._exited.result()
        except asyncio.CancelledError:
            self.kill()
            raise
        raise DeadlineError(
            f"The worker of {self.spec.id} (process {self.pid}) cannot be killed.",
            hint="A driver blocks it; only restarting the machine may help.",
        )

    def kill(self) -> None:
        self._request_exit()
        self._kill_process()

    # Callbacks of asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._process = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._log_reader.feed(data)

    def process_exited(self) -> None:
        self._process_ended.set()

    def connection_lost(self, exc: Exception | None) -> None:
        # The process has exited, and no other process holds its output open.
        self._output_ended.set()

    # Callbacks of the client.

    def _on_pipe_closed(self) -> None:
        self._pipe_ended.set()

    def _on_protocol_error(self, reason: ConductorError) -> None:
        self._fail(
            InferenceFailedError(f"The worker of {self.spec.id} was killed. {reason.message}")
        )

    @property
    def _log_level(self) -> int:
        return self._log_reader.logger.getEffectiveLevel()

    @property
    def _transport(self) -> asyncio.SubprocessTransport:
        return cast("asyncio.SubprocessTransport", self._process)

    def _request_exit(self) -> None:
        """Record that the server wants the process to end, unless it has ended by itself."""
        if not self._process_ended.is_set():
            self._exit_requested = True

    def _kill_process(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._transport.kill()

    def _fail(self, error: ConductorError) -> None:
        """Kill a process that cannot continue; its requests fail with `error` when it is gone.

        They do not fail before, so that no retry meets the same process again; but soon after, in
        case the kernel cannot end it.
        """
        self._failure = error
        self._kill_process()
        self._loop.call_later(_EXIT_GRACE_SECONDS, self._client.fail_all, error)

    async def _exits_after(self, act: Callable[[], None], seconds: float) -> bool:
        """Act on the process; return whether it is gone within that many seconds."""
        if not self._exited.done():
            with contextlib.suppress(ProcessLookupError):
                act()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await asyncio.shield(self._exited)
        return self._exited.done()

    async def _watch(self) -> None:
        """Wait for the end of the worker, then report it.

        1. The process, its pipe or its output has ended: the others get some time to end too.
        2. The pipe has ended, but not the process: it hangs, and is killed unless the server has
           asked it to exit, which has deadlines of its own.
        3. The process has exited, but another process holds its output or pipe open: closed here.
        """
        parts = (self._process_ended, self._pipe_ended, self._output_ended)
        waiters = [asyncio.ensure_future(part.wait()) for part in parts]
        try:
            await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)  # 1
            await asyncio.wait(waiters, timeout=_EXIT_GRACE_SECONDS)
            if not self._process_ended.is_set():  # 2
                if not self._exit_requested:
                    self._fail(
                        InferenceFailedError(
                            f"The worker of {self.spec.id} closed its pipe and was killed."
                        )
                    )
                await self._process_ended.wait()
                await asyncio.wait(waiters, timeout=_EXIT_GRACE_SECONDS)
        finally:
            for waiter in waiters:
                waiter.cancel()
        self._transport.close()  # 3
        self._client.close()
        self._log_reader.close()
        self._report(await self._exit_status())

    async def _exit_status(self) -> ExitStatus:
        returncode, oom = self._transport.get_returncode(), False
        if returncode == -signal.SIGKILL and not self._exit_requested and self._failure is None:
            # Only a counter in a file distinguishes the kernel's kill from a `kill -9`.
            oom = await asyncio.to_thread(count_oom_kills) > self._oom_kills_before
        return describe_exit(
            returncode,
            requested=self._exit_requested,
            loading=self._client.loading,
            failure=self._failure or self._client.load_error,
            oom_killed=oom,
            last_line=self._log_reader.last_line,
        )

    def _report(self, status: ExitStatus) -> None:
        log = self._log_reader.logger.info if status.expected else self._log_reader.logger.warning
        log("Worker process %d is gone: %s", self.pid, status.reason)
        self._client.fail_all(self._failure or exit_error(status, self.spec.id))
        self._exited.set_result(status)


def _command(
    python: str, pipe: int, model: str, log_level: int, policy: SandboxPolicy | None
) -> list[str]:
    """Return the command line of a worker.

    -P: modules never come from the working directory. -u: output is not buffered.
    """
    return [
        python,
        *("-P", "-u", "-m", "wyoming_servers.worker.child"),
        *("--fd", str(pipe)),
        *("--name", model),
        *("--parent", str(os.getpid())),
        *("--log-level", str(log_level)),
        *(("--sandbox", policy.to_json()) if policy is not None else ()),
    ]


class ChildLogReader:
    """Splits the output of a worker into lines and logs each under the name of the model."""

    def __init__(self, model: str) -> None:
        self.logger = logging.getLogger(f"wyoming_servers.worker.{model}")
        self.last_line = ""
        """The last line that was not empty."""
        self._rest = bytearray()
        self._level = logging.INFO

    def feed(self, data: bytes) -> None:
        """Add output of the process."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._rest += line[: _MAX_LINE_BYTES - len(self._rest)]
            self._log()
        self._rest += rest[: _MAX_LINE_BYTES - len(self._rest)]

    def close(self) -> None:
        """Log a last line without a line end."""
        self._log()

    def _log(self) -> None:
        line = self._rest.decode("utf-8", "replace").rstrip()
        self._rest.clear()
        if not line:
            return
        if ours := _CHILD_LINE.match(line):
            self._level = getattr(logging, ours["level"])
            line = line[ours.end() :]
        elif not line[0].isspace():  # An indented line continues the one before.
            self._level = _library_level(line)
        self.last_line = line.strip()
        self.logger.log(self._level, "%s", line)


def _library_level(line: str) -> int:
    return next((level for pattern, level in _LIBRARY_LEVELS if pattern.search(line)), logging.INFO)
