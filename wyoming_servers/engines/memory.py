"""Returns memory to the system that was needed only once: to load a model, or for a long window."""

import ctypes
import sys


def release_free_memory() -> None:
    """Return free heap memory to the system, where the C library can (glibc).

    Otherwise a worker would keep the memory that only loading needed: 170 MB with Whisper base,
    because its allocator settings (`core.engine_info`) keep freed memory; 60 MB with Piper.
    """
    if sys.platform != "linux":
        return
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if malloc_trim is not None:
        malloc_trim(0)
