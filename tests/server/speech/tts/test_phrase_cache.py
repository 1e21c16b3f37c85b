"""The phrase cache: memory, disk, quotas, damaged files."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from wyoming_servers.speech.tts.phrase_cache import (
    Phrase,
    PhraseCache,
    phrase_key,
)


def _in(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def phrase(size: int, mark: int = 1) -> Phrase:
    return Phrase("joe", 22_050, bytes([mark]) * size)


@asynccontextmanager
async def running(
    folder: Path, memory: int = 10_000, disk: int = 10_000
) -> AsyncIterator[PhraseCache]:
    cache = PhraseCache(folder, memory=memory, disk=disk)
    task = asyncio.create_task(cache.run())
    try:
        yield cache
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


async def on_disk(cache: PhraseCache, count: int) -> None:
    async with asyncio.timeout(5):
        while cache.stats().disk_phrases != count or not cache._write_queue.empty():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def test_key_depends_on_all_parts_and_not_on_their_order() -> None:
    assert phrase_key(a=1, b="x") == phrase_key(b="x", a=1)
    assert phrase_key(a=1, b="x") != phrase_key(a=1, b="y")


async def test_least_recently_used_phrase_leaves_memory_first(tmp_path: Path) -> None:
    cache = PhraseCache(tmp_path, memory=250, disk=0)
    cache.put("a", phrase(100))
    cache.put("b", phrase(100))
    assert await cache.get("a") is not None
    cache.put("c", phrase(100))
    assert await cache.get("b") is None
    assert await cache.get("a") is not None
    assert cache.stats().memory_bytes == 200
    assert (cache.stats().hits, cache.stats().misses) == (2, 1)


async def test_phrase_larger_than_the_quota_is_not_cached(tmp_path: Path) -> None:
    cache = PhraseCache(tmp_path, memory=50, disk=0)
    cache.put("a", phrase(100))
    assert await cache.get("a") is None


async def test_phrases_survive_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as cache:
        cache.put("a", phrase(100, 7))
        await on_disk(cache, 1)
    async with running(tmp_path) as cache:
        await on_disk(cache, 1)
        assert await cache.get("a") == phrase(100, 7)
    (file,) = _in(tmp_path)
    assert file.stat().st_mode & 0o077 == 0


async def test_disk_quota_is_respected(tmp_path: Path) -> None:
    async with running(tmp_path, memory=0, disk=1_000) as cache:
        for number in range(8):
            cache.put(f"k{number}", phrase(200))
        async with asyncio.timeout(5):
            while not cache._write_queue.empty() or len(_in(tmp_path)) > 4:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        assert cache.stats().disk_bytes <= 1_000
        assert next(entry.key for entry in cache.entries()) == "k7"
        assert await cache.get("k0") is None


@pytest.mark.parametrize("damage", [b"", b"x" * 300])
async def test_damaged_file_is_deleted_and_replaced(tmp_path: Path, damage: bytes) -> None:
    async with running(tmp_path, memory=0) as cache:
        cache.put("a", phrase(100))
        await on_disk(cache, 1)
        (tmp_path / "a.phrase").write_bytes(damage)
        assert await cache.get("a") is None
        assert not (tmp_path / "a.phrase").exists()
        assert cache.stats().disk_phrases == 0
        cache.put("a", phrase(100))
        await on_disk(cache, 1)
        assert await cache.get("a") == phrase(100)


async def test_clear_deletes_one_phrase_or_all(tmp_path: Path) -> None:
    async with running(tmp_path) as cache:
        for key in "abc":
            cache.put(key, phrase(100))
        await on_disk(cache, 3)
        assert await cache.clear("a") > 100
        assert await cache.get("a") is None
        assert await cache.clear() > 200
        assert cache.stats().memory_bytes == cache.stats().disk_bytes == 0
        assert _in(tmp_path) == []


async def test_cache_continues_when_the_disk_refuses(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    async with running(blocked) as cache:
        cache.put("a", phrase(100))
        await asyncio.sleep(0.05)
        assert await cache.get("a") == phrase(100)
        assert cache.stats().disk_phrases == 0


async def test_entries_have_sizes_and_hits(tmp_path: Path) -> None:
    async with running(tmp_path) as cache:
        cache.put("a", Phrase("joe", 22_050, bytes(100), "Ja, schön."))
        cache.put("b", Phrase("eva", 22_050, bytes(200), "No."))
        await on_disk(cache, 2)
        await cache.get("a")
        first, second = cache.entries()
        assert (first.key, first.voice, first.text, first.hits) == ("a", "joe", "Ja, schön.", 1)
        assert (second.key, second.memory_bytes, second.hits) == ("b", 200, 0)
        assert cache.stats().hit_rate == 1.0
    async with running(tmp_path) as cache:
        await on_disk(cache, 2)
        assert {entry.text for entry in cache.entries()} == {"Ja, schön.", "No."}
        assert cache.stats().hit_rate is None


async def test_file_of_an_older_version_is_listed_without_text(tmp_path: Path) -> None:
    content = b'{"voice": "joe", "rate": 22050}\n' + bytes(100)
    (tmp_path / "a.phrase").write_bytes(hashlib.sha256(content).digest() + content)
    (tmp_path / "b.phrase").write_bytes(b"damaged")
    async with running(tmp_path) as cache:
        await on_disk(cache, 2)
        assert {(entry.voice, entry.text) for entry in cache.entries()} == {("joe", ""), ("", "")}
        assert await cache.get("a") == Phrase("joe", 22_050, bytes(100))
        assert await cache.get("b") is None
        assert [entry.key for entry in cache.entries()] == ["a"]


async def test_phrase_that_left_memory_and_disk_is_not_listed(tmp_path: Path) -> None:
    cache = PhraseCache(tmp_path, memory=250, disk=0)
    for key in "abc":
        cache.put(key, phrase(100))
    assert {entry.key for entry in cache.entries()} == {"b", "c"}
    await cache.clear("b")
    assert cache.find("b") is None
    assert cache.find("c") is not None


@pytest.mark.parametrize("whole", [True, False])
async def test_phrase_deleted_before_it_is_written_is_never_written(
    tmp_path: Path, whole: bool
) -> None:
    cache = PhraseCache(tmp_path, memory=0, disk=10_000)
    cache.put("a", phrase(100))
    await cache.clear(None if whole else "a")
    task = asyncio.create_task(cache.run())
    cache.put("b", phrase(100))
    await on_disk(cache, 1)
    task.cancel()
    await asyncio.wait([task])
    assert [path.name for path in _in(tmp_path)] == ["b.phrase"]


async def test_phrase_deleted_while_it_plays_is_played_to_its_end(tmp_path: Path) -> None:
    async with running(tmp_path, memory=0) as cache:
        cache.put("a", phrase(5_000, 7))
        await on_disk(cache, 1)
        played, freed = await asyncio.gather(cache.get("a"), cache.clear())
        assert played in (None, phrase(5_000, 7))  # whole or not at all
        assert freed > 5_000
        assert cache.entries() == []


async def test_smaller_quotas_delete_the_oldest_phrases_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as cache:
        for key in "abc":
            cache.put(key, phrase(1_000))
        await on_disk(cache, 3)
        cache.resize(memory=2_000, disk=0)
        await on_disk(cache, 0)
        assert cache.stats().memory_phrases == 2
        assert await cache.get("a") is None
        assert await cache.get("c") is not None
        assert _in(tmp_path) == []


async def test_disk_is_used_once_it_has_a_quota(tmp_path: Path) -> None:
    async with running(tmp_path, disk=0) as cache:
        cache.put("a", phrase(1_000))
        cache.resize(memory=10_000, disk=10_000)
        cache.put("b", phrase(1_000))
        await on_disk(cache, 1)
        assert len(_in(tmp_path)) == 1


async def test_full_disk_keeps_phrases_in_memory_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    min_free = 2**30
    usage = shutil._ntuple_diskusage(10**12, 10**12 - 10**8, 10**8)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    cache = PhraseCache(tmp_path, memory=10_000, disk=10_000, min_free=lambda: min_free)
    task = asyncio.create_task(cache.run())
    cache.put("a", phrase(100))
    async with asyncio.timeout(5):
        while cache._unwritten:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await cache.get("a") == phrase(100)
    assert _in(tmp_path) == []
    min_free = 2**20  # the setting is read for each phrase
    cache.put("b", phrase(100))
    await on_disk(cache, 1)
    task.cancel()
    await asyncio.wait([task])
