"""Large files, in pieces in a thread, so that the event loop stays free."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""Bytes per step: long enough to make threads cheap, short enough to be cancelled soon."""

BytesCallback = Callable[[int], None]
"""Called in the event loop with the number of bytes done so far."""


async def sha256_of(path: Path, on_bytes: BytesCallback | None = None) -> str:
    """Return the hexadecimal hash of a file. Raises OSError."""
    digest = hashlib.sha256()
    done = 0
    file = await asyncio.to_thread(path.open, "rb")
    try:
        while size := await asyncio.to_thread(_hash_chunk, file, digest.update):
            done += size
            if on_bytes is not None:
                on_bytes(done)
    finally:
        await asyncio.to_thread(file.close)
    return digest.hexdigest()


def _hash_chunk(file: BinaryIO, update: Callable[[bytes], None]) -> int:
    chunk = file.read(CHUNK_BYTES)
    update(chunk)
    return len(chunk)


def fsync_and_close(file: BinaryIO) -> None:
    """Close a written file once its bytes are on the disk. Blocks."""
    with file:
        file.flush()
        os.fsync(file.fileno())
