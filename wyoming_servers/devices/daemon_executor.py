"""One thread for calls that may block, such as a driver's, and that must not take us with them."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Call(Generic[T]):
    def __init__(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop) -> None:
        self.function = call
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()


class DaemonExecutor:
    """Runs calls one after the other in a daemon thread of its own.

    Not the loop's executor: a driver that hangs would keep the interpreter from exiting, and
    would use up the threads that others need.
    """

    def __init__(self, name: str, timeout: float) -> None:
        self._name = name
        self._timeout = timeout
        """Seconds until a call that has not returned is given up."""
        self._calls: queue.SimpleQueue[_Call[Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stuck = False
        """Whether a call was given up and has not returned since."""

    async def run(self, function: Callable[[], T]) -> T:
        """Run a function in the thread and return what it returns; calls at once take turns.

        Raises TimeoutError after the deadline, and at once while a call that was given up hangs.
        """
        if self._stuck:
            raise TimeoutError(f"{self._name} is still busy with an earlier call")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run_calls, name=self._name, daemon=True)
            self._thread.start()
        job = _Call(function, asyncio.get_running_loop())
        self._calls.put(job)
        try:
            async with asyncio.timeout(self._timeout):
                return await job.future
        except TimeoutError:
            self._stuck = True
            raise

    def close(self) -> None:
        """Let the thread end after the call it is in."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread = None

    def _run_calls(self) -> None:
        while (job := self._calls.get()) is not None:
            if job.future.done():
                continue  # given up while it waited for its turn
            result, error = None, None
            try:
                result = job.function()
            except Exception as err:  # noqa: BLE001  (it is raised again where `call` is awaited)
                error = err
            try:
                job.loop.call_soon_threadsafe(self._resolve, job, result, error)
            except RuntimeError:
                return  # the event loop was closed while the call hung: nobody waits any more

    def _resolve(self, job: _Call[Any], result: object, error: Exception | None) -> None:
        self._stuck = False
        if job.future.done():
            return  # given up or cancelled
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(result)
