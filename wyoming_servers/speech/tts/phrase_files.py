"""Spoken phrases as files: a checksum, a line about the phrase, its audio.

`<key>.phrase` is SHA-256 of the rest, a line of JSON (voice, rate, text), 16-bit mono PCM. Every
function here blocks on the disk, so call it in a thread.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wyoming_servers.core.files import PRIVATE_MODE, atomic_write

PHRASE_SUFFIX: Final = ".phrase"

_DIGEST_BYTES: Final = hashlib.sha256().digest_size

_HEADER_BYTES: Final = 16 * 1024
"""Bytes in which the line about a phrase ends; a longer one is not read for a list."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """What was said."""

    voice: str
    rate: int
    """Samples per second."""
    pcm: bytes
    """16-bit mono."""
    text: str = ""
    """As the engine was given it; empty if nobody wrote it down."""

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
    voice: str = ""
    text: str = ""


def write(path: Path, phrase: Phrase) -> int:
    """Write a phrase at once or not at all; return its bytes, 0 if the disk refuses."""
    about = {"voice": phrase.voice, "rate": phrase.rate, "text": phrase.text}
    content = json.dumps(about, ensure_ascii=False).encode("utf-8", "replace") + b"\n" + phrase.pcm
    try:
        # What is said at home is nobody else's business.
        digest = hashlib.sha256(content).digest()
        atomic_write(path, digest + content, mode=PRIVATE_MODE, durable=False)
    except OSError:
        return 0  # A cache that cannot grow is no reason not to speak.
    return _DIGEST_BYTES + len(content)


def read(path: Path) -> Phrase | None:
    """Return a phrase and note its use; None, and no file any more, if it is damaged."""
    try:
        raw = path.read_bytes()
        content = raw[_DIGEST_BYTES:]
        if hashlib.sha256(content).digest() == raw[:_DIGEST_BYTES]:
            os.utime(path)
            header, _, pcm = content.partition(b"\n")
            about: Mapping[str, Any] = json.loads(header)
            return Phrase(str(about["voice"]), int(about["rate"]), pcm, str(about.get("text", "")))
        path.unlink()
    except OSError:
        pass  # It was removed meanwhile, or the disk is ill: the phrase is made anew.
    return None


def scan(folder: Path) -> list[PhraseFile]:
    """Return the files of the folder, the least recently used first."""
    found = []
    for path in folder.glob(f"*{PHRASE_SUFFIX}"):
        with suppress(OSError):  # It was removed meanwhile.
            status = path.stat()
            voice, text = _read_header(path)
            found.append(PhraseFile(path.stem, status.st_size, status.st_mtime, voice, text))
    return sorted(found, key=lambda file: file.last_used)


def unlink(paths: Iterable[Path]) -> None:
    """Remove files that may be gone already."""
    for path in paths:
        path.unlink(missing_ok=True)


def _read_header(path: Path) -> tuple[str, str]:
    """Return voice and text of a file, empty if it is damaged: reading it will tell."""
    with path.open("rb") as file:
        line = file.read(_HEADER_BYTES)[_DIGEST_BYTES:].partition(b"\n")[0]
    try:
        about: Mapping[str, Any] = json.loads(line)
        return str(about["voice"]), str(about.get("text", ""))
    except (ValueError, KeyError, TypeError):
        return "", ""
