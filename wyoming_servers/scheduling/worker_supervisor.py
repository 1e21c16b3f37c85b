"""Supervises one worker process from its launch to its exit."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.core.errors import (
    ConductorError,
    DeviceLostError,
    InternalError,
    OutOfMemoryError,
    from_code,
)
from wyoming_servers.scheduling.planner import messages
from wyoming_servers.scheduling.planner.actions import LaunchWorker
from wyoming_servers.worker.interface import Launcher, LoadResult, Worker

_LOGGER = logging.getLogger(__name__)

SendMessage = Callable[[messages.PlannerMessage], None]
SpawnTask = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


class WorkerSupervisor:
    """Owns one process and reports to the planner whatever happens to it."""

    def __init__(
        self, action: LaunchWorker, launcher: Launcher, send: SendMessage, spawn: SpawnTask
    ) -> None:
        self.key = action.key
        self.generation = action.generation
        self.spec: ModelSpec = action.spec
        self.worker: Worker | None = None
        self.info: Mapping[str, Any] = {}
        """What the loaded model reported."""
        self._grace = action.stop_grace
        self._launcher = launcher
        self._send = send
        self._spawn = spawn
        self._kill_reason: ConductorError | None = None
        """Error of its runs, if the server kills it."""
        self._stop_requested = False
        self._launching: asyncio.Task[Worker] | None = None
        self._stops: list[asyncio.Task[None]] = []
        self._pings: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Launch the process, load the model, and report the exit of the process at the end."""
        code, message = InternalError.code, "The server lost track of the process."
        try:
            code, message = await self._run_worker()
        except ConductorError as err:
            code, message = err.code, err.message
        except asyncio.CancelledError:
            # Only at the very end of a shutdown, when nothing waits for the process any more.
            self.kill_now()
            raise
        except Exception as err:
            _LOGGER.exception("the supervision of %s failed; this is a bug", self.key)
            message = f"The server failed: {err!r}."
            await self._kill_and_wait()
        finally:
            for ping in self._pings:
                ping.cancel()
        self._report_exit(code, message)

    def stop(self, grace: float) -> None:
        """Make it unload and exit; a process that is still being launched exits right after."""
        self._grace, self._stop_requested = grace, True
        if self.worker is not None:
            self._stops.append(self._spawn(self._stop_worker(self.worker), f"stop of {self.key}"))

    def kill(self, code: str, message: str) -> None:
        """Kill it now; its runs fail with this error."""
        self._kill_reason = from_code(code, message)
        self.kill_now()

    def kill_now(self) -> None:
        """Kill it now."""
        if self.worker is not None:
            self.worker.kill()
        elif self._launching is not None:
            self._launching.cancel()

    def ping(self) -> None:
        """Check that it answers; the planner gets the answer as a message."""
        if self.worker is not None:
            self._pings = [ping for ping in self._pings if not ping.done()]
            self._pings.append(self._spawn(self._ping_worker(self.worker), f"ping of {self.key}"))

    def explain_error(self, error: ConductorError) -> ConductorError:
        """Report what the failure of a run means for the process; return the error to raise.

        If the process has exited, the planner is told at once: the client may request its next
        lease before `run` has noticed the exit.
        """
        if self._kill_reason is not None:
            return self._kill_reason
        if self.worker is not None and self.worker.exited.done():
            status = self.worker.exited.result()
            self._report_exit(status.code, status.reason)
            return error
        if isinstance(error, OutOfMemoryError | DeviceLostError):
            self._send(
                messages.RunFailed(
                    key=self.key,
                    generation=self.generation,
                    code=error.code,
                    message=error.message,
                )
            )
        return error

    async def _run_worker(self) -> tuple[str, str]:
        """Launch, load, and wait for the exit; return its error code and message."""
        self._launching = asyncio.ensure_future(
            self._launcher.launch(self.spec, self.key.placement)
        )
        try:
            worker = await self._launching
        except asyncio.CancelledError:
            if self._kill_reason is None:
                raise
            return self._kill_reason.code, self._kill_reason.message
        self.worker = worker
        self._send(messages.WorkerStarted(key=self.key, generation=self.generation, pid=worker.pid))
        error: ConductorError | None = None
        if self._stop_requested:
            await self._stop_worker(worker)
        else:
            error = await self._load(worker)
        status = await asyncio.shield(worker.exited)
        await asyncio.gather(*self._stops, return_exceptions=True)
        reason = self._kill_reason or error
        return (reason.code, reason.message) if reason else (status.code, status.reason)

    async def _load(self, worker: Worker) -> ConductorError | None:
        """Load the model; on an error, stop the process and return the error."""
        loading: asyncio.Task[LoadResult] = asyncio.ensure_future(
            worker.load(self._report_progress)
        )
        exited = asyncio.ensure_future(asyncio.shield(worker.exited))
        try:
            either: set[asyncio.Future[Any]] = {loading, exited}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not loading.done():
                loading.cancel()  # the process has exited, so the load cannot end
            loaded = await loading
        except asyncio.CancelledError:
            if exited.done():
                return None
            loading.cancel()
            raise
        except ConductorError as err:
            await self._stop_worker(worker)
            return err
        self.info = loaded.info
        self._send(
            messages.WorkerReady(
                key=self.key,
                generation=self.generation,
                seconds=loaded.seconds,
                info=loaded.info,
            )
        )
        return None

    def _report_exit(self, code: str, message: str) -> None:
        """Report the exit of the process; the planner ignores a second report."""
        self._send(
            messages.WorkerExited(
                key=self.key, generation=self.generation, code=code, message=message
            )
        )

    def _report_progress(self, phase: str, percent: int) -> None:
        self._send(
            messages.WorkerProgressed(
                key=self.key, generation=self.generation, phase=phase, percent=percent
            )
        )

    async def _stop_worker(self, worker: Worker) -> None:
        try:
            await worker.stop(self._grace)
        except ConductorError as err:
            # The planner keeps counting its memory as used until the process really exits.
            _LOGGER.error("%s cannot be stopped: %s", self.key, err)  # noqa: TRY400  (no bug)

    async def _ping_worker(self, worker: Worker) -> None:
        try:
            await worker.ping()
        except ConductorError as err:
            _LOGGER.debug("%s did not answer: %s", self.key, err)  # the exit has the reason
            return
        self._send(messages.PingAnswered(key=self.key, generation=self.generation))

    async def _kill_and_wait(self) -> None:
        """Leave no process behind after an unexpected error."""
        if self.worker is not None:
            self.worker.kill()
            await asyncio.shield(self.worker.exited)
