"""Work in tasks: several pieces that end together, and one that is stopped."""

import asyncio
from collections.abc import Coroutine
from typing import Any


async def run_all(*works: Coroutine[Any, Any, None]) -> None:
    """Run all until all are done; the first that fails cancels the others and is raised.

    As asyncio.TaskGroup, but the error comes as it is: an edge looks at its class.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    errors = [task.exception() for task in tasks if not task.cancelled()]
    for error in filter(None, errors):
        raise error


async def cancel_and_wait(task: asyncio.Task[Any]) -> BaseException | None:
    """Cancel a task if it still runs, wait for its end, and return what it failed with."""
    task.cancel()
    await asyncio.wait([task])
    return None if task.cancelled() else task.exception()
