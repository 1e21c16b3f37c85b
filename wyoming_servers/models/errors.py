"""Errors of downloads.

LoadFailedError
└── DownloadError        every source failed; the partial file is kept for the next attempt
    └── DiskFullError    the disk has no space for the model
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wyoming_servers.core.errors import LoadFailedError


class DownloadError(LoadFailedError):
    """Raised when every source of a file failed."""

    default_hint = (
        "Check the network, or set downloads.mirrors, and try again: the download resumes."
    )


class DiskFullError(DownloadError):
    """Raised when the disk has no space for a model."""

    default_hint = "Free some disk space, or remove models with `wyoming-conductor models remove`."


@contextmanager
def map_disk_errors(path: Path) -> Iterator[None]:
    """Convert OSError into DownloadError or DiskFullError."""
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"The disk is full: {path.name} is incomplete.") from err
        raise DownloadError(
            f"{path.name} cannot be written: {err.strerror or err}.",
            hint=f"Check the permissions of {path.parent}.",
        ) from err
