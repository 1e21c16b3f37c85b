"""Custom wake words that change while the server runs."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.speech.wake.registry import (
    SCAN_INTERVAL,
    CustomWakeWords,
    CustomWakeWordsWatcher,
)


class Watched:
    """A running watcher, and the number of its scans and reports."""

    def __init__(self, folder: Path) -> None:
        self.custom_words = CustomWakeWords(folder)
        self.clock = FakeClock()
        self.scans = 0
        self.changes: list[list[str]] = []
        scan = self.custom_words.scan

        def counted() -> bool:
            self.scans += 1
            return scan()

        self.custom_words.scan = counted  # type: ignore[method-assign]
        self.watcher = CustomWakeWordsWatcher(
            self.custom_words, self.clock, lambda: self.changes.append(self.custom_words.names)
        )

    async def look(self) -> None:
        """Let the watcher scan once, which it does in a thread."""
        before = self.scans
        await self.clock.advance(SCAN_INTERVAL)
        async with asyncio.timeout(5):
            while self.scans == before or not self.clock._sleepers:  # noqa: ASYNC110
                await asyncio.sleep(0.001)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    """A watcher of an empty folder."""
    watched = await asyncio.to_thread(Watched, tmp_path)
    task = asyncio.create_task(watched.watcher.run())
    await watched.clock.run_ready_tasks()
    yield watched
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def write(path: Path) -> None:
    await asyncio.to_thread(path.write_bytes, b"x")


async def test_watcher_reports_each_change_once(watched: Watched, tmp_path: Path) -> None:
    await watched.look()
    assert watched.changes == []
    await write(tmp_path / "marvin.tflite")
    for _ in range(3):
        await watched.look()
    assert watched.changes == [["marvin"]]
    await asyncio.to_thread((tmp_path / "marvin.tflite").unlink)
    await watched.look()
    assert watched.changes == [["marvin"], []]


async def test_watcher_logs_an_unreadable_folder_once_and_retries(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scan = watched.custom_words.scan

    def fail() -> bool:
        scan()
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(watched.custom_words, "scan", fail)
    for _ in range(3):
        await watched.look()
    assert caplog.text.count("Permission denied") == 1
    monkeypatch.setattr(watched.custom_words, "scan", lambda: scan() or True)
    await watched.look()
    assert watched.changes == [[]]
