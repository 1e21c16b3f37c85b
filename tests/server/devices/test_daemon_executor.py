import asyncio
import threading

import pytest

from wyoming_servers.devices.daemon_executor import DaemonExecutor


@pytest.fixture
def background():
    background = DaemonExecutor("test thread", timeout=0.2)
    yield background
    background.close()


async def test_executor_runs_a_call_in_the_named_thread_and_returns_its_value(background):
    assert await background.run(lambda: threading.current_thread().name) == "test thread"
    assert await background.run(lambda: threading.current_thread().daemon)


async def test_executor_raises_the_error_of_the_function(background):
    def fail() -> None:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        await background.run(fail)
    assert await background.run(lambda: 5) == 5


async def test_executor_abandons_a_call_that_hangs_and_rejects_the_next_ones_at_once(background):
    free = threading.Event()
    with pytest.raises(TimeoutError):
        await background.run(free.wait)
    with pytest.raises(TimeoutError, match="earlier call"):
        await background.run(lambda: 1)
    free.set()
    async with asyncio.timeout(5):
        while True:
            try:
                assert await background.run(lambda: 2) == 2
                break
            except TimeoutError:
                await asyncio.sleep(0.01)


async def test_executor_close_ends_the_thread():
    background = DaemonExecutor("short thread", timeout=1.0)
    await background.run(lambda: None)
    (thread,) = [t for t in threading.enumerate() if t.name == "short thread"]
    background.close()
    await asyncio.to_thread(thread.join, 5)
    assert not thread.is_alive()
    background.close()


def test_executor_ignores_an_event_loop_that_was_closed_during_the_call():
    background = DaemonExecutor("late thread", timeout=0.05)
    free = threading.Event()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await background.run(free.wait)

    asyncio.run(give_up())
    (thread,) = [t for t in threading.enumerate() if t.name == "late thread"]
    free.set()
    background.close()
    thread.join(5)
    assert not thread.is_alive()
