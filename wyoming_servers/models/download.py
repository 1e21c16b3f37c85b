"""Downloads files over HTTP from several sources; hashes files without blocking the event loop.

Received bytes stay in `<name>.part`, so that the next attempt, the next source and the next start
of the server resume the download. A file gets its final name only if length and hash are right.

Not `huggingface_hub`: its download is synchronous and cannot be cancelled, checks no hash, has one
endpoint for the whole process and no minimum speed, and cannot use sources outside the hub.
"""

import asyncio
import hashlib
import math
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
from wyoming_servers.core.files import disk_reserve, publish_file
from wyoming_servers.models.errors import DiskFullError, DownloadError, map_disk_errors
from wyoming_servers.models.layout import PART_SUFFIX

BytesCallback = Callable[[int], None]
"""Called in the event loop with the number of bytes done so far."""

MAX_ATTEMPTS: Final = 3
"""Rounds over all sources before a download fails."""

CONNECT_SECONDS: Final = 5.0
"""A source that accepts no connection for this long is unreachable."""

ANSWER_SECONDS: Final = 10.0
"""A source that sends no status for this long does not work, redirects included."""

AVOID_SECONDS: Final = 600.0
"""A source that failed is tried last for this long."""

STALL_SECONDS: Final = 30.0
"""A source without a byte, or below `MIN_BYTES_PER_SECOND`, for this long has stalled."""

PROGRESS_BYTES: Final = 1024 * 1024
"""An attempt that received this much does not count as failed: some sources disconnect often."""

MIN_BYTES_PER_SECOND: Final = 1_024
"""A model would take days at a lower speed."""

RESERVED_BYTES: Final = 64 * 1024 * 1024
"""Disk space that is left free for other programs, whatever the configuration says."""

CHUNK_BYTES: Final = 4 * 1024 * 1024
"""Bytes per call in a thread: enough for little overhead, few enough for a quick cancellation."""

_BUFFER_BYTES: Final = 256 * 1024
"""Received bytes per write."""

_MAX_RETRY_AFTER: Final = 30.0
"""Upper limit for the `Retry-After` of a server, in seconds."""

_RETRYABLE_STATUSES: Final = frozenset({408, 425, 429, 500, 502, 503, 504})

_SHA256_PATTERN: Final = re.compile(r"^[0-9a-f]{64}$")

_CONTENT_RANGE_PATTERN: Final = re.compile(r"^bytes (\d+)-\d+/(\d+|\*)$")


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """The size and the hash that a file must have; None if unknown."""

    size: int | None = None
    sha256: str | None = None
    md5: str | None = None
    """Used if there is no SHA-256."""


class RetryableTransferError(Exception):
    """Raised when another attempt with the same source may succeed."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait
        """Seconds to wait, if the server says so."""


class SourceFailedError(Exception):
    """Raised when further attempts with the same source are pointless."""


class SourceHealth:
    """Remembers which hosts have failed, so that a dead one costs time once and not for every file.

    Belongs to the event loop; is kept until the process ends.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: dict[str, float] = {}
        """Host with port, and time of its last failure."""

    def order(self, urls: Sequence[str]) -> list[str]:
        """Return the URLs in their order, those of hosts that failed lately last."""
        now = self._clock.now()
        return sorted(
            dict.fromkeys(urls),
            key=lambda url: now - self._failed.get(_site(url), -math.inf) < AVOID_SECONDS,
        )

    def record(self, url: str, *, ok: bool) -> None:
        """Remember whether a source worked."""
        if ok:
            self._failed.pop(_site(url), None)
        else:
            self._failed[_site(url)] = self._clock.now()


