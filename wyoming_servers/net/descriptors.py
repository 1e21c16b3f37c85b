"""Raises the limit of open files, and derives from it how many connections may be open."""

import logging
import resource
from typing import Final

MAX_DESCRIPTORS: Final = 65_536
"""More is never used, and containers set limits of a billion, up to which some programs iterate."""

RESERVED_DESCRIPTORS: Final = 256
"""For everything but connections of clients: workers (4 each), databases, uploads, downloads."""

_LOGGER: Final = logging.getLogger(__name__)


def raise_descriptor_limit() -> int:
    """Raise the limit of open files to the highest one that needs no privileges, and return it.

    The usual soft limit of 1,024 exists for programs that use `select`; this one does not.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError) as err:
            _LOGGER.warning("The limit of open files stays at %d: %s", soft, err)
        else:
            soft = wanted
    return MAX_DESCRIPTORS if soft == resource.RLIM_INFINITY else soft


def max_connections(descriptors: int) -> int:
    """Return how many connections all ports together may hold with this limit of open files."""
    return max(16, descriptors - RESERVED_DESCRIPTORS, descriptors // 2)
