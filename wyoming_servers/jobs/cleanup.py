"""Deletes old jobs and their files, however the clock of the computer is set."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from wyoming_servers.core.clock import CLOCK_SET_SINCE, Clock, ClockStepDetector
from wyoming_servers.jobs.files import JobFiles
from wyoming_servers.jobs.storage import JobStorage

INTERVAL_SECONDS: Final = 3_600.0
"""The first time after as long: a time server has set the clock until then."""

CLOCK_SET_PAUSE_SECONDS: Final = 86_400.0
"""After the clock was set, nothing is deleted for as long: it may be set back."""


async def due_cleanups(clock: Clock, changed: asyncio.Event) -> AsyncIterator[None]:
    """Yield each hour in which the clock can be trusted, and when `changed` is set."""
    steps, quiet_until = ClockStepDetector(clock), 0.0
    while True:
        await _wait(clock, changed)
        if steps.was_set():
            quiet_until = clock.now() + CLOCK_SET_PAUSE_SECONDS
        if clock.now() >= quiet_until and clock.wall() >= CLOCK_SET_SINCE:
            yield


async def delete_old(storage: JobStorage, files: JobFiles, clock: Clock, retention: float) -> None:
    """Delete jobs that ended `retention` seconds ago and are not kept, and files without a job.

    A job that ended while the clock was not set yet counts as ended now. Raises StorageError.
    """
    now = clock.wall()
    await storage.correct_end(CLOCK_SET_SINCE, now)
    await storage.prune(now - retention)
    await files.remove_orphans(await storage.upload_owners(), await storage.all_ids())


async def _wait(clock: Clock, changed: asyncio.Event) -> None:
    """Wait for the interval, or for the event, which is cleared."""
    waits = [
        asyncio.ensure_future(clock.sleep(INTERVAL_SECONDS)),
        asyncio.ensure_future(changed.wait()),
    ]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    changed.clear()
