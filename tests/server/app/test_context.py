"""What takes the parts down again."""

import asyncio
from pathlib import Path

import pytest

from wyoming_servers.app.context import AppContext
from wyoming_servers.config.load import LoadedConfig
from wyoming_servers.config.schema import Config


@pytest.fixture
def ground(tmp_path: Path) -> AppContext:
    return AppContext(LoadedConfig(Config(data_dir=tmp_path), {}, None))


async def test_background_work_ends_with_the_stack_the_last_one_first(ground: AppContext) -> None:
    ended: list[str] = []

    async def work(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    async with ground.stack:
        ground.spawn(work("first"), "first")
        ground.spawn(work("second"), "second")
        await asyncio.sleep(0)
    assert ended == ["second", "first"]


async def test_background_work_that_fails_is_told_in_the_log_and_disturbs_nothing(
    ground: AppContext, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise ZeroDivisionError("oops")

    async def end() -> None:
        pass

    async with ground.stack:
        ground.spawn(fail(), "broken")
        ground.spawn(end(), "short")
        await asyncio.sleep(0)
    (record,) = caplog.records
    assert record.getMessage() == "The broken task failed"
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError
