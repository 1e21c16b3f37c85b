"""Watches the event loop from a thread: how late it is, and what holds it up.

One blocking call delays every request of the server, and nothing else shows it. A probe is sent
into the loop ten times a second; the time until it runs is the lag. A probe that has not run after
a quarter of a second finds the culprit: the stack of the loop's thread at that moment is logged.
The thread also tells systemd that the loop lives, so that a server that hangs is restarted
(`WatchdogSec` of the unit).
"""

import asyncio
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from time import monotonic
from typing import Final, Self

from wyoming_servers.core import systemd
from wyoming_servers.core.clock import MIN_SUSPENSION_SECONDS

_LOGGER: Final = logging.getLogger(__name__)

INTERVAL_SECONDS: Final = 0.1
"""Pause between two probes, and so the error of a measured lag."""

SLOW_SECONDS: Final = 0.25
"""A lag that is logged: users notice a delay of 0.2 s."""

LOG_INTERVAL_SECONDS: Final = 10.0
"""Longest wait between two stacks in the log, so that a slow machine does not fill it."""

_SHUTDOWN_SECONDS: Final = 2.0


class LoopWatchdog:
    """Use it with `async with`, in the loop that it watches."""

    def __init__(self, observe: Callable[[float], None]) -> None:
        """`observe` gets each lag in seconds, in the watchdog's thread."""
        self.logs = True
        """Whether stacks are logged. Not while the server starts: nobody waits yet."""
        self._observe = observe
        self._stopped = threading.Event()
        self._logged_at = float("-inf")
        self._suppressed = 0
        self._notified_at = float("-inf")

    async def __aenter__(self) -> Self:
        loop, thread = asyncio.get_running_loop(), threading.get_ident()
        self._thread = threading.Thread(
            target=self._run, args=(loop, thread), name="loop watchdog", daemon=True
        )
        self._thread.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopped.set()
        await asyncio.to_thread(self._thread.join, _SHUTDOWN_SECONDS)

    def _run(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        answered = threading.Event()
        while not self._stopped.wait(INTERVAL_SECONDS):
            answered.clear()
            sent_at = monotonic()
            try:
                loop.call_soon_threadsafe(answered.set)
            except RuntimeError:  # The loop was closed.
                return
            if not answered.wait(SLOW_SECONDS):
                # Not if this thread has stood still, too: then the whole process was stopped.
                is_awake = monotonic() - sent_at < SLOW_SECONDS + MIN_SUSPENSION_SECONDS
                if is_awake and self.logs:
                    self._log_stack(thread)
                # Not bounded: a loop that hangs for good must not be reported as alive.
                while not answered.wait(SLOW_SECONDS):
                    if self._stopped.is_set():
                        return
            lag = monotonic() - sent_at
            self._observe(lag)
            if lag >= SLOW_SECONDS:
                _LOGGER.debug("The event loop was blocked for %.2f s", lag)
            self._notify()

    def _log_stack(self, thread: int) -> None:
        """Log what the loop's thread does, unless a stack was logged a short time ago."""
        if monotonic() - self._logged_at < LOG_INTERVAL_SECONDS:
            self._suppressed += 1
            return
        frame = sys._current_frames().get(thread)  # noqa: SLF001  (documented; there is no other way)
        stack = "".join(traceback.format_stack(frame)) if frame is not None else "(unknown)"
        more = f" ({self._suppressed} more since the last report)" if self._suppressed else ""
        _LOGGER.warning(
            "The event loop has been blocked for %.2f s%s; all requests wait:\n%s",
            SLOW_SECONDS,
            more,
            stack,
        )
        self._logged_at, self._suppressed = monotonic(), 0

    def _notify(self) -> None:
        interval = systemd.watchdog_interval()
        if interval is not None and monotonic() - self._notified_at >= interval / 3:
            systemd.notify("WATCHDOG=1")
            self._notified_at = monotonic()