class Downloader:
    """Downloads files with one HTTP client."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        clock: Clock,
        *,
        stall: float = STALL_SECONDS,
        min_free: int = 0,
        health: SourceHealth | None = None,
    ) -> None:
        """`min_free` bytes of the disk stay free, as `limits.min_free_disk` says."""
        self._health = health or SourceHealth(clock)
        self._min_free = min_free
        self._client = client
        self._clock = clock
        self._stall = stall

    async def fetch(
        self, urls: Sequence[str], target: Path, expected: ExpectedFile, on_bytes: BytesCallback
    ) -> str:
        """Download a file from the first URL that works; return its SHA-256.

        `on_bytes` gets the number of bytes on the disk, which decreases when a source restarts the
        file. Raises DownloadError with the reason of every source, DiskFullError. A cancellation
        keeps the partial file.
        """
        reasons: dict[str, str] = {}
        left = self._health.order(urls)
        for attempt in range(MAX_ATTEMPTS):
            pauses = [2.0**attempt / 2]
            for url in tuple(left):
                try:
                    with map_disk_errors(target):
                        digest = await self._download_from(url, target, expected, on_bytes)
                except SourceFailedError as err:
                    reasons[url] = str(err)
                    left.remove(url)
                except RetryableTransferError as err:
                    reasons[url] = str(err)
                    pauses += [] if err.wait is None else [err.wait]
                else:
                    self._health.record(url, ok=True)
                    return digest
                self._health.record(url, ok=False)
            if not left or attempt + 1 == MAX_ATTEMPTS:
                break
            await self._clock.sleep(max(pauses))
        text = "; ".join(f"{_host(url)}: {reason}" for url, reason in reasons.items())
        text = text or "no source is known"
        raise DownloadError(f"{target.name} could not be downloaded: {text}.")

    async def _download_from(
        self, url: str, target: Path, expected: ExpectedFile, on_bytes: BytesCallback
    ) -> str:
        """Download from one source, again and again as long as it makes progress."""
        while True:
            transfer = FileTransfer(
                self._client, url, target, expected, on_bytes, self._stall, self._min_free
            )
            try:
                return await transfer.run()
            except RetryableTransferError as err:
                if transfer.received < PROGRESS_BYTES:
                    raise
                await self._clock.sleep(0.5 if err.wait is None else err.wait)


class FileTransfer:
    """One HTTP request for a file, and the check of the received file."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        target: Path,
        expected: ExpectedFile,
        on_bytes: BytesCallback,
        stall: float,
        min_free: int = 0,
    ) -> None:
        self._min_free = min_free
        self._client = client
        self._url = url
        self._target = target
        self._part = target.with_name(target.name + PART_SUFFIX)
        self._size = expected.size
        self._sha256 = expected.sha256
        self._md5 = expected.md5
        self._on_bytes = on_bytes
        self._stall = stall
        self.received = 0
        """Bytes received by this request."""

    async def run(self) -> str:
        """Download or resume, then check and rename the file; return its SHA-256.

        1. A partial file that cannot be the beginning of the file is deleted.
        2. A partial file of the full size needs no request.
        3. The missing bytes are requested; a server without ranges sends the whole file.
        4. Length and hash decide.
        """
        offset = await self._resume_offset()  # 1
        resumed = offset > 0
        if self._size is None or offset < self._size:  # 2
            try:
                await self._request(offset)  # 3
            except httpx.ConnectTimeout as err:
                raise RetryableTransferError("no connection") from err
            except httpx.TimeoutException as err:
                raise RetryableTransferError(f"no data for {self._stall:g} s") from err
            except (httpx.UnsupportedProtocol, httpx.InvalidURL, httpx.TooManyRedirects) as err:
                raise SourceFailedError(_error_text(err)) from err
            except httpx.RequestError as err:
                raise RetryableTransferError(_error_text(err)) from err
        return await self._verify_and_publish(resumed)  # 4

    @property
    def _has_hash(self) -> bool:
        return self._sha256 is not None or self._md5 is not None

    async def _resume_offset(self) -> int:
        size = await asyncio.to_thread(_file_size, self._part)
        if size and self._size is not None and size > self._size:
            await self._discard_part()
            return 0
        if size and size == self._size and not self._has_hash:
            # Without a hash nothing tells whether these bytes are right.
            await self._discard_part()
            return 0
        return size

    async def _request(self, offset: int) -> None:
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        timeout = httpx.Timeout(self._stall, connect=CONNECT_SECONDS)
        request = self._client.build_request("GET", self._url, headers=headers, timeout=timeout)
        try:
            async with asyncio.timeout(min(ANSWER_SECONDS, self._stall)):
                response = await self._client.send(request, stream=True, follow_redirects=True)
        except TimeoutError as err:
            raise RetryableTransferError("no answer") from err
        try:
            start = await self._check_response(response, offset)
            await self._check_free_space((self._size or 0) - start)
            await self._receive(response, start)
        finally:
            await response.aclose()

    async def _check_response(self, response: httpx.Response, offset: int) -> int:
        """Check status and headers; return the offset at which the body starts."""
        status = response.status_code
        if status in _RETRYABLE_STATUSES:
            raise RetryableTransferError(f"HTTP {status}", _retry_after(response))
        if status == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            await self._discard_part()
            raise RetryableTransferError("the source does not have the rest of the file")
        if status not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
            raise SourceFailedError(f"HTTP {status}")
        self._read_linked_hash(response)
        start = 0
        if status == httpx.codes.PARTIAL_CONTENT:
            start, total = _content_range(response)
            if start != offset:
                await self._discard_part()
                raise RetryableTransferError("the source sent another range than requested")
        else:
            total = _content_length(response)
        if start and not self._has_hash:
            # Only a hash tells whether old and new bytes belong to the same file.
            await self._discard_part()
            raise RetryableTransferError("the source states no hash, so the download restarts")
        if total is not None and self._size not in (None, total):
            raise SourceFailedError(f"the file has {total} bytes instead of {self._size}")
        self._size = self._size if self._size is not None else total
        return start

    def _read_linked_hash(self, response: httpx.Response) -> None:
        """Use the SHA-256 that Hugging Face states in the redirect to its storage."""
        for answer in (*response.history, response):
            stated = answer.headers.get("x-linked-etag", "").strip('"')
            if self._sha256 is None and _SHA256_PATTERN.match(stated):
                self._sha256 = stated

    async def _check_free_space(self, needed: int) -> None:
        usage = await asyncio.to_thread(shutil.disk_usage, self._part.parent)
        free = usage.free
        reserve = max(RESERVED_BYTES, disk_reserve(usage.total, self._min_free))
        if free < needed + reserve:
            raise DiskFullError(
                f"{self._target.name} needs {needed // 2**20} MiB besides a reserve of "
                f"{reserve // 2**20} MiB, but only {free // 2**20} MiB are free in "
                f"{self._part.parent}."
            )

    async def _receive(self, response: httpx.Response, start: int) -> None:
        file = await asyncio.to_thread(_open_at, self._part, start)
        monitor = _RateMonitor(self._stall)
        pending = bytearray()
        try:
            async for chunk in response.aiter_raw():
                self.received += len(chunk)
                if self._size is not None and start + self.received > self._size:
                    await self._discard_part()
                    raise SourceFailedError(f"the source sends more than {self._size} bytes")
                pending += chunk
                if len(pending) >= _BUFFER_BYTES:
                    # Replaced before the write: a cancellation must not write the bytes twice.
                    full, pending = bytes(pending), bytearray()
                    await asyncio.to_thread(file.write, full)
                self._on_bytes(start + self.received)
                monitor.add(len(chunk))
        finally:
            # An error and a cancellation keep the received bytes as well.
            await asyncio.to_thread(_write_and_close, file, bytes(pending))

    async def _verify_and_publish(self, resumed: bool) -> str:
        size = await asyncio.to_thread(_file_size, self._part)
        if self._size is not None and size < self._size:
            raise RetryableTransferError(f"the transfer ended after {size} of {self._size} bytes")
        actual = await sha256_of(self._part)
        right = size == (self._size or size) and actual == (self._sha256 or actual)
        if right and self._sha256 is None and self._md5 is not None:
            right = await md5_of(self._part) == self._md5
        if not right:
            await self._discard_part()
            if resumed:
                raise RetryableTransferError("the resumed file is wrong, so the download restarts")
            raise SourceFailedError("the file is wrong (its hash differs)")
        await asyncio.to_thread(publish_file, self._part, self._target)
        return actual

    async def _discard_part(self) -> None:
        await asyncio.to_thread(self._part.unlink, missing_ok=True)
        self._on_bytes(0)


