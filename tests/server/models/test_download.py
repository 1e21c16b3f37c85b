"""Downloads of one file from servers that misbehave."""
# ruff: noqa: ASYNC240  (a test may block its own loop)

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.models import download
from wyoming_servers.models.download import (
    AVOID_SECONDS,
    Downloader,
    ExpectedFile,
    SourceHealth,
)
from wyoming_servers.models.errors import (
    DiskFullError,
    DownloadError,
)

STALL = 0.2
CONTENT = bytes(range(256)) * 800
SHA = hashlib.sha256(CONTENT).hexdigest()
KNOWN = ExpectedFile(len(CONTENT), SHA)

Fetch = Callable[..., Awaitable[str]]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "model.bin"


@pytest.fixture
def part(target: Path) -> Path:
    return target.with_name("model.bin.part")


@pytest.fixture
async def fetch(target: Path, instant_clock: Any) -> AsyncIterator[Fetch]:
    async with httpx.AsyncClient(trust_env=False) as client:

        async def run(
            *urls: str, expected: ExpectedFile = KNOWN, seen: Any = None, stall: float = 30
        ) -> str:
            downloader = Downloader(client, instant_clock, stall=stall)
            return await downloader.fetch(urls, target, expected, seen or (lambda done: None))

        yield run


async def test_download_leaves_no_partial_file(
    mirror: Any, fetch: Fetch, target: Path, part: Path
) -> None:
    seen: list[int] = []
    assert await fetch(mirror.put("a", CONTENT), seen=seen.append) == SHA
    assert target.read_bytes() == CONTENT
    assert not part.exists()
    assert seen[-1] == len(CONTENT)


async def test_interrupted_download_resumes(mirror: Any, fetch: Fetch, target: Path) -> None:
    await fetch(mirror.put("a", CONTENT, cut_after=70_000, times=1))
    assert target.read_bytes() == CONTENT
    assert mirror.ranges_of("a") == [None, "bytes=70000-"]


async def test_next_mirror_resumes_after_a_stall(mirror: Any, fetch: Fetch, target: Path) -> None:
    stalling = mirror.put("a", CONTENT, stall_after=50_000)
    await fetch(stalling, mirror.put("b", CONTENT), stall=STALL)
    assert target.read_bytes() == CONTENT
    assert mirror.ranges_of("a") == [None]
    assert mirror.ranges_of("b") == ["bytes=50000-"]


async def test_dead_mirror_is_tried_last_for_a_while(mirror: Any, target: Path) -> None:
    clock = FakeClock()
    health = SourceHealth(clock)
    dead, good = "http://127.0.0.1:9/a", mirror.put("a", CONTENT)
    async with httpx.AsyncClient(trust_env=False) as client:
        downloader = Downloader(client, clock, health=health)
        await downloader.fetch([dead, good], target, KNOWN, lambda done: None)
    # The clock stands still: nothing was waited for.
    assert mirror.ranges_of("a") == [None]
    assert health.order([dead, good]) == [good, dead]
    await clock.advance(AVOID_SECONDS)
    assert health.order([dead, good]) == [dead, good]
    health.record(dead, ok=False)
    health.record(dead, ok=True)
    assert health.order([dead, good]) == [dead, good]


