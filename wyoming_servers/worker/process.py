"""What a worker process prints, as lines of the server's log under the model's name."""

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Any, Final, cast

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Priority,
)
from wyoming_servers.core.errors import (
    ConductorError,
    DeadlineError,
    InferenceFailedError,
    LoadFailedError,
)
from wyoming_servers.worker.client import RemoteRun, WorkerClient
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

_MAX_LINE_BYTES: Final = 4_096
"""Bytes of a line that are kept; libraries print whole tensors when they fail."""

_CHILD_LINE: Final = re.compile(r"^(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):[\w.]+: ?")
"""How a line of our own child begins; the server's log says all of that itself."""

_LIBRARY_LEVELS: Final = (
    (re.compile(r"^Fatal Python error|^terminate called"), logging.CRITICAL),
    (re.compile(r"^Traceback|^\w*(Error|Exception)\b"), logging.ERROR),
    # CTranslate2 (spdlog), then onnxruntime.
    (re.compile(r"^\[[^]]+\] \[ctranslate2\] .*\[(error|critical)\]"), logging.ERROR),
    (re.compile(r"^\[[^]]+\] \[ctranslate2\] .*\[warning\]"), logging.WARNING),
    (re.compile(r"\[[EF]:onnxruntime:"), logging.ERROR),
    (re.compile(r"\[W:onnxruntime:"), logging.WARNING),
)
"""How a line of a library begins, and its level."""