class _RateMonitor:
    """Detects a source that sends just enough not to time out."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._since = time.monotonic()
        self._bytes = 0

    def add(self, size: int) -> None:
        """Count received bytes. Raises RetryableTransferError if the last window was too slow."""
        self._bytes += size
        elapsed = time.monotonic() - self._since
        if elapsed < self._window:
            return
        if self._bytes < MIN_BYTES_PER_SECOND * elapsed:
            raise RetryableTransferError(f"less than {MIN_BYTES_PER_SECOND} bytes per second")
        self._since, self._bytes = time.monotonic(), 0


async def sha256_of(path: Path, on_bytes: BytesCallback | None = None) -> str:
    """Return the hexadecimal SHA-256 of a file. Raises OSError."""
    return await _hash_of(path, hashlib.sha256(), on_bytes)


async def md5_of(path: Path) -> str:
    """Return the hexadecimal MD5 of a file; it detects damage, not forgery. Raises OSError."""
    return await _hash_of(path, hashlib.md5(usedforsecurity=False), None)


async def _hash_of(path: Path, digest: "hashlib._Hash", on_bytes: BytesCallback | None) -> str:
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


def fsync_and_close(file: BinaryIO) -> None:
    """Close a file when its content is on the disk. Blocks."""
    with file:
        file.flush()
        os.fsync(file.fileno())


def _hash_chunk(file: BinaryIO, update: Callable[[bytes], None]) -> int:
    chunk = file.read(CHUNK_BYTES)
    update(chunk)
    return len(chunk)


def _file_size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _open_at(path: Path, offset: int) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("r+b" if offset else "wb")
    try:
        file.seek(offset)
        file.truncate()
    except BaseException:
        file.close()
        raise
    return file


def _write_and_close(file: BinaryIO, rest: bytes) -> None:
    with file:
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


def _site(url: str) -> str:
    return url.split("/")[2] if "://" in url else url


def _host(url: str) -> str:
    try:
        return httpx.URL(url).host or url
    except httpx.InvalidURL:
        return url
