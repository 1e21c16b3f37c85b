"""Gives memory back that CTranslate2 needed once, for a load or a window of 30 s."""

import ctypes
import sys


def trim() -> None:
    """Return free memory to the system; nothing where the C library cannot.

    A worker of Whisper keeps what was freed, because it allocates tens of MB for every layer
    (`worker.environment`). What only loading needed would be held for ever: 170 MB with base.
    """
    if sys.platform != "linux":
        return
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if malloc_trim is not None:
        malloc_trim(0)
