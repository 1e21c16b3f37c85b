"""Optional steps never delay an answer for longer than their budget."""

import asyncio

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.speech.conversation.optional_steps import within_budget


async def test_step_that_is_late_is_cancelled_and_skipped(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    step = asyncio.create_task(clock.sleep(5))
    waiting = asyncio.create_task(within_budget(step, 0.3, clock, "Moderation"))
    await clock.advance(0.2)
    assert not waiting.done()
    await clock.advance(0.2)
    assert await waiting is None
    await asyncio.wait([step])
    assert step.cancelled()
    assert "Moderation was skipped" in caplog.text


async def test_step_that_fails_is_skipped(clock: FakeClock) -> None:
    async def fail() -> bool:
        raise OSError("unreachable")

    assert await within_budget(asyncio.create_task(fail()), 0.3, clock, "Moderation") is None


async def test_step_in_time_gives_its_result(clock: FakeClock) -> None:
    async def succeed() -> bool:
        return True

    assert await within_budget(asyncio.create_task(succeed()), 0.3, clock, "Moderation") is True
