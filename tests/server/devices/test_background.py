"""Calls that block run aside, one after the other, and one that hangs holds nobody up for ever."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from wyoming_servers.devices.background import Background


@pytest.fixture
async def background() -> AsyncIterator[Background]:
    """A thread that gives a call up after a moment."""
    aside = Background("probe", timeout=0.5)
    yield aside
    aside.close()


async def test_calls_at_once_take_turns(background: Background) -> None:
    order: list[int] = []

    def note(number: int) -> int:
        order.append(number)
        return number

    answers = await asyncio.gather(*(background.call(lambda n=n: note(n)) for n in range(5)))
    assert answers == order == [0, 1, 2, 3, 4]


async def test_an_error_reaches_its_caller_alone(background: Background) -> None:
    def fail() -> None:
        raise ValueError("driver")

    failed, fine = await asyncio.gather(
        background.call(fail), background.call(lambda: 7), return_exceptions=True
    )
    assert isinstance(failed, ValueError)
    assert fine == 7


async def test_a_call_that_hangs_is_given_up_and_the_next_fails_at_once(
    background: Background,
) -> None:
    released = threading.Event()
    with pytest.raises(TimeoutError):
        await background.call(released.wait)
    with pytest.raises(TimeoutError, match="still busy"):
        await background.call(lambda: 1)
    released.set()


async def test_a_thread_that_came_back_is_used_again(background: Background) -> None:
    released = threading.Event()
    with pytest.raises(TimeoutError):
        await background.call(released.wait)
    released.set()
    async with asyncio.timeout(5):
        while True:
            try:
                assert await background.call(lambda: 2) == 2
            except TimeoutError:
                await asyncio.sleep(0.01)
            else:
                return


async def test_a_call_given_up_in_the_queue_is_never_made(background: Background) -> None:
    released, made = threading.Event(), []
    hanging = asyncio.create_task(background.call(released.wait))
    waiting = asyncio.create_task(background.call(lambda: made.append(1)))
    for task in (hanging, waiting):
        with pytest.raises(TimeoutError):
            await task
    released.set()
    async with asyncio.timeout(5):
        while True:
            try:
                await background.call(lambda: None)
            except TimeoutError:
                await asyncio.sleep(0.01)
            else:
                break
    assert made == []
