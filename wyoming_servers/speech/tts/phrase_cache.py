"""Cache of synthesized phrases: a repeated phrase needs no inference.

Recent phrases are kept in memory as PCM, more of them on the disk. The key of a phrase is a hash of
everything that affects its sound. The file `<key>.phrase` contains the SHA-256 of the rest, a line
of JSON (codec, voice, rate, samples, text), and the audio: FLAC, or 16-bit mono PCM.

FLAC is lossless, halves the size, and takes 0.4 ms to decode a second of speech. Opus would need an
eighth of the size, but 20 ms to decode that second and 200 ms to encode it.
"""

import asyncio
import hashlib
import io
import json
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.core.errors import CapacityError
from wyoming_servers.core.files import PRIVATE_MODE, atomic_write, ensure_free_space

_LOGGER: Final = logging.getLogger(__name__)

Compression = Literal["flac", "none"]

_SUFFIX: Final = ".phrase"

_DIGEST_BYTES: Final = hashlib.sha256().digest_size

_HEADER_BYTES: Final = 16 * 1024
"""The header line is read up to this length when files are listed."""

_MAX_UNWRITTEN: Final = 64
"""Phrases that may wait to be written; further ones are kept in memory only."""

_WAKE_UP: Final = ""
"""In the write queue instead of a key: the quota has changed."""

_LOW_WATER: Final = 0.9
"""Share of the disk quota that is left in use after old phrases were deleted."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Audio of a phrase."""

    voice: str
    rate: int
    """Samples per second."""
    pcm: bytes
    """16-bit mono."""
    text: str = ""
    """As the engine received it; empty if it was not stored."""

    @property
    def size(self) -> int:
        """Bytes of audio."""
        return len(self.pcm)

    @property
    def seconds(self) -> float:
        """Duration of the audio."""
        return len(self.pcm) / 2 / self.rate


@dataclass(frozen=True, slots=True)
class PhraseEntry:
    """Description of a cached phrase."""

    key: str
    voice: str
    text: str
    """As the engine received it; empty for a phrase that an older version stored."""
    disk_bytes: int
    memory_bytes: int
    last_used: float
    """Seconds since 1970."""
    hits: int
    """Number of uses since the start."""
    seconds: float = 0.0
    """Duration of the audio; 0 for a phrase that an older version stored."""


@dataclass(frozen=True, slots=True)
class PhraseStats:
    """Hits and sizes of the cache."""

    hits: int
    misses: int
    memory_bytes: int
    memory_phrases: int
    disk_bytes: int
    disk_phrases: int

    @property
    def hit_rate(self) -> float | None:
        """Share of the requested phrases that were cached; None before the first request."""
        requested = self.hits + self.misses
        return self.hits / requested if requested else None


@dataclass(slots=True)
class _Usage:
    last: float
    hits: int = 0


@dataclass(frozen=True, slots=True)
class _PhraseFile:
    """A phrase on the disk."""

    key: str
    size: int
    """Bytes."""
    last_used: float
    """Seconds since 1970."""
    voice: str = ""
    text: str = ""
    seconds: float = 0.0


