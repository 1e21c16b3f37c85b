"""The environment of a worker process: what must be set before it starts, by engine and device."""

import os
import sys
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from wyoming_servers.core.domain import Placement
from wyoming_servers.core.engine_info import find_engine

EnvironmentVariables = Mapping[str, str]

COMMON_VARIABLES: Final[EnvironmentVariables] = {
    # Files come from the store, with their hashes checked. A worker that fetched one by itself
    # would hang without a network, and load what nobody has seen.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
}
"""For every worker."""


def worker_environment(
    engine: str, placement: Placement, more: Mapping[str, EnvironmentVariables] | None = None
) -> dict[str, str]:
    """Return the whole environment of a worker: ours, the common variables, the engine's, `more`.

    `more` has additional variables by engine, such as OMP_NUM_THREADS.

    On a GPU, devices are numbered as NVML numbers them, and the CUDA libraries that were
    installed as Python packages are found. On the CPU no GPU can be seen, so that no library
    takes memory there by accident. Looks at the disk once: call it outside the event loop.
    """
    result = dict(os.environ)
    result |= COMMON_VARIABLES
    if (info := find_engine(engine)) is not None:
        result |= info.environment
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
