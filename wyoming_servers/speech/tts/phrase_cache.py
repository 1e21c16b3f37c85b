"""Phrases that were spoken before: a repeated one costs no inference.

The newest lie in memory, more of them on the disk as files of their own. The name of a phrase is
the hash of all that decides its sound.
"""

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wyoming_servers.speech.tts import phrase_files
from wyoming_servers.speech.tts.phrase_files import (
    PHRASE_SUFFIX,
    Phrase,
    PhraseFile,
)

__all__ = ["Phrase", "PhraseCache", "PhraseEntry", "PhraseStats", "phrase_key"]

_BACKLOG: Final = 64
"""Phrases that may wait to be written; more are kept in memory alone."""

_LOW_WATER: Final = 0.9
"""Share of the quota that is left after the oldest were removed."""


@dataclass(frozen=True, slots=True)
class PhraseEntry:
    """What is kept of one phrase."""

    key: str
    voice: str
    text: str
    """As the engine was given it; empty for one that an older version kept."""
    disk_bytes: int
    memory_bytes: int
    last_used: float
    """Seconds since 1970."""
    hits: int
    """How often it was repeated since the start."""


@dataclass(frozen=True, slots=True)
class PhraseStats:
    """How useful the cache is."""

    hits: int
    misses: int
    memory_bytes: int
    memory_phrases: int
    disk_bytes: int
    disk_phrases: int

    @property
    def hit_rate(self) -> float | None:
        """Share of the phrases asked for that were there; None while none was."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


@dataclass(slots=True)
class _Usage:
    last: float
    hits: int = 0


def phrase_key(**decides: Any) -> str:
    """Return the name of a phrase: the hash of everything that decides its sound."""
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


class PhraseCache:
    """Both caches; `run` writes to the disk and must be running for it to fill.

    `memory` and `disk` are quotas in bytes; 0 turns one off. Forgetting a phrase is safe at any
    time: who plays it has its bytes.
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
        self._uses: dict[str, _Usage] = {}
        """Of every phrase that is in memory or on the disk."""
        self._waiting: asyncio.Queue[str] = asyncio.Queue(_BACKLOG)
        self._unwritten: dict[str, Phrase] = {}
        """What waits; a phrase that is forgotten leaves it, and is then not written."""
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
            phrase = await asyncio.to_thread(phrase_files.read, self._path(key))
            if phrase is None:
                self._forget(key)
            elif key in self._disk:
                self._disk.move_to_end(key)
                self._remember(key, phrase)
        if phrase is None:
            self._misses += 1
            return None
        self._hits += 1
        if (use := self._uses.get(key)) is not None:
            use.hits += 1
            use.last = time.time()
        return phrase

    def put(self, key: str, phrase: Phrase) -> None:
        """Keep a phrase."""
        self._remember(key, phrase)
        known = key in self._disk or key in self._unwritten
        if phrase.size <= self._disk_quota and not known and not self._waiting.full():
            self._unwritten[key] = phrase
            self._waiting.put_nowait(key)

    async def run(self) -> None:
        """Learn what is on the disk, then write what comes, until cancelled."""
        if not self._disk_quota:
            return
        for file in await asyncio.to_thread(phrase_files.scan, self._folder):
            if file.id not in self._disk:
                self._note(file)
        await self._shrink()
        while True:
            key = await self._waiting.get()
            phrase = self._unwritten.get(key)
            if phrase is None:
                continue
            size = await asyncio.to_thread(phrase_files.write, self._path(key), phrase)
            if self._unwritten.get(key) is not phrase:  # forgotten while it was written
                await asyncio.to_thread(phrase_files.unlink, [self._path(key)])
                continue
            del self._unwritten[key]
            if size:
                self._note(PhraseFile(key, size, time.time(), phrase.voice, phrase.text))
                await self._shrink()

    def entries(self) -> list[PhraseEntry]:
        """Return all that is kept, the most recently used first."""
        found = [self._entry(key) for key in self._uses]
        return sorted(found, key=lambda entry: entry.last_used, reverse=True)

    def find(self, key: str) -> PhraseEntry | None:
        """Return what is kept of one phrase."""
        return self._entry(key) if key in self._uses else None

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
        keys = list({**self._uses, **self._unwritten}) if key is None else [key]
        for name in keys:
            self._unwritten.pop(name, None)
            self._drop_memory(name)
        return await self._remove([name for name in keys if name in self._disk])

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}{PHRASE_SUFFIX}"

    def _entry(self, key: str) -> PhraseEntry:
        file, phrase = self._disk.get(key), self._memory.get(key)
        about = phrase or file
        use = self._uses[key]
        return PhraseEntry(
            key=key,
            voice=about.voice if about else "",
            text=about.text if about else "",
            disk_bytes=file.size if file else 0,
            memory_bytes=phrase.size if phrase else 0,
            last_used=use.last,
            hits=use.hits,
        )

    def _note(self, file: PhraseFile) -> None:
        """A file lies on the disk."""
        self._disk[file.id] = file
        self._disk_bytes += file.size
        self._uses.setdefault(file.id, _Usage(file.last_used))

    def _remember(self, key: str, phrase: Phrase) -> None:
        if phrase.size > self._memory_quota:
            return
        uses = self._uses.setdefault(key, _Usage(time.time()))
        self._drop_memory(key)
        self._uses[key] = uses
        self._memory[key] = phrase
        self._memory_bytes += phrase.size
        while self._memory_bytes > self._memory_quota:
            self._drop_memory(next(iter(self._memory)))

    def _drop_memory(self, key: str) -> None:
        phrase = self._memory.pop(key, None)
        if phrase is not None:
            self._memory_bytes -= phrase.size
        self._drop_use(key)

    def _forget(self, key: str) -> int:
        """Drop a file from the books; return the bytes it took."""
        file = self._disk.pop(key, None)
        self._drop_use(key)
        if file is None:
            return 0
        self._disk_bytes -= file.size
        return file.size

    def _drop_use(self, key: str) -> None:
        if key not in self._memory and key not in self._disk:
            self._uses.pop(key, None)

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
        freed = sum(self._forget(key) for key in keys)
        await asyncio.to_thread(phrase_files.unlink, [self._path(key) for key in keys])
        return freed