async def test_mirror_that_never_answers_does_not_stop_a_download(
    mirror: Any, fetch: Fetch, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ANSWER_SECONDS", STALL)

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    silent = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/a"
    await fetch(silent, mirror.put("a", CONTENT))
    assert target.read_bytes() == CONTENT
    with pytest.raises(DownloadError, match="no answer"):
        await fetch(silent)
    server.close()


async def test_md5_is_checked_if_there_is_no_sha256(mirror: Any, fetch: Fetch) -> None:
    known = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    url = mirror.put("a", CONTENT, cut_after=70_000, times=1)
    assert await fetch(url, expected=ExpectedFile(len(CONTENT), md5=known)) == SHA
    assert mirror.ranges_of("a") == [None, "bytes=70000-"]
    with pytest.raises(DownloadError, match="hash differs"):
        await fetch(mirror.put("b", bytes(len(CONTENT))), expected=ExpectedFile(md5=known))


async def test_slow_mirror_counts_as_stalled(mirror: Any, fetch: Fetch) -> None:
    with pytest.raises(DownloadError, match="less than 1024 bytes per second"):
        await fetch(mirror.put("a", CONTENT, drip=STALL / 4), stall=STALL)


async def test_download_restarts_from_a_server_without_ranges(
    mirror: Any, fetch: Fetch, target: Path, part: Path
) -> None:
    part.write_bytes(CONTENT[:1000])
    await fetch(mirror.put("a", CONTENT, no_ranges=True))
    assert target.read_bytes() == CONTENT
    assert mirror.ranges_of("a") == ["bytes=1000-"]


async def test_wrong_range_is_requested_again(
    mirror: Any, fetch: Fetch, target: Path, part: Path
) -> None:
    part.write_bytes(CONTENT[:1000])
    await fetch(mirror.put("a", CONTENT, wrong_range=True))
    assert target.read_bytes() == CONTENT
    assert mirror.ranges_of("a") == ["bytes=1000-", None]


@pytest.mark.parametrize(
    ("quirks", "reason"),
    [
        ({"length": 10, "cut_after": 10}, "has 10 bytes instead of 204800"),
        ({"length": 300_000}, "has 300000 bytes instead of 204800"),
        ({"chunked": True, "extra": b"more"}, "more than 204800 bytes"),
        ({"status": 404}, "HTTP 404"),
        ({"status": 403}, "HTTP 403"),
        ({"cut_after": 0}, "without sending complete message body"),
    ],
)
async def test_next_mirror_replaces_one_that_fails(
    mirror: Any, fetch: Fetch, target: Path, quirks: dict[str, Any], reason: str
) -> None:
    bad = mirror.put("bad", CONTENT, **quirks)
    with pytest.raises(DownloadError, match=reason):
        await fetch(bad)
    assert not target.exists()
    await fetch(bad, mirror.put("good", CONTENT))
    assert target.read_bytes() == CONTENT


async def test_wrong_content_is_discarded(
    mirror: Any, fetch: Fetch, target: Path, part: Path
) -> None:
    wrong = mirror.put("wrong", bytes(len(CONTENT)))
    with pytest.raises(DownloadError, match="hash differs"):
        await fetch(wrong)
    assert not target.exists()
    assert not part.exists()
    await fetch(wrong, mirror.put("good", CONTENT))
    assert target.read_bytes() == CONTENT


async def test_failure_of_all_sources_names_each_reason(mirror: Any, fetch: Fetch) -> None:
    closed = mirror.base.rsplit(":", 1)[0] + ":9/x"
    with pytest.raises(DownloadError) as caught:
        await fetch(closed, mirror.url("nothing"), "ftp://host/x")
    assert "HTTP 404" in caught.value.message
    assert caught.value.message.count("127.0.0.1: ") == 2
    assert "downloads.mirrors" in caught.value.hint


async def test_retry_after_of_a_busy_server_is_honored(
    mirror: Any, fetch: Fetch, target: Path, instant_clock: Any
) -> None:
    await fetch(mirror.put("a", CONTENT, status=503, retry_after=7, times=1))
    assert target.read_bytes() == CONTENT
    assert instant_clock.slept == [7.0]


async def test_busy_server_is_skipped_after_some_attempts(
    mirror: Any, fetch: Fetch, instant_clock: Any
) -> None:
    with pytest.raises(DownloadError, match="HTTP 500"):
        await fetch(mirror.put("a", CONTENT, status=500, retry_after=10_000))
    assert len(mirror.requests) == 3
    assert instant_clock.slept == [30.0, 30.0]


async def test_cancelled_download_keeps_the_partial_file(
    mirror: Any, fetch: Fetch, target: Path, part: Path
) -> None:
    url = mirror.put("a", CONTENT, stall_after=50_000, times=1)
    arrived = asyncio.Event()
    task = asyncio.ensure_future(
        fetch(url, seen=lambda done: arrived.set() if done == 50_000 else None)
    )
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert part.read_bytes() == CONTENT[:50_000]
    await fetch(url)
    assert target.read_bytes() == CONTENT
    assert mirror.ranges_of("a")[-1] == "bytes=50000-"


async def test_wrong_partial_file_costs_one_attempt(
    mirror: Any, fetch: Fetch, target: Path, part: Path
) -> None:
    part.write_bytes(b"x" * 1000)
    await fetch(mirror.put("a", CONTENT))
    assert target.read_bytes() == CONTENT
    assert mirror.ranges_of("a") == ["bytes=1000-", None]


async def test_too_long_partial_file_is_discarded(
    mirror: Any, fetch: Fetch, target: Path, part: Path
) -> None:
    part.write_bytes(CONTENT + b"more")
    await fetch(mirror.put("a", CONTENT))
    assert target.read_bytes() == CONTENT
    assert mirror.ranges_of("a") == [None]


async def test_complete_partial_file_needs_no_request(
    mirror: Any, fetch: Fetch, target: Path, part: Path
) -> None:
    part.write_bytes(CONTENT)
    await fetch(mirror.url("nothing"))
    assert target.read_bytes() == CONTENT
    assert mirror.requests == []


async def test_download_without_a_hash_does_not_resume(
    mirror: Any, fetch: Fetch, target: Path, part: Path
) -> None:
    part.write_bytes(b"x" * 1000)
    assert await fetch(mirror.put("a", CONTENT), expected=ExpectedFile()) == SHA
    assert target.read_bytes() == CONTENT
    assert mirror.ranges_of("a") == ["bytes=1000-", None]


async def test_download_without_size_and_hash_restarts(
    mirror: Any, fetch: Fetch, target: Path, part: Path
) -> None:
    part.write_bytes(CONTENT + b"x")
    await fetch(mirror.put("a", CONTENT), expected=ExpectedFile())
    assert target.read_bytes() == CONTENT


async def test_hash_of_a_hugging_face_redirect_is_checked(
    mirror: Any, fetch: Fetch, target: Path, part: Path
) -> None:
    part.write_bytes(CONTENT[:1000])
    mirror.put("stored", CONTENT)
    url = mirror.put("a", b"", redirect="stored", linked=SHA)
    await fetch(url, expected=ExpectedFile())
    assert target.read_bytes() == CONTENT
    assert mirror.ranges_of("stored") == ["bytes=1000-"]
    mirror.put("stored", bytes(len(CONTENT)))
    with pytest.raises(DownloadError, match="hash differs"):
        await fetch(url, expected=ExpectedFile())


async def test_full_disk_is_detected_before_the_download(
    mirror: Any, fetch: Fetch, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000, total=10**9))
    with pytest.raises(DiskFullError, match="0 MiB are free"):
        await fetch(mirror.put("a", CONTENT))
    assert not part.exists()


async def test_download_leaves_the_reserve_free(
    mirror: Any, target: Path, instant_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=900 * 2**20, total=100 * 2**30)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    async with httpx.AsyncClient(trust_env=False) as client:
        downloader = Downloader(client, instant_clock, min_free=2**30)
        with pytest.raises(DiskFullError, match="reserve of 1024 MiB"):
            await downloader.fetch([mirror.put("a", CONTENT)], target, KNOWN, lambda done: None)


async def test_unwritable_disk_is_named(
    mirror: Any, fetch: Fetch, target: Path, part: Path
) -> None:
    part.mkdir()
    with pytest.raises(DownloadError, match=r"model\.bin cannot be written"):
        await fetch(mirror.put("a", CONTENT))
