"""Large files, in pieces in a thread, so that the event loop stays free."""

import asyncio
import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

import httpx

from wyoming_servers.core.clock import Clock
from wyoming_servers.models.errors import (
    DiskFullError,
    DownloadError,
    map_disk_errors,
)
from wyoming_servers.models.layout import PART_SUFFIX

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


# One request for a file and what becomes of its answer, whatever the other side does.

MIN_BYTES_PER_SECOND: Final = 1_024
"""Bytes per second below which waiting for a model makes no sense."""

RESERVED_BYTES: Final = 64 * 1024 * 1024
"""Left free on the disk for others."""

_BUFFER_BYTES: Final = 256 * 1024
"""Bytes gathered before a thread writes them."""

_MAX_RETRY_AFTER: Final = 30.0

_RETRYABLE_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504})

_SHA256_PATTERN: Final = re.compile(r"^[0-9a-f]{64}$")

_CONTENT_RANGE_PATTERN: Final = re.compile(r"^bytes (\d+)-\d+/(\d+|\*)$")


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """What the file must be, as far as it is known before."""

    size: int | None = None
    sha256: str | None = None


class RetryableTransferError(Exception):
    """Raised when the same source may do better at once."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait
        """Seconds the server asks for."""


class SourceFailedError(Exception):
    """Raised when the source will never do."""


class FileTransfer:
    """One request and what becomes of its answer."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        target: Path,
        expected: ExpectedFile,
        on_bytes: BytesCallback,
        stall: float,
    ) -> None:
        self._client = client
        self._url = url
        self._target = target
        self._part = target.with_name(target.name + PART_SUFFIX)
        self._size = expected.size
        self._sha256 = expected.sha256
        self._on_bytes = on_bytes
        self._stall = stall
        self.received = 0
        """Bytes this request brought."""

    async def run(self) -> str:
        """Resume or begin, then check and put in place; return the file's sha256.

        1. A part that cannot be a beginning of the file is thrown away.
        2. A part that is the whole file already needs no request.
        3. The rest is asked for; a server that sends everything is taken from the start.
        4. Length and hash decide.
        """
        have = await self._resume_offset()  # 1
        resumed = have > 0
        if self._size is None or have < self._size:  # 2
            try:
                await self._request(have)  # 3
            except httpx.TimeoutException as err:
                raise RetryableTransferError(f"nothing came for {self._stall:g} s") from err
            except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.TooManyRedirects) as err:
                raise SourceFailedError(_error_text(err)) from err
            except httpx.RequestError as err:
                raise RetryableTransferError(_error_text(err)) from err
        return await self._verify_and_publish(resumed)  # 4

    async def _resume_offset(self) -> int:
        have = await asyncio.to_thread(_file_size, self._part)
        if have and self._size is not None and have > self._size:
            await self._discard_part()
            return 0
        if have and have == self._size and self._sha256 is None:
            # Nothing could tell whether these bytes are the right ones.
            await self._discard_part()
            return 0
        return have

    async def _request(self, have: int) -> None:
        headers = {"Accept-Encoding": "identity"}
        if have:
            headers["Range"] = f"bytes={have}-"
        timeout = httpx.Timeout(self._stall)
        async with self._client.stream(
            "GET", self._url, headers=headers, timeout=timeout, follow_redirects=True
        ) as response:
            start = await self._check_response(response, have)
            await self._check_free_space((self._size or 0) - start)
            await self._receive(response, start)

    async def _check_response(self, response: httpx.Response, have: int) -> int:
        """Decide from status and headers; return the offset at which the body begins."""
        status = response.status_code
        if status in _RETRYABLE_STATUSES:
            raise RetryableTransferError(f"HTTP {status}", _retry_after(response))
        if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            await self._discard_part()
            raise RetryableTransferError("it does not have the rest of the file")
        if status not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            raise SourceFailedError(f"HTTP {status}")
        self._read_linked_hash(response)
        start = 0
        if status == httpx.codes.PARTIAL_CONTENT:
            start, total = _content_range(response)
            if start != have:
                await self._discard_part()
                raise RetryableTransferError("it sent another part of the file than asked for")
        else:
            total = _content_length(response)
        if start and self._sha256 is None:
            # Only a hash could tell whether old and new bytes belong together.
            await self._discard_part()
            raise RetryableTransferError("it states no hash, so the file is taken from the start")
        if total is not None and self._size not in (None, total):
            raise SourceFailedError(f"it has {total} bytes where {self._size} are expected")
        self._size = self._size if self._size is not None else total
        return start

    def _read_linked_hash(self, response: httpx.Response) -> None:
        """Take the sha256 that Hugging Face states for large files, on the way to its storage."""
        for answer in (*response.history, response):
            stated = answer.headers.get("x-linked-etag", "").strip('"')
            if self._sha256 is None and _SHA256_PATTERN.match(stated):
                self._sha256 = stated

    async def _check_free_space(self, needed: int) -> None:
        free = (await asyncio.to_thread(shutil.disk_usage, self._part.parent)).free
        if free < needed + RESERVED_BYTES:
            raise DiskFullError(
                f"{self._target.name} needs {needed // 2**20} MiB "
                f"with {RESERVED_BYTES // 2**20} MiB "
                f"to spare, and {free // 2**20} MiB are free in {self._part.parent}."
            )

    async def _receive(self, response: httpx.Response, start: int) -> None:
        file = await asyncio.to_thread(_open_at, self._part, start)
        pace = _RateMonitor(self._stall)
        pending = bytearray()
        try:
            async for chunk in response.aiter_raw():
                self.received += len(chunk)
                if self._size is not None and start + self.received > self._size:
                    await self._discard_part()
                    raise SourceFailedError(f"it sends more than the {self._size} bytes expected")
                pending += chunk
                if len(pending) >= _BUFFER_BYTES:
                    # Taken out first: a cancellation here must not write them twice.
                    full, pending = bytes(pending), bytearray()
                    await asyncio.to_thread(file.write, full)
                self._on_bytes(start + self.received)
                pace.note(len(chunk))
        finally:
            # Whatever ended it, a cut or a cancellation: what has arrived is kept.
            await asyncio.to_thread(_write_and_close, file, bytes(pending))

    async def _verify_and_publish(self, resumed: bool) -> str:
        size = await asyncio.to_thread(_file_size, self._part)
        if self._size is not None and size < self._size:
            raise RetryableTransferError(f"it ended after {size} of {self._size} bytes")
        actual = await sha256_of(self._part)
        if size != (self._size or size) or actual != (self._sha256 or actual):
            await self._discard_part()
            if resumed:
                raise RetryableTransferError(
                    "the file is not what it should be, so it is taken from the start"
                )
            raise SourceFailedError("its file is not what it should be (sha256 differs)")
        await asyncio.to_thread(self._part.replace, self._target)
        return actual

    async def _discard_part(self) -> None:
        await asyncio.to_thread(self._part.unlink, missing_ok=True)
        self._on_bytes(0)


