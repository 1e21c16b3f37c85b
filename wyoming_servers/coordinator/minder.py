"""Looks after one worker process, from before it exists until after it is gone."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from wyoming_servers.coordinator import signals
from wyoming_servers.coordinator.actions import Launch
from wyoming_servers.domain import ModelSpec
from wyoming_servers.errors import (
    ConductorError,
    DeviceLostError,
    InternalError,
    OutOfMemoryError,
    from_code,
)
from wyoming_servers.worker.base import Launcher, Loaded, Worker

_LOG = logging.getLogger(__name__)

Tell = Callable[[signals.Signal], None]
Spawn = Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]]


class Minder:
    """One process's life. Everything worth knowing of it goes to the planner through `tell`."""

    def __init__(self, action: Launch, launcher: Launcher, tell: Tell, spawn: Spawn) -> None:
        self.key = action.key
        self.generation = action.generation
        self.spec: ModelSpec = action.spec
        self.worker: Worker | None = None
        self.info: Mapping[str, Any] = {}
        """What the loaded model reported."""
        self._grace = action.stop_grace
        self._launcher = launcher
        self._tell = tell
        self._spawn = spawn
        self._doom: ConductorError | None = None
        """Why we kill it: what its runs fail with."""
        self._told_to_stop = False
        self._launching: asyncio.Task[Worker] | None = None
        self._stops: list[asyncio.Task[None]] = []
        self._pings: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """See it through; ends, having told the planner, when the process is gone."""
        code, message = InternalError.code, "The server lost track of the process."
        try:
            code, message = await self._live()
        except ConductorError as err:
            code, message = err.code, err.message
        except asyncio.CancelledError:
            # Only at the very end of a shutdown: nobody is left to wait for the process.
            self.kill_now()
            raise
        except Exception as err:  # noqa: BLE001  (the planner must learn that it is gone)
            _LOG.exception("a worker of %s could not be looked after; this is a bug", self.key)
            message = f"The server failed: {err!r}."
            await self._make_sure()
        finally:
            for ping in self._pings:
                ping.cancel()
        self._tell_gone(code, message)

    def stop(self, grace: float) -> None:
        """Have it unload and exit; a process that is only being started does so right after."""
        self._grace, self._told_to_stop = grace, True
        if self.worker is not None:
            self._stops.append(self._spawn(self._end(self.worker), f"stop of {self.key}"))

    def kill(self, code: str, message: str) -> None:
        """End it now; its runs fail with this error."""
        self._doom = from_code(code, message)
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
            self._pings.append(self._spawn(self._ask(self.worker), f"ping of {self.key}"))

    def explain(self, error: ConductorError) -> ConductorError:
        """Tell the planner what a run's failure means; say why, if it was us who ended it.

        If the process is gone, the planner learns it here and now: whoever had the run may ask
        for the next lease before the news of the exit has made its way.
        """
        if self._doom is not None:
            return self._doom
        if self.worker is not None and self.worker.exited.done():
            exit_ = self.worker.exited.result()
            self._tell_gone(exit_.code, exit_.reason)
            return error
        if isinstance(error, OutOfMemoryError | DeviceLostError):
            self._tell(
                signals.RunFaulted(
                    key=self.key,
                    generation=self.generation,
                    code=error.code,
                    message=error.message,
                )
            )
        return error

    async def _live(self) -> tuple[str, str]:
        """Start the process, load, and wait for its end; return code and message of that."""
        self._launching = asyncio.ensure_future(
            self._launcher.launch(self.spec, self.key.placement)
        )
        try:
            worker = await self._launching
        except asyncio.CancelledError:
            if self._doom is None:
                raise
            return self._doom.code, self._doom.message
        self.worker = worker
        self._tell(signals.WorkerStarted(key=self.key, generation=self.generation, pid=worker.pid))
        fault: ConductorError | None = None
        if self._told_to_stop:
            await self._end(worker)
        else:
            fault = await self._load(worker)
        gone = await asyncio.shield(worker.exited)
        await asyncio.gather(*self._stops, return_exceptions=True)
        reason = self._doom or fault
        return (reason.code, reason.message) if reason else (gone.code, gone.reason)

    async def _load(self, worker: Worker) -> ConductorError | None:
        """Load the model; return what went wrong, once the process was told to end."""
        loading: asyncio.Task[Loaded] = asyncio.ensure_future(worker.load(self._progressed))
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
            await self._end(worker)
            return err
        self.info = loaded.info
        self._tell(
            signals.WorkerReady(
                key=self.key,
                generation=self.generation,
                seconds=loaded.seconds,
                info=loaded.info,
            )
        )
        return None

    def _tell_gone(self, code: str, message: str) -> None:
        """Say that the process is gone; the second time it is no news."""
        self._tell(
            signals.WorkerGone(key=self.key, generation=self.generation, code=code, message=message)
        )

    def _progressed(self, phase: str, percent: int) -> None:
        self._tell(
            signals.WorkerProgressed(
                key=self.key, generation=self.generation, phase=phase, percent=percent
            )
        )

    async def _end(self, worker: Worker) -> None:
        try:
            await worker.stop(self._grace)
        except ConductorError as err:
            # The planner goes on counting its memory as used, until it really is gone.
            _LOG.error("%s cannot be stopped: %s", self.key, err)

    async def _ask(self, worker: Worker) -> None:
        try:
            await worker.ping()
        except ConductorError as err:
            _LOG.debug("%s did not answer: %s", self.key, err)  # its exit says why
            return
        self._tell(signals.PingAnswered(key=self.key, generation=self.generation))

    async def _make_sure(self) -> None:
        """Leave no process behind when something unforeseen has happened."""
        if self.worker is not None:
            self.worker.kill()
            await asyncio.shield(self.worker.exited)
