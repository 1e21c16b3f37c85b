"""Gives memory back that was needed once: to load a model, or for a window of 30 s."""

import ctypes
import sys


def release_free_memory() -> None:
    """Return free memory to the system; nothing where the C library cannot.

    What only loading needed would be held for ever: by a worker of Whisper, because it allocates
    tens of MB for every layer and so keeps what was freed (`worker.environment`), 170 MB with
    base; by one of Piper, because its network is taken apart, 60 MB.
    """
    if sys.platform != "linux":
        return
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if malloc_trim is not None:
        malloc_trim(0)
