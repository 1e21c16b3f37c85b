"""The phrase cache: memory, disk, quotas, damaged files."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wyoming_servers.core.domain import ModelSpec, Task
from wyoming_servers.speech.tts import phrase_cache
from wyoming_servers.speech.tts.phrase_cache import (
    Compression,
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
    folder: Path, memory: int = 10_000, disk: int = 10_000, compression: Compression = "none"
) -> AsyncIterator[PhraseCache]:
    cache = PhraseCache(folder, memory=memory, disk=disk, compression=compression)
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
    spec = ModelSpec(id="piper/joe", task=Task.TTS, engine="piper", options={"a": 1, "b": 2})
    parts = {"voice": "joe", "speaker": None, "speed": 1.0, "text": "Yes."}
    key = phrase_key(spec, **parts)
    assert key == phrase_key(replace(spec, options={"b": 2, "a": 1}), **parts)
    others = [{"voice": "x"}, {"speaker": "x"}, {"speed": 1.1}, {"text": "No."}]
    keys = {phrase_key(spec, **{**parts, **other}) for other in others}
    keys |= {phrase_key(replace(spec, options={"a": 2}), **parts)}
    keys |= {phrase_key(replace(spec, version="2"), **parts)}
    assert len(keys - {key}) == 6


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


def spoken() -> Phrase:
    """Two seconds that sound a little like speech: a decaying, noisy tone."""
    time = np.arange(44_100) / 22_050
    noise = np.random.default_rng(1).normal(0, 50, len(time))
    wave = 8_000 * np.sin(2 * np.pi * 140 * time) * np.exp(-time) + noise
    return Phrase("joe", 22_050, wave.astype("<i2").tobytes(), "Hello.")


async def test_phrase_is_compressed_on_disk_without_loss(tmp_path: Path) -> None:
    original = spoken()
    async with running(tmp_path, memory=0, disk=1 << 20, compression="flac") as cache:
        cache.put("a", original)
        await on_disk(cache, 1)
        cache.configure(memory=0, disk=1 << 20, compression="none")
        cache.put("b", original)
        await on_disk(cache, 2)
        assert await cache.get("a") == await cache.get("b") == original
        sizes = {entry.key: entry.disk_bytes for entry in cache.entries()}
        assert sizes["a"] < 0.7 * original.size < original.size < sizes["b"]
    async with running(tmp_path, memory=0, disk=1 << 20) as again:
        await on_disk(again, 2)
        assert {entry.seconds for entry in again.entries()} == {2.0}
        assert await again.get("a") == original


async def test_phrases_are_cached_without_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, memory=0, disk=1 << 20, compression="flac") as cache:
        cache.put("flac", spoken())
        await on_disk(cache, 1)
        monkeypatch.setattr(phrase_cache, "_load_soundfile", lambda: None)
        cache.put("pcm", spoken())
        await on_disk(cache, 2)
        assert await cache.get("pcm") == spoken()
        # It cannot be decoded, so it is synthesized again.
        assert await cache.get("flac") is None


async def test_smaller_quotas_delete_the_oldest_phrases_at_once(tmp_path: Path) -> None:
    async with running(tmp_path) as cache:
        for key in "abc":
            cache.put(key, phrase(1_000))
        await on_disk(cache, 3)
        cache.configure(memory=2_000, disk=0, compression="none")
        await on_disk(cache, 0)
        assert cache.stats().memory_phrases == 2
        assert await cache.get("a") is None
        assert await cache.get("c") is not None
        async with asyncio.timeout(5):
            while _in(tmp_path):  # noqa: ASYNC110  (deleted after they no longer count)
                await asyncio.sleep(0.01)


async def test_disk_is_used_once_it_has_a_quota(tmp_path: Path) -> None:
    async with running(tmp_path, disk=0) as cache:
        cache.put("a", phrase(1_000))
        cache.configure(memory=10_000, disk=10_000, compression="none")
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