class ChildLogReader:
    """Cuts a stream of bytes into lines and logs each, as it comes."""

    def __init__(self, model: str) -> None:
        self.logger = logging.getLogger(f"wyoming_servers.worker.{model}")
        self.last_line = ""
        """The last line that was not empty."""
        self._rest = bytearray()
        self._level = logging.INFO

    def feed(self, data: bytes) -> None:
        """Take what the process has printed."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._rest += line[: _MAX_LINE_BYTES - len(self._rest)]
            self._log()
        self._rest += rest[: _MAX_LINE_BYTES - len(self._rest)]

    def close(self) -> None:
        """Log what came without an end of line."""
        self._log()

    def _log(self) -> None:
        line = self._rest.decode("utf-8", "replace").rstrip()
        self._rest.clear()
        if not line:
            return
        if ours := _CHILD_LINE.match(line):
            self._level = getattr(logging, ours["level"])
            line = line[ours.end() :]
        elif not line[0].isspace():  # an indented line belongs to the one before
            self._level = _library_level(line)
        self.last_line = line.strip()
        self.logger.log(self._level, "%s", line)


def _library_level(line: str) -> int:
    return next((level for pattern, level in _LIBRARY_LEVELS if pattern.search(line)), logging.INFO)


# Workers as child processes: starting them, ending them, and saying why they ended.
#
# Nothing here is a task: the event loop calls back when the pipe has data, when the process prints
# and when it exits. So a worker needs no owner besides whoever must stop it.

_EXIT_GRACE_SECONDS: Final = 1.0
"""After the process or its pipe has ended, the other gets this long to end too. A process that
hangs without its pipe is killed then; a pipe that some grandchild holds open is closed."""

_KILL_SECONDS: Final = 5.0
"""A process that was killed is gone well before, unless the kernel cannot end it."""


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
        environment, kills = await asyncio.to_thread(self._look_around, spec, placement)
        worker = ProcessWorker(spec, placement, oom_kills_before=kills)
        try:
            await worker.start(self._python, environment)
        except OSError as err:
            raise LoadFailedError(
                f"No worker process could be started for {spec.id}: {err}.",
                hint="The machine may be out of memory, processes or open files.",
            ) from err
        return worker

    def _look_around(self, spec: ModelSpec, placement: Placement) -> tuple[dict[str, str], int]:
        return worker_environment(spec.engine, placement, self._environment), count_oom_kills()


class ProcessWorker(asyncio.SubprocessProtocol):
    """A child process and the pipe to it; see `worker.base.Worker`."""

    def __init__(self, spec: ModelSpec, placement: Placement, *, oom_kills_before: int) -> None:
        self.spec = spec
        self.placement = placement
        self._loop = asyncio.get_running_loop()
        self._client = WorkerClient(self._on_broken, self._on_pipe_end)
        self._lines = ChildLogReader(spec.id)
        self._oom_kills_before = oom_kills_before
        self._exited: asyncio.Future[ExitStatus] = self._loop.create_future()
        self._process: asyncio.SubprocessTransport | None = None
        self._waiting_for = {"exit", "pipe", "output"}
        """What has not ended yet; when nothing is left, the worker is gone."""
        self._settling: asyncio.TimerHandle | None = None
        self._asked = False
        self._failure: ConductorError | None = None

    async def start(self, python: str, environment: Mapping[str, str]) -> None:
        """Start the process and connect the pipe. Raises OSError."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                # `create_subprocess_exec` would need a task to read what the process prints.
                await self._loop.subprocess_exec(
                    lambda: self,
                    *_command(python, theirs.fileno(), self.spec.id, self._lines),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.STDOUT,
                    pass_fds=(theirs.fileno(),),
                    # Ctrl-C goes to the whole foreground group: it is for us to decide what it
                    # means for a worker. The kernel ends a worker that outlives us.
                    start_new_session=True,
                    env=environment,
                )
            await self._loop.create_connection(lambda: self._client, sock=ours)
        except BaseException:
            ours.close()
            if self._process is not None:
                self._waiting_for.discard("pipe")
                self.kill()
            raise

    @property
    def pid(self) -> int:
        return self._transport.get_pid() or 0

    @property
    def exited(self) -> asyncio.Future[ExitStatus]:
        # Shielded, so that a waiter who is cancelled cancels his own future only.
        return asyncio.shield(self._exited)

    async def load(self, on_progress: OnProgress) -> LoadResult:
        return await self._client.load(self.spec, self.placement, on_progress)

    def open(
        self,
        request: Mapping[str, Any],
        *,
        payload: bytes = b"",
        streaming: bool = False,
        priority: Priority = Priority.BACKGROUND,
    ) -> RemoteRun:
        return self._client.open(request, payload, streaming=streaming, priority=priority)

    async def ping(self) -> float:
        return await self._client.ping()

    async def stop(self, grace: float) -> ExitStatus:
        """Ask, terminate, kill. Raises DeadlineError if the kernel cannot end the process.

        A caller who is cancelled has no more patience: the process is killed.
        """
        self._ask()
        try:
            for act, patience in (
                (self._client.unload, grace),
                (self._transport.terminate, grace),
                (self._transport.kill, _KILL_SECONDS),
            ):
                if await self._gone_after(act, patience):
                    return self._exited.result()
        except asyncio.CancelledError:
            self.kill()
            raise
        raise DeadlineError(
            f"The worker of {self.spec.id} (process {self.pid}) cannot be killed.",
            hint="A driver holds it; only restarting the machine may help.",
        )

    def kill(self) -> None:
        self._ask()
        self._end_process()

    # What asyncio calls about the process.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._process = cast("asyncio.SubprocessTransport", transport)

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._lines.feed(data)

    def process_exited(self) -> None:
        self._ended("exit")

    def connection_lost(self, exc: Exception | None) -> None:
        # The process has exited, and nobody holds its output open.
        self._ended("output")

    # What the client calls.

    def _on_pipe_end(self) -> None:
        self._ended("pipe")

    def _on_broken(self, reason: ConductorError) -> None:
        self._fail(
            InferenceFailedError(f"The worker of {self.spec.id} was killed. {reason.message}")
        )

    @property
    def _transport(self) -> asyncio.SubprocessTransport:
        return cast("asyncio.SubprocessTransport", self._process)

    def _ask(self) -> None:
        """Note that we want the process to end, unless it has ended by itself."""
        if "exit" in self._waiting_for:
            self._asked = True

    def _end_process(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._transport.kill()

    def _fail(self, error: ConductorError) -> None:
        """End a process that is of no use, and fail what it works on when it is gone.

        Not before, so that nobody who hears of it meets the same process again; but not much
        later either, should the kernel be unable to end it.
        """
        self._failure = error
        self._end_process()
        self._loop.call_later(_EXIT_GRACE_SECONDS, self._client.fail_all, error)

    async def _gone_after(self, act: Any, patience: float) -> bool:
        """Do something about the process; say whether it is gone within that many seconds."""
        if not self._exited.done():
            with contextlib.suppress(ProcessLookupError):
                act()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await asyncio.shield(self._exited)
        return self._exited.done()

    def _ended(self, what: str) -> None:
        """One of the three has ended: when all have, or the time for it is over, conclude."""
        self._waiting_for.discard(what)
        if not self._waiting_for:
            self._conclude()
        elif self._settling is None:
            self._settling = self._loop.call_later(_EXIT_GRACE_SECONDS, self._settle)

    def _settle(self) -> None:
        self._settling = None
        if "exit" not in self._waiting_for:
            self._conclude()
        elif not self._asked:
            self._fail(
                InferenceFailedError(f"The worker of {self.spec.id} hung up and was killed.")
            )

    def _conclude(self) -> None:
        """Nothing more will come: find out why, then tell everybody."""
        if self._settling is not None:
            self._settling.cancel()
        self._waiting_for.clear()
        self._transport.close()
        self._client.close()
        self._lines.close()
        returncode = self._transport.get_returncode()
        if returncode == -signal.SIGKILL and not self._asked and self._failure is None:
            # A file must be read to tell the kernel from a person with `kill -9`.
            counting = self._loop.run_in_executor(None, count_oom_kills)
            counting.add_done_callback(
                lambda done: self._tell(returncode, oom=done.result() > self._oom_kills_before)
            )
        else:
            self._tell(returncode, oom=False)

    def _tell(self, returncode: int | None, *, oom: bool) -> None:
        if self._exited.done():
            return
        exit_ = describe_exit(
            returncode,
            asked=self._asked,
            loading=self._client.loading,
            failure=self._failure or self._client.load_error,
            oom_killed=oom,
            last_words=self._lines.last_line,
        )
        say = self._lines.logger.info if exit_.expected else self._lines.logger.warning
        say("Worker process %d is gone: %s", self.pid, exit_.reason)
        self._client.fail_all(self._failure or exit_error(exit_, self.spec.id))
        self._exited.set_result(exit_)


def _command(python: str, pipe: int, model: str, lines: ChildLogReader) -> list[str]:
    """-P: modules never come from the working directory; -u: what is printed comes at once."""
    return [
        python,
        *("-P", "-u", "-m", "wyoming_servers.worker.child"),
        *("--fd", str(pipe)),
        *("--name", model),
        *("--parent", str(os.getpid())),
        *("--log-level", str(lines.logger.getEffectiveLevel())),
    ]
