"""A blocked event loop is measured, its culprit is logged, and systemd learns that it lives."""

import asyncio
import logging
import socket
import threading
import time
from pathlib import Path

import pytest

from wyoming_servers.core import systemd
from wyoming_servers.telemetry import loop_watchdog
from wyoming_servers.telemetry.loop_watchdog import LoopWatchdog


@pytest.fixture
def blockbuster() -> None:
    """The tests block the event loop on purpose."""


class Lags:
    """Collects lags in the watchdog's thread and wakes the test."""

    def __init__(self, at_least: float = 0.0) -> None:
        self.values: list[float] = []
        self._at_least = at_least
        self._loop = asyncio.get_running_loop()
        self.seen = asyncio.Event()

    def __call__(self, lag: float) -> None:
        self.values.append(lag)
        if lag >= self._at_least:
            self._loop.call_soon_threadsafe(self.seen.set)


def block_the_loop(seconds: float) -> None:
    time.sleep(seconds)


async def test_blocked_loop_is_measured_and_its_stack_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lags = Lags(at_least=loop_watchdog.SLOW_SECONDS)
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(30), LoopWatchdog(lags):
            block_the_loop(0.8)
            await lags.seen.wait()
            lags.seen.clear()
            block_the_loop(0.8)
            await lags.seen.wait()
    assert 0.5 < max(lags.values) < 5
    # The second one within ten seconds is only measured.
    (record,) = caplog.records
    assert "block_the_loop" in record.getMessage()
    assert "time.sleep(seconds)" in record.getMessage()


async def test_start_of_the_server_is_measured_but_not_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    lags = Lags(at_least=loop_watchdog.SLOW_SECONDS)
    with caplog.at_level(logging.WARNING):
        async with asyncio.timeout(30), LoopWatchdog(lags) as watchdog:
            watchdog.logs = False
            block_the_loop(0.8)
            await lags.seen.wait()
    assert caplog.records == []


async def test_idle_loop_has_no_lag_to_report(caplog: pytest.LogCaptureFixture) -> None:
    lags = Lags()
    async with asyncio.timeout(30), LoopWatchdog(lags):
        await lags.seen.wait()
    assert lags.values
    assert not caplog.records
    assert "loop watchdog" not in {thread.name for thread in threading.enumerate()}


async def test_systemd_is_told_that_the_loop_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        receiver.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "300000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)
        systemd.notify(systemd.READY)
        assert receiver.recv(100) == b"READY=1"
        async with LoopWatchdog(lambda lag: None):
            assert await asyncio.to_thread(receiver.recv, 100) == b"WATCHDOG=1"


def test_another_process_of_the_unit_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert systemd.watchdog_interval() is None


def test_without_systemd_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    systemd.notify(systemd.READY)
    assert systemd.watchdog_interval() is None
