"""Runs blocking calls, such as those of a driver, in a thread that cannot block the shutdown."""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class DaemonExecutor:
    """Runs calls one after the other in its own daemon thread.

    With the event loop's executor instead, a driver that hangs would keep the interpreter from
    exiting, and would occupy threads that others need.
    """

    def __init__(self, name: str, timeout: float) -> None:
        self._name = name
        self._timeout = timeout
        """Seconds after which a call that has not returned is abandoned."""
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = (
            queue.SimpleQueue()
        )
        self._thread: threading.Thread | None = None
        self._abandoned: Future[Any] | None = None
        """The last call that had not returned in time."""

    async def run(self, function: Callable[[], T]) -> T:
        """Run a function in the thread and return its result; concurrent calls are queued.

        Raises TimeoutError after the timeout, and at once while an abandoned call still hangs.
        """
        if self._abandoned is not None and not self._abandoned.done():
            raise TimeoutError(f"{self._name} is still busy with an earlier call")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run_calls, name=self._name, daemon=True)
            self._thread.start()
        future: Future[T] = Future()
        self._calls.put((function, future))
        try:
            async with asyncio.timeout(self._timeout):
                return await asyncio.wrap_future(future)
        except TimeoutError:
            if not future.done():
                self._abandoned = future
            raise

    def close(self) -> None:
        """Let the thread end after its current call."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread = None

    def _run_calls(self) -> None:
        while (call := self._calls.get()) is not None:
            function, future = call
            if not future.set_running_or_notify_cancel():
                continue  # canceled while it was queued
            try:
                result = function()
            except Exception as err:  # noqa: BLE001  (it is raised again where `run` is awaited)
                future.set_exception(err)
            else:
                future.set_result(result)
