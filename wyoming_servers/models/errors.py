"""What can go wrong while a model is brought here.

LoadFailedError
└── DownloadError        no source gave the file; what has arrived is kept for the next try
    └── DiskFullError    there is no room for it
"""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wyoming_servers.core.errors import LoadFailedError


class DownloadError(LoadFailedError):
    """Raised when every source of a file failed."""

    default_hint = (
        "Check the network, or name a mirror with downloads.endpoint, and try again: "
        "what has arrived is kept."
    )


class DiskFullError(DownloadError):
    """Raised when the disk has no room for a model."""

    default_hint = "Free some space, or remove models with `wyoming-conductor models remove`."


@contextmanager
def map_disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk says about `path` into DownloadError or DiskFullError."""
    try:
        yield
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"The disk is full: {path.name} was not finished.") from err
        raise DownloadError(
            f"{path.name} cannot be written: {err.strerror or err}.",
            hint=f"Check that {path.parent} can be written to.",
        ) from err
