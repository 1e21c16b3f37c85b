"""Environment variables of a worker process, by engine and device."""

import os
import sys
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from wyoming_servers.core.domain import Placement
from wyoming_servers.core.engine_info import find_engine
from wyoming_servers.core.sandbox.policy import inherited_environment

EnvironmentVariables = Mapping[str, str]

COMMON_VARIABLES: Final[EnvironmentVariables] = {
    # The store provides all files, with their hashes checked. A worker that downloaded a file by
    # itself would hang without a network, and load unverified content.
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    # No library reports how it is used.
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}
"""For every worker."""


def worker_environment(
    engine: str, placement: Placement, more: Mapping[str, EnvironmentVariables] | None = None
) -> dict[str, str]:
    """Return the environment of a worker: the inherited part of ours, then the others' variables.

    Of ours it sees what `core.sandbox` lists; then come the common ones, the engine's and `more`.
    `more` has additional variables by engine, such as OMP_NUM_THREADS. On a GPU, devices are
    numbered as in NVML, and the CUDA libraries of Python packages are on the library path. On the
    CPU, GPUs are hidden, so that no library allocates memory there. Reads the disk on its first
    call: call it in a thread.
    """
    result = inherited_environment()
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
    # The child starts with -P, so that files in the working directory cannot shadow modules;
    # therefore the folder of our own package must be on the path.
    result["PYTHONPATH"] = _join_paths(str(_package_root()), result.get("PYTHONPATH"))
    return result | dict((more or {}).get(engine, {}))


@cache
def cuda_library_folders() -> tuple[str, ...]:
    """Return the folders of CUDA libraries in Python packages (`nvidia-…-cu12`)."""
    found = find_spec("nvidia")
    places = found.submodule_search_locations if found is not None else None
    return tuple(
        sorted({str(folder) for place in places or () for folder in Path(place).glob("*/lib")})
    )


def _package_root() -> Path:
    """Return the folder that contains our package."""
    return Path(sys.modules["wyoming_servers"].__path__[0]).parent


def _join_paths(*places: str | None) -> str:
    return os.pathsep.join(place for place in places if place)
