"""The environment of a worker process: what must be set before it starts, by engine and device."""

import os
import sys
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from wyoming_servers.core.domain import Placement

EnvironmentVariables = Mapping[str, str]

COMMON_VARIABLES: Final[EnvironmentVariables] = {
    # Files come from the store, with their hashes checked. A worker that fetched one by itself
    # would hang without a network, and load what nobody has seen.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}
"""For every worker."""

ENGINE_VARIABLES: Final[Mapping[str, EnvironmentVariables]] = {
    # CTranslate2 allocates and frees tens of MB for every layer. With glibc's defaults each of
    # these is mapped and unmapped, at a million page faults an utterance; from one arena that
    # is kept they cost nothing (encoding takes 0.65 to 0.7 of the time, for 8 to 35 MB more).
    # One arena, because in secondary arenas large blocks are mapped whatever the threshold.
    "faster-whisper": {
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": "8000000000",
        "MALLOC_TOP_PAD_": "268435456",
        # Numpy's only matrix product here is that of the features, a small one: with several BLAS
        # threads it takes 14 ms of CPU time for two seconds of audio, with one half a millisecond.
        "OPENBLAS_NUM_THREADS": "1",
    },
}
"""Additions by engine. A launcher can be given more of them, such as OMP_NUM_THREADS."""


def worker_environment(
    engine: str, placement: Placement, more: Mapping[str, EnvironmentVariables] | None = None
) -> dict[str, str]:
    """Return the whole environment of a worker; it inherits ours, and later rows win.

    On a GPU, devices are numbered as NVML numbers them, and the CUDA libraries that were
    installed as Python packages are found. On the CPU no GPU can be seen, so that no library
    takes memory there by accident. Looks at the disk once: call it outside the event loop.
    """
    result = dict(os.environ)
    result |= COMMON_VARIABLES
    result |= ENGINE_VARIABLES.get(engine, {})
    if placement.device.startswith("cuda"):
        result["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"
        result["LD_LIBRARY_PATH"] = _join_paths(
            *cuda_library_folders(), result.get("LD_LIBRARY_PATH")
        )
    else:
        result["CUDA_VISIBLE_DEVICES"] = ""
    # The child starts with -P, which keeps files that happen to lie in the working directory
    # from standing in for modules; so our own place must be named.
    result["PYTHONPATH"] = _join_paths(str(_package_root()), result.get("PYTHONPATH"))
    return result | dict((more or {}).get(engine, {}))


@cache
def cuda_library_folders() -> tuple[str, ...]:
    """Folders of the CUDA libraries that were installed as Python packages (`nvidia-…-cu12`)."""
    found = find_spec("nvidia")
    places = found.submodule_search_locations if found is not None else None
    return tuple(
        sorted({str(folder) for place in places or () for folder in Path(place).glob("*/lib")})
    )


def _package_root() -> Path:
    """The folder that holds our package."""
    return Path(sys.modules["wyoming_servers"].__path__[0]).parent


def _join_paths(*places: str | None) -> str:
    return os.pathsep.join(place for place in places if place)