class _RateMonitor:
    """Notices a source that sends just enough not to time out."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._since = time.monotonic()
        self._bytes = 0

    def note(self, size: int) -> None:
        """Raise RetryableTransferError if the last window was too slow."""
        self._bytes += size
        elapsed = time.monotonic() - self._since
        if elapsed < self._window:
            return
        if self._bytes < MIN_BYTES_PER_SECOND * elapsed:
            raise RetryableTransferError(
                f"it sends less than {MIN_BYTES_PER_SECOND} bytes a second"
            )
        self._since, self._bytes = time.monotonic(), 0


def _file_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _open_at(path: Path, offset: int) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("r+b" if offset else "wb")
    file.seek(offset)
    file.truncate()
    return file


def _write_and_close(file: BinaryIO, rest: bytes) -> None:
    file.write(rest)
    fsync_and_close(file)


def _content_length(response: httpx.Response) -> int | None:
    text = response.headers.get("content-length", "")
    return int(text) if text.isdigit() else None


def _content_range(response: httpx.Response) -> tuple[int, int | None]:
    match = _CONTENT_RANGE_PATTERN.match(response.headers.get("content-range", ""))
    if match is None:
        return -1, None
    return int(match[1]), int(match[2]) if match[2] != "*" else None


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return min(float(text), _MAX_RETRY_AFTER) if text.isdigit() else None


def _error_text(err: Exception) -> str:
    return str(err) or type(err).__name__


# Brings one file here over HTTP, through mirrors that stall, lie, cut and vanish.
#
# What has arrived stays in `<name>.part`, so that the next attempt, the next source and the next
# start of the program go on from there. It becomes the file only when length and hash are right.

MAX_ATTEMPTS: Final = 3
"""Tries of one source in a row that bring next to nothing, before the next source."""

STALL_SECONDS: Final = 30.0
"""Without a byte, or slower than SLOWEST over this long, a source counts as stalled."""

PROGRESS_BYTES: Final = 1024 * 1024
"""An attempt that brought this much was no failure: a source may cut as often as it likes."""


class Downloader:
    """Downloads with one HTTP client; keeps no state between files."""

    def __init__(
        self, client: httpx.AsyncClient, clock: Clock, *, stall: float = STALL_SECONDS
    ) -> None:
        self._client = client
        self._clock = clock
        self._stall = stall

    async def fetch(
        self, urls: Sequence[str], target: Path, expected: ExpectedFile, on_bytes: BytesCallback
    ) -> str:
        """Bring the file from the first address that gives it; return its sha256.

        Addresses are tried in order. `on_bytes` is told how much is here, which may fall when
        a source had to begin anew. Raises DownloadError with the reason of every source,
        DiskFullError. Cancelling keeps what has arrived.
        """
        reasons = []
        for url in urls:
            try:
                with map_disk_errors(target):
                    return await self._download_from(url, target, expected, on_bytes)
            except SourceFailedError as err:
                reasons.append(f"{_host(url)}: {err}")
        told = "; ".join(reasons) or "no source is known"
        raise DownloadError(f"{target.name} could not be downloaded: {told}.")

    async def _download_from(
        self, url: str, target: Path, expected: ExpectedFile, on_bytes: BytesCallback
    ) -> str:
        """Try one source until it gives the file or has failed ATTEMPTS times in a row."""
        failures = 0
        while True:
            transfer = FileTransfer(self._client, url, target, expected, on_bytes, self._stall)
            try:
                return await transfer.run()
            except RetryableTransferError as err:
                failures = 0 if transfer.received >= PROGRESS_BYTES else failures + 1
                if failures == MAX_ATTEMPTS:
                    raise SourceFailedError(str(err)) from err
                await self._clock.sleep(err.wait if err.wait is not None else 2.0**failures / 2)


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host or url
    except httpx.InvalidURL:
        return url
