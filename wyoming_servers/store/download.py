"""Brings one file here over HTTP, through mirrors that stall, lie, cut and vanish.

What has arrived stays in `<name>.part`, so that the next attempt, the next source and the next
start of the program go on from there. It becomes the file only when length and hash are right.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx

from wyoming_servers.clock import Clock
from wyoming_servers.store.checksum import BytesCallback
from wyoming_servers.store.faults import DownloadError, map_disk_errors
from wyoming_servers.store.transfer import (
    ExpectedFile,
    SourceFailedError,
    FileTransfer,
    RetryableTransferError,
)

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

    async def _download_from(self, url: str, target: Path, expected: ExpectedFile, on_bytes: BytesCallback) -> str:
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
