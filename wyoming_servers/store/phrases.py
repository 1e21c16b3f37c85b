"""Phrases that were spoken before: a repeated one costs no inference.

The newest lie in memory, more of them on the disk as files of their own, whose first bytes are the
checksum of the rest. Neither holds the text: a name is the hash of all that decides the sound.
"""

import asyncio
import hashlib
import json
import os
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

SUFFIX: Final = ".phrase"
_BACKLOG: Final = 64
"""Phrases that may wait to be written; more are kept in memory alone."""

_LOW_WATER: Final = 0.9
"""Share of the quota that is left after the oldest were removed."""

_DIGEST: Final = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True)
class Phrase:
    """What was said."""

    voice: str
    rate: int
    """Samples per second."""
    pcm: bytes
    """16-bit mono."""

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return len(self.pcm)


@dataclass(frozen=True, slots=True)
class PhraseFile:
    """A phrase on the disk."""

    id: str
    size: int
    """Bytes."""
    last_used: float
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class PhraseStats:
    """How useful the cache is."""

    hits: int
    misses: int
    memory_bytes: int
    memory_phrases: int
    disk_bytes: int
    disk_phrases: int


def phrase_key(**decides: Any) -> str:
    """Return the name of a phrase: the hash of everything that decides its sound."""
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


class PhraseCache:
    """Both caches; `run` writes to the disk and must be running for it to fill.

    `memory` and `disk` are quotas in bytes; 0 turns one off.
    """

    def __init__(self, folder: Path, *, memory: int, disk: int) -> None:
        self._folder = folder
        self._memory_quota = memory
        self._disk_quota = disk
        self._memory: OrderedDict[str, Phrase] = OrderedDict()
        self._memory_bytes = 0
        self._disk: OrderedDict[str, PhraseFile] = OrderedDict()
        """Least recently used first."""
        self._disk_bytes = 0
        self._waiting: asyncio.Queue[tuple[str, Phrase]] = asyncio.Queue(_BACKLOG)
        self._generation = 0
        """Raised by `clear`, so that what was waiting then is not written."""
        self._hits = 0
        self._misses = 0

    async def get(self, key: str) -> Phrase | None:
        """Return a phrase, from memory at once, else from the disk; None if it is not there.

        A file that is damaged is removed and counts as not there.
        """
        phrase = self._memory.get(key)
        if phrase is not None:
            self._memory.move_to_end(key)
        elif key in self._disk:
            phrase = await asyncio.to_thread(_read, self._path(key))
            if phrase is None:
                self._forget(key)
            elif key in self._disk:
                self._disk.move_to_end(key)
                self._remember(key, phrase)
        if phrase is None:
            self._misses += 1
        else:
            self._hits += 1
        return phrase

    def put(self, key: str, phrase: Phrase) -> None:
        """Keep a phrase."""
        self._remember(key, phrase)
        if phrase.size <= self._disk_quota and key not in self._disk and not self._waiting.full():
            self._waiting.put_nowait((key, phrase))

    async def run(self) -> None:
        """Learn what is on the disk, then write what comes, until cancelled."""
        if not self._disk_quota:
            return
        for file in await asyncio.to_thread(_scan, self._folder):
            if file.id not in self._disk:
                self._disk[file.id] = file
                self._disk_bytes += file.size
        await self._shrink()
        while True:
            key, phrase = await self._waiting.get()
            generation = self._generation
            size = await asyncio.to_thread(_write, self._path(key), phrase)
            if generation != self._generation:
                await asyncio.to_thread(self._path(key).unlink, missing_ok=True)
            elif size and key not in self._disk:
                self._disk[key] = PhraseFile(key, size, time.time())
                self._disk_bytes += size
                await self._shrink()

    def files(self) -> list[PhraseFile]:
        """Return what is on the disk, the most recently used first."""
        return list(reversed(self._disk.values()))

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
        """Forget one phrase, or all of them; return the bytes that frees on the disk."""
        keys = list(self._disk) if key is None else [key]
        if key is None:
            self._memory.clear()
            self._memory_bytes = 0
            self._generation += 1
            while not self._waiting.empty():
                self._waiting.get_nowait()
        elif (phrase := self._memory.pop(key, None)) is not None:
            self._memory_bytes -= phrase.size
        return await self._remove(keys)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{SUFFIX}"

    def _remember(self, key: str, phrase: Phrase) -> None:
        if phrase.size > self._memory_quota:
            return
        if (old := self._memory.pop(key, None)) is not None:
            self._memory_bytes -= old.size
        self._memory[key] = phrase
        self._memory_bytes += phrase.size
        while self._memory_bytes > self._memory_quota:
            _, oldest = self._memory.popitem(last=False)
            self._memory_bytes -= oldest.size

    def _forget(self, key: str) -> int:
        file = self._disk.pop(key, None)
        if file is None:
            return 0
        self._disk_bytes -= file.size
        return file.size

    async def _shrink(self) -> None:
        """Remove the least recently used until there is room again."""
        if self._disk_bytes <= self._disk_quota:
            return
        left = self._disk_bytes
        keys = []
        for file in self._disk.values():
            if left <= _LOW_WATER * self._disk_quota:
                break
            keys.append(file.id)
            left -= file.size
        await self._remove(keys)

    async def _remove(self, keys: list[str]) -> int:
        known = [key for key in keys if key in self._disk]
        freed = sum(self._forget(key) for key in known)
        await asyncio.to_thread(_unlink, [self._path(key) for key in known])
        return freed


def _unlink(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _scan(folder: Path) -> list[PhraseFile]:
    """Return the files of the folder, the least recently used first."""
    found = []
    for path in folder.glob(f"*{SUFFIX}"):
        status = path.stat()
        found.append(PhraseFile(path.stem, status.st_size, status.st_mtime))
    return sorted(found, key=lambda file: file.last_used)


def _write(path: Path, phrase: Phrase) -> int:
    """Write a phrase at once or not at all; return its bytes, 0 if the disk refuses."""
    header = json.dumps({"voice": phrase.voice, "rate": phrase.rate}).encode() + b"\n"
    content = header + phrase.pcm
    draft = path.with_suffix(".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # What is said at home is nobody else's business.
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(hashlib.sha256(content).digest() + content)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        return 0  # A cache that cannot grow is no reason not to speak.
    return _DIGEST + len(content)


def _read(path: Path) -> Phrase | None:
    """Return a phrase and note its use; None, and no file any more, if it is damaged."""
    try:
        raw = path.read_bytes()
        content = raw[_DIGEST:]
        if hashlib.sha256(content).digest() == raw[:_DIGEST]:
            os.utime(path)
            header, _, pcm = content.partition(b"\n")
            fields: Mapping[str, Any] = json.loads(header)
            return Phrase(str(fields["voice"]), int(fields["rate"]), pcm)
        path.unlink()
    except OSError:
        pass  # It was removed meanwhile, or the disk is ill: the phrase is made anew.
    return None
