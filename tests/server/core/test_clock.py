import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from wyoming_servers.core.clock import SuspendAwareEventLoop, SystemClock

CHILD = """
import asyncio
from wyoming_servers.core.clock import SuspendAwareEventLoop, SystemClock

async def main():
    loop = asyncio.get_running_loop()
    clock = SystemClock(loop.time)
    before = clock.now()
    print("ready", flush=True)
    try:
        async with asyncio.timeout(1.5):
            await loop.run_in_executor(None, input)
            # It was stopped for longer than this, and got its line at the end of it.
            await asyncio.sleep(0.2)
    except TimeoutError:
        print("late")
    else:
        print("in time")
    print(clock.now() - before < 1.5)

with asyncio.Runner(loop_factory=SuspendAwareEventLoop) as runner:
    runner.run(main())
"""


@pytest.fixture
def blockbuster() -> None:
    """These tests run loops of their own."""


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner(loop_factory=SuspendAwareEventLoop) as runner:
        yield runner


def test_deadline_of_a_stopped_process_is_later() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(process.pid, signal.SIGCONT)
    output, _ = process.communicate("go on\n", timeout=30)
    assert output == "in time\nTrue\n"


def test_time_goes_on_while_the_loop_waits_or_works(runner: asyncio.Runner) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        before, started = loop.time(), time.monotonic()
        await asyncio.sleep(2.3)
        time.sleep(0.3)  # noqa: ASYNC251
        await asyncio.sleep(0)
        assert loop.time() - before == pytest.approx(time.monotonic() - started, abs=0.05)

    runner.run(main())


def test_loop_that_is_held_up_extends_deadlines_and_says_so(
    runner: asyncio.Runner, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        clock = SystemClock(asyncio.get_running_loop().time)
        before = clock.now()
        time.sleep(2.2)  # noqa: ASYNC251
        async with asyncio.timeout(1):
            await asyncio.sleep(0)
            await asyncio.sleep(0.1)
        assert clock.now() - before < 1

    with caplog.at_level(logging.INFO):
        runner.run(main())
    assert "stood still for 2." in caplog.text
