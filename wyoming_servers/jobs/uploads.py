"""Receives recordings and texts: written to disk as they arrive, with a limit each and a quota."""

import asyncio
import errno
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core.errors import BusyError, TooLargeError
from wyoming_servers.jobs.files import PARTIAL_SUFFIX, folder_bytes

_BUFFER_BYTES: Final = 1024 * 1024
"""Bytes that are collected before a thread writes them."""

_RECOUNT_BYTES: Final = 64 * 1024 * 1024
"""Bytes written before the folder is measured again, since others may write there too."""


class UploadSpool:
    """The folder of uploads; no name that a client sends becomes part of a path."""

    def __init__(self, folder: Path, config: ConfigHolder) -> None:
        """`jobs.max_upload` and `jobs.quota` are read for each upload."""
        self._folder = folder
        self._config = config

    @property
    def max_bytes(self) -> int:
        """Largest upload."""
        return self._config.current.jobs.max_upload

    async def discard(self, upload: Path) -> None:
        """Delete an upload that was committed."""
        await asyncio.to_thread(upload.unlink, missing_ok=True)

    @asynccontextmanager
    async def receive(self, max_bytes: int | None = None) -> AsyncIterator["IncomingUpload"]:
        """Receive one upload; it is deleted on leaving unless it was committed.

        `max_bytes` is a lower limit for this upload. Raises BusyError if the disk is full.
        """
        limit = self.max_bytes if max_bytes is None else min(self.max_bytes, max_bytes)
        upload = IncomingUpload(self._folder, limit, self._config.current.jobs.quota)
        try:
            async with upload:
                yield upload
        except OSError as err:
            if err.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            raise BusyError(
                "The disk is full.", hint="Free some disk space on the server."
            ) from err


class IncomingUpload:
    """An upload that is being received."""

    def __init__(self, folder: Path, max_bytes: int, quota: int) -> None:
        self._path = folder / str(uuid.uuid4())
        self._partial_path = self._path.with_name(self._path.name + PARTIAL_SUFFIX)
        self._max_bytes = max_bytes
        self._quota = quota
        self._buffer = bytearray()
        self._next_count = 0
        """Size at which the folder is measured again."""
        self.size = 0
        """Bytes received so far."""

    async def write(self, data: bytes) -> None:
        """Add bytes. Raises TooLargeError, or BusyError if the quota is exceeded."""
        self.size += len(data)
        if self.size > self._max_bytes:
            raise TooLargeError(
                f"The upload is larger than {self._max_bytes} bytes.",
                hint="Send it in parts, compress it, or raise jobs.max_upload.",
            )
        self._buffer += data
        if len(self._buffer) >= _BUFFER_BYTES:
            await self._flush()

    async def commit(self) -> Path:
        """Complete the upload and return its path; from now on, the caller owns the file."""
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
                    "The uploads of waiting jobs exceed their disk quota.",
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
