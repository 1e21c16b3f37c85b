"""Where recordings and texts arrive: written to disk as they come, each and all of them bounded."""

import asyncio
import errno
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from wyoming_servers.core.errors import BusyError, TooLargeError
from wyoming_servers.jobs.files import PARTIAL_SUFFIX, folder_bytes

_BUFFER_BYTES: Final = 1024 * 1024
"""Bytes collected before a thread is bothered with writing them."""

_RECOUNT_BYTES: Final = 64 * 1024 * 1024
"""Bytes written before the folder is counted again: others may be filling it."""


class UploadSpool:
    """The folder of recordings; no name a client sends ever becomes part of a path."""

    def __init__(self, folder: Path, *, largest: int, quota: int) -> None:
        """`largest` bytes of one recording, `quota` of all that are here at a time."""
        self._folder = folder
        self._max_bytes = largest
        self._quota = quota

    @property
    def max_bytes(self) -> int:
        """Most bytes of one recording."""
        return self._max_bytes

    async def discard(self, recording: Path) -> None:
        """Delete what was kept."""
        await asyncio.to_thread(recording.unlink, missing_ok=True)

    @asynccontextmanager
    async def receive(self, largest: int | None = None) -> AsyncIterator["IncomingUpload"]:
        """Take in one recording; what is not `kept` when this is left is deleted.

        `largest` bounds it further, in bytes.
        """
        arrival = IncomingUpload(
            self._folder, min(self._max_bytes, largest or self._max_bytes), self._quota
        )
        try:
            async with arrival:
                yield arrival
        except OSError as err:
            if err.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise BusyError(
                "The disk has no room for the recording.", hint="Free some space on the server."
            ) from err


class IncomingUpload:
    """A recording on its way in."""

    def __init__(self, folder: Path, largest: int, quota: int) -> None:
        self._path = folder / str(uuid.uuid4())
        self._partial_path = self._path.with_name(self._path.name + PARTIAL_SUFFIX)
        self._max_bytes = largest
        self._quota = quota
        self._buffer = bytearray()
        self._next_count = 0
        self.size = 0
        """Bytes so far."""

    async def write(self, data: bytes) -> None:
        """Add bytes. Raises TooLargeError, or BusyError if there is no room now."""
        self.size += len(data)
        if self.size > self._max_bytes:
            raise TooLargeError(
                f"What is sent is larger than {self._max_bytes} bytes.",
                hint="Send it in parts, compressed, or raise jobs.max_upload.",
            )
        self._buffer += data
        if len(self._buffer) >= _BUFFER_BYTES:
            await self._flush()

    async def commit(self) -> Path:
        """The recording is complete: return its path; it is the caller's from now on."""
        await self._flush()
        await asyncio.to_thread(self._close, keep=True)
        return self._path

    async def __aenter__(self) -> Self:
        self._file = await asyncio.to_thread(self._partial_path.open, "wb")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.to_thread(self._close, keep=False)

    async def _flush(self) -> None:
        data, self._buffer = bytes(self._buffer), bytearray()
        await asyncio.to_thread(self._write, data)

    def _write(self, data: bytes) -> None:
        if self.size >= self._next_count:
            self._next_count = self.size + _RECOUNT_BYTES
            if folder_bytes(self._partial_path.parent) + len(data) > self._quota:
                raise BusyError(
                    "The recordings that wait fill the space that is set aside for them.",
                    hint="Try again when some jobs are done, or raise jobs.quota.",
                    retry_after=60,
                )
        self._file.write(data)

    def _close(self, *, keep: bool) -> None:
        if self._file.closed:
            return
        self._file.close()
        if keep:
            self._partial_path.replace(self._path)
        else:
            self._partial_path.unlink(missing_ok=True)
