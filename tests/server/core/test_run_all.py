import asyncio

import pytest

from wyoming_servers.core.aio import run_all


async def test_the_first_failure_cancels_the_others_and_comes_as_it_is() -> None:
    cancelled = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise KeyError("first")

    with pytest.raises(KeyError, match="first"):
        await run_all(wait(), fail())
    assert cancelled.is_set()


async def test_cancelling_cancels_all() -> None:
    left = []

    async def wait(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            left.append(name)

    task = asyncio.create_task(run_all(wait("a"), wait("b")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sorted(left) == ["a", "b"]


async def test_it_ends_when_all_have_ended() -> None:
    done = []

    async def work(name: str, rounds: int) -> None:
        for _ in range(rounds):
            await asyncio.sleep(0)
        done.append(name)

    await run_all(work("slow", 5), work("fast", 1))
    assert done == ["fast", "slow"]
