"""Runs blocking calls, such as those of a driver, in a thread that cannot block the shutdown."""

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Call(Generic[T]):
    """A queued call."""

    def __init__(self, function: Callable[[], T], loop: asyncio.AbstractEventLoop) -> None:
        self.function = function
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()


class DaemonExecutor:
    """Runs calls one after the other in its own daemon thread.

    With the event loop's executor instead, a driver that hangs would keep the interpreter from
    exiting, and would occupy threads that others need.
    """

    def __init__(self, name: str, timeout: float) -> None:
        self._name = name
        self._timeout = timeout
        """Seconds after which a call that has not returned is abandoned."""
        self._calls: queue.SimpleQueue[_Call[Any] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stuck = False
        """Whether an abandoned call has not returned yet."""

    async def run(self, function: Callable[[], T]) -> T:
        """Run a function in the thread and return its result; concurrent calls are queued.

        Raises TimeoutError after the timeout, and at once while an abandoned call still hangs.
        """
        if self._stuck:
            raise TimeoutError(f"{self._name} is still busy with an earlier call")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run_calls, name=self._name, daemon=True)
            self._thread.start()
        call = _Call(function, asyncio.get_running_loop())
        self._calls.put(call)
        try:
            async with asyncio.timeout(self._timeout):
                return await call.future
        except TimeoutError:
            self._stuck = True
            raise

    def close(self) -> None:
        """Let the thread end after its current call."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread = None

    def _run_calls(self) -> None:
        while (call := self._calls.get()) is not None:
            if call.future.done():
                continue  # abandoned or canceled while it was queued
            result, error = None, None
            try:
                result = call.function()
            except Exception as err:  # noqa: BLE001  (it is raised again where `run` is awaited)
                error = err
            try:
                call.loop.call_soon_threadsafe(self._resolve, call, result, error)
            except RuntimeError:
                return  # the event loop was closed during the call

    def _resolve(self, call: _Call[Any], result: object, error: Exception | None) -> None:
        self._stuck = False
        if call.future.done():
            return  # abandoned or canceled
        if error is not None:
            call.future.set_exception(error)
        else:
            call.future.set_result(result)
