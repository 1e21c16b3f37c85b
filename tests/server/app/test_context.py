import asyncio
from pathlib import Path

import pytest

from wyoming_servers.app.context import AppContext
from wyoming_servers.config.load import LoadedConfig
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock


@pytest.fixture
def context(tmp_path: Path, clock: FakeClock) -> AppContext:
    return AppContext(LoadedConfig(Config(data_dir=tmp_path), {}, None), clock=clock)


async def test_background_tasks_end_with_the_stack_in_reverse_order(context: AppContext) -> None:
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async with context.stack:
        context.spawn(lambda: work("first"), "first")
        context.spawn(lambda: work("second"), "second")
        await asyncio.sleep(0)
    assert ended == ["second", "first"]


async def test_a_background_task_that_fails_is_logged_at_once_and_restarted(
    context: AppContext, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    attempts = 0

    async def work() -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise ZeroDivisionError("oops")
        await asyncio.Event().wait()

    async def ends() -> None:
        pass

    async with context.stack:
        context.spawn(work, "unstable")
        context.spawn(ends, "short")
        await clock.run_ready_tasks()
        (record,) = caplog.records
        assert "The unstable task failed" in record.getMessage()
        assert record.exc_info is not None
        assert record.exc_info[0] is ZeroDivisionError
        assert context.tasks.problems() == [
            "The background task 'unstable' failed once: ZeroDivisionError: oops"
        ]
        await clock.advance(1)
        assert attempts == 2