def phrase_key(
    spec: ModelSpec,
    *,
    voice: str,
    speaker: str | None,
    speed: float,
    text: str,
    settings: Mapping[str, float] | None = None,
) -> str:
    """Return the key of a phrase: the hash of everything that affects its sound.

    `voice` is the engine's expression, `settings` are the options of the request, and `text` is
    normalized, as the engine gets them.
    """
    parts = {
        "model": spec.id,
        "version": spec.version,
        "options": {key: str(value) for key, value in spec.options.items()},
        "voice": voice,
        "speaker": speaker,
        "speed": speed,
        "text": text,
        **({"settings": dict(settings)} if settings else {}),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class PhraseCache:
    """Phrases in memory and on the disk; `run` writes to the disk and must be running for that.

    `memory` and `disk` are quotas in bytes; 0 disables the part. A phrase is not written if less
    than `min_free()` bytes of the disk would stay free. Phrases can be deleted at any time, because
    a stream that plays one has its bytes.
    """

    def __init__(
        self,
        folder: Path,
        *,
        memory: int,
        disk: int,
        compression: Compression = "flac",
        min_free: Callable[[], int] = int,
    ) -> None:
        self._min_free = min_free
        self._compression = compression
        self._folder = folder
        self._memory_quota = memory
        self._disk_quota = disk
        self._memory: OrderedDict[str, Phrase] = OrderedDict()
        """Least recently used first."""
        self._memory_bytes = 0
        self._disk: OrderedDict[str, _PhraseFile] = OrderedDict()
        """Least recently used first."""
        self._disk_bytes = 0
        self._usage: dict[str, _Usage] = {}
        """Of every phrase that is in memory or on the disk."""
        self._write_queue: asyncio.Queue[str] = asyncio.Queue(_MAX_UNWRITTEN)
        self._unwritten: dict[str, Phrase] = {}
        """Phrases in the write queue; one that is deleted meanwhile is removed here."""
        self._hits = 0
        self._misses = 0

    def configure(self, *, memory: int, disk: int, compression: Compression) -> None:
        """Set other quotas in bytes; what exceeds them is deleted, the oldest first.

        `compression` applies to phrases that are written from now on.
        """
        self._memory_quota, self._disk_quota = memory, disk
        self._compression = compression
        self._shrink_memory()
        if not self._write_queue.full():
            self._write_queue.put_nowait(_WAKE_UP)

    async def get(self, key: str) -> Phrase | None:
        """Return a phrase, from memory without delay, else from the disk; None if not cached.

        A damaged file is deleted and counts as not cached.
        """
        phrase = self._memory.get(key)
        if phrase is not None:
            self._memory.move_to_end(key)
        elif key in self._disk:
            phrase = await asyncio.to_thread(_read, self._path(key))
            if phrase is None:
                self._drop_disk(key)
            elif key in self._disk:
                self._disk.move_to_end(key)
                self._add_memory(key, phrase)
        if phrase is None:
            self._misses += 1
            return None
        self._hits += 1
        if (usage := self._usage.get(key)) is not None:
            usage.hits += 1
            usage.last = time.time()
        return phrase

    def put(self, key: str, phrase: Phrase) -> None:
        """Cache a phrase."""
        self._add_memory(key, phrase)
        known = key in self._disk or key in self._unwritten
        # A long phrase takes less than its size, if it is compressed.
        if phrase.size <= 2 * self._disk_quota and not known and not self._write_queue.full():
            self._unwritten[key] = phrase
            self._write_queue.put_nowait(key)

    async def run(self) -> None:
        """Scan the folder, then write new phrases, until cancelled."""
        while not self._disk_quota:
            await self._write_queue.get()
        for file in await asyncio.to_thread(_scan, self._folder):
            if file.key not in self._disk:
                self._add_disk(file)
        await self._shrink()
        while True:
            key = await self._write_queue.get()
            phrase = self._unwritten.get(key)
            if phrase is None:
                await self._shrink()
                continue
            size = await asyncio.to_thread(
                _write, self._path(key), phrase, self._compression, self._min_free()
            )
            if self._unwritten.get(key) is not phrase:  # deleted while it was written
                await asyncio.to_thread(_unlink, [self._path(key)])
                continue
            del self._unwritten[key]
            if size:
                self._add_disk(
                    _PhraseFile(key, size, time.time(), phrase.voice, phrase.text, phrase.seconds)
                )
                await self._shrink()

    def entries(self) -> list[PhraseEntry]:
        """Return all cached phrases, the most recently used first."""
        found = [self._entry(key) for key in self._usage]
        return sorted(found, key=lambda entry: entry.last_used, reverse=True)

    def find(self, key: str) -> PhraseEntry | None:
        """Return the description of a phrase; None if it is not cached."""
        return self._entry(key) if key in self._usage else None

    def stats(self) -> PhraseStats:
        """Return hits, misses and sizes."""
        return PhraseStats(
            self._hits,
            self._misses,
            self._memory_bytes,
            len(self._memory),
            self._disk_bytes,
            len(self._disk),
        )

    async def clear(self, key: str | None = None) -> int:
        """Delete one phrase, or all; return the bytes that were freed on the disk."""
        keys = list({**self._usage, **self._unwritten}) if key is None else [key]
        for name in keys:
            self._unwritten.pop(name, None)
            self._drop_memory(name)
        return await self._delete([name for name in keys if name in self._disk])

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{_SUFFIX}"

    def _entry(self, key: str) -> PhraseEntry:
        file, phrase = self._disk.get(key), self._memory.get(key)
        source = phrase or file
        usage = self._usage[key]
        return PhraseEntry(
            key=key,
            voice=source.voice if source else "",
            text=source.text if source else "",
            disk_bytes=file.size if file else 0,
            memory_bytes=phrase.size if phrase else 0,
            last_used=usage.last,
            hits=usage.hits,
            seconds=source.seconds if source else 0.0,
        )

    def _add_disk(self, file: _PhraseFile) -> None:
        """Count a file that is on the disk."""
        self._disk[file.key] = file
        self._disk_bytes += file.size
        self._usage.setdefault(file.key, _Usage(file.last_used))

    def _add_memory(self, key: str, phrase: Phrase) -> None:
        if phrase.size > self._memory_quota:
            return
        usage = self._usage.setdefault(key, _Usage(time.time()))
        self._drop_memory(key)
        self._usage[key] = usage
        self._memory[key] = phrase
        self._memory_bytes += phrase.size
        self._shrink_memory()

    def _shrink_memory(self) -> None:
        while self._memory_bytes > self._memory_quota:
            self._drop_memory(next(iter(self._memory)))

    def _drop_memory(self, key: str) -> None:
        phrase = self._memory.pop(key, None)
        if phrase is not None:
            self._memory_bytes -= phrase.size
        self._drop_usage(key)

    def _drop_disk(self, key: str) -> int:
        """Stop counting a file; return its bytes."""
        file = self._disk.pop(key, None)
        self._drop_usage(key)
        if file is None:
            return 0
        self._disk_bytes -= file.size
        return file.size

    def _drop_usage(self, key: str) -> None:
        if key not in self._memory and key not in self._disk:
            self._usage.pop(key, None)

    async def _shrink(self) -> None:
        """Delete the least recently used files if the quota is exceeded."""
        if self._disk_bytes <= self._disk_quota:
            return
        left = self._disk_bytes
        keys = []
        for file in self._disk.values():
            if left <= _LOW_WATER * self._disk_quota:
                break
            keys.append(file.key)
            left -= file.size
        await self._delete(keys)

    async def _delete(self, keys: list[str]) -> int:
        freed = sum(self._drop_disk(key) for key in keys)
        await asyncio.to_thread(_unlink, [self._path(key) for key in keys])
        return freed


# The functions below block on the disk: call them in a thread.


def _write(path: Path, phrase: Phrase, compression: Compression, min_free: int) -> int:
    """Write a phrase; return the size of its file, 0 if the disk refuses it."""
    audio = _encode_flac(phrase) if compression == "flac" else None
    header = {
        "codec": "pcm" if audio is None else "flac",
        "voice": phrase.voice,
        "rate": phrase.rate,
        "samples": len(phrase.pcm) // 2,
        "text": phrase.text,
    }
    line = json.dumps(header, ensure_ascii=False).encode("utf-8", "replace")
    content = line + b"\n" + (phrase.pcm if audio is None else audio)
    try:
        digest = hashlib.sha256(content).digest()
        path.parent.mkdir(parents=True, exist_ok=True)
        ensure_free_space(path.parent, len(content), min_free)
        # Only the server's user may read what is spoken in a home.
        atomic_write(path, digest + content, mode=PRIVATE_MODE, durable=False)
    except (OSError, CapacityError):
        return 0  # Speech must not fail because the cache cannot grow.
    return _DIGEST_BYTES + len(content)


def _read(path: Path) -> Phrase | None:
    """Return a phrase and update its time of use; if it is damaged, delete it and return None."""
    try:
        raw = path.read_bytes()
        content = raw[_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() == raw[:_DIGEST_BYTES]:
            os.utime(path)
            line, _, audio = content.partition(b"\n")
            header: Mapping[str, Any] = json.loads(line)
            pcm = _decode_flac(audio) if header.get("codec") == "flac" else audio
            if pcm is not None:
                text = str(header.get("text", ""))
                return Phrase(str(header["voice"]), int(header["rate"]), pcm, text)
        path.unlink()
    except OSError:
        pass  # Deleted meanwhile, or the disk has failed: the phrase is synthesized again.
    return None


def _scan(folder: Path) -> list[_PhraseFile]:
    """Return the files of the folder, the least recently used first."""
    found = []
    for path in folder.glob(f"*{_SUFFIX}"):
        with suppress(OSError):  # It was deleted meanwhile.
            status = path.stat()
            voice, text, seconds = _read_header(path)
            found.append(
                _PhraseFile(path.stem, status.st_size, status.st_mtime, voice, text, seconds)
            )
    return sorted(found, key=lambda file: file.last_used)


def _encode_flac(phrase: Phrase) -> bytes | None:
    """Return the audio as FLAC; None if the library is not available on this machine."""
    soundfile = _load_soundfile()
    if soundfile is None:
        return None
    output = io.BytesIO()
    samples = np.frombuffer(phrase.pcm, "<i2")
    soundfile.write(output, samples, phrase.rate, format="FLAC", subtype="PCM_16")
    return output.getvalue()


def _decode_flac(audio: bytes) -> bytes | None:
    """Return the PCM of FLAC; None if the library is not available on this machine."""
    soundfile = _load_soundfile()
    if soundfile is None:
        return None
    samples, _ = soundfile.read(io.BytesIO(audio), dtype="int16")
    return bytes(np.asarray(samples, "<i2").tobytes())


@cache
def _load_soundfile() -> Any:
    """Import the library when the first phrase is written or read: it takes 5 MB.

    On a system without a package for it (musl) phrases are stored as PCM.
    """
    try:
        return import_module("soundfile")
    except (ImportError, OSError) as err:
        _LOGGER.warning("Phrases are cached without compression: %s", err)
        return None


def _read_header(path: Path) -> tuple[str, str, float]:
    """Return voice, text and seconds of a file; empty if it is damaged, which `_read` detects."""
    with path.open("rb") as file:
        line = file.read(_HEADER_BYTES)[_DIGEST_BYTES:].partition(b"\n")[0]
    try:
        header: Mapping[str, Any] = json.loads(line)
        seconds = header.get("samples", 0) / header["rate"]
        return str(header["voice"]), str(header.get("text", "")), seconds
    except (ValueError, KeyError, TypeError, ZeroDivisionError):
        return "", "", 0.0


def _unlink(paths: Iterable[Path]) -> None:
    """Delete files that may be gone already."""
    for path in paths:
        path.unlink(missing_ok=True)
