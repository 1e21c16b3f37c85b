"""What can go wrong while a model is brought here.

LoadFailedError
└── DownloadError        no source gave the file; what has arrived is kept for the next try
    └── DiskFullError    there is no room for it
"""

from wyoming_servers.errors import LoadFailedError


class DownloadError(LoadFailedError):
    """Raised when every source of a file failed."""

    default_hint = (
        "Check the network, or name a mirror with downloads.endpoint, and try again: "
        "what has arrived is kept."
    )


class DiskFullError(DownloadError):
    """Raised when the disk has no room for a model."""

    default_hint = "Free some space, or remove models with `wyoming-conductor models remove`."
