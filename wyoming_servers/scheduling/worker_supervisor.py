"""Looks after one worker process, from before it exists until after it is gone."""

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
from wyoming_servers.worker.interface import (
    Launcher,
    LoadResult,
    Worker,
)

_LOGGER = logging.getLogger(__name__)

SendMessage = Callable[[messages.PlannerMessage], None]
SpawnTask = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


class WorkerSupervisor:
    """One process's life. Everything worth knowing of it goes to the planner through `tell`."""

    def __init__(
        self, action: LaunchWorker, launcher: Launcher, tell: SendMessage, spawn: SpawnTask
    ) -> None:
        self.key = action.key
        self.generation = action.generation
        self.spec: ModelSpec = action.spec
        self.worker: Worker | None = None
        self.info: Mapping[str, Any] = {}
        """What the loaded model reported."""
        self._grace = action.stop_grace
        self._launcher = launcher
        self._send = tell
        self._spawn = spawn
        self._kill_reason: ConductorError | None = None
        """Why we kill it: what its runs fail with."""
        self._stop_requested = False
        self._launching: asyncio.Task[Worker] | None = None
        self._stops: list[asyncio.Task[None]] = []
        self._pings: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """See it through; ends, having told the planner, when the process is gone."""
        code, message = InternalError.code, "The server lost track of the process."
        try:
            code, message = await self._run_worker()
        except ConductorError as err:
            code, message = err.code, err.message
        except asyncio.CancelledError:
            # Only at the very end of a shutdown: nobody is left to wait for the process.
            self.kill_now()
            raise
        except Exception as err:
            _LOGGER.exception("a worker of %s could not be looked after; this is a bug", self.key)
            message = f"The server failed: {err!r}."
            await self._kill_and_wait()
        finally:
            for ping in self._pings:
                ping.cancel()
        self._report_exit(code, message)

    def stop(self, grace: float) -> None:
        """Have it unload and exit; a process that is only being started does so right after."""
        self._grace, self._stop_requested = grace, True
        if self.worker is not None:
            self._stops.append(self._spawn(self._stop_worker(self.worker), f"stop of {self.key}"))

    def kill(self, code: str, message: str) -> None:
        """End it now; its runs fail with this error."""
        self._kill_reason = from_code(code, message)
        self.kill_now()

    def kill_now(self) -> None:
        """End it now."""
        if self.worker is not None:
            self.worker.kill()
        elif self._launching is not None:
            self._launching.cancel()

    def ping(self) -> None:
        """Ask whether it lives; the answer goes to the planner."""
        if self.worker is not None:
            self._pings = [ping for ping in self._pings if not ping.done()]
            self._pings.append(self._spawn(self._ping_worker(self.worker), f"ping of {self.key}"))

    def explain_error(self, error: ConductorError) -> ConductorError:
        """Tell the planner what a run's failure means; say why, if it was us who ended it.

        If the process is gone, the planner learns it here and now: whoever had the run may ask
        for the next lease before the news of the exit has made its way.
        """
        if self._kill_reason is not None:
            return self._kill_reason
        if self.worker is not None and self.worker.exited.done():
            exit_ = self.worker.exited.result()
            self._report_exit(exit_.code, exit_.reason)
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
        """Start the process, load, and wait for its end; return code and message of that."""
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
        fault: ConductorError | None = None
        if self._stop_requested:
            await self._stop_worker(worker)
        else:
            fault = await self._load(worker)
        gone = await asyncio.shield(worker.exited)
        await asyncio.gather(*self._stops, return_exceptions=True)
        reason = self._kill_reason or fault
        return (reason.code, reason.message) if reason else (gone.code, gone.reason)

    async def _load(self, worker: Worker) -> ConductorError | None:
        """Load the model; return what went wrong, once the process was told to end."""
        loading: asyncio.Task[LoadResult] = asyncio.ensure_future(worker.load(self._progressed))
        exited = asyncio.ensure_future(asyncio.shield(worker.exited))
        try:
            either: set[asyncio.Future[Any]] = {loading, exited}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not loading.done():
                loading.cancel()  # the process is gone, whatever the load still waits for
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
        """Say that the process is gone; the second time it is no news."""
        self._send(
            messages.WorkerExited(
                key=self.key, generation=self.generation, code=code, message=message
            )
        )

    def _progressed(self, phase: str, percent: int) -> None:
        self._send(
            messages.WorkerProgressed(
                key=self.key, generation=self.generation, phase=phase, percent=percent
            )
        )

    async def _stop_worker(self, worker: Worker) -> None:
        try:
            await worker.stop(self._grace)
        except ConductorError as err:
            # The planner goes on counting its memory as used, until it really is gone.
            _LOGGER.error("%s cannot be stopped: %s", self.key, err)  # noqa: TRY400

    async def _ping_worker(self, worker: Worker) -> None:
        try:
            await worker.ping()
        except ConductorError as err:
            _LOGGER.debug("%s did not answer: %s", self.key, err)  # its exit says why
            return
        self._send(messages.PingAnswered(key=self.key, generation=self.generation))

    async def _kill_and_wait(self) -> None:
        """Leave no process behind when something unforeseen has happened."""
        if self.worker is not None:
            self.worker.kill()
            await asyncio.shield(self.worker.exited)
