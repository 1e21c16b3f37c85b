"""Finds the cuBLAS that CTranslate2 opens at run time, wherever pip has put it."""

import ctypes
import logging
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_LIBRARIES: Final = ("libcublasLt.so.12", "libcublas.so.12")
"""In the order they need each other."""

_LOGGER = logging.getLogger(__name__)


def preload_cublas() -> list[str]:
    """Load cuBLAS from the package nvidia-cublas-cu12, if it is installed; return what was loaded.

    CTranslate2 opens `libcublas.so.12` by name at the first multiplication, and the package's
    folder is not on the loader's path; a library that is already in the process is found by its
    name. Nothing happens where the package is missing: the system may have its own.
    """
    folder = _package_folder()
    loaded = []
    for name in _LIBRARIES:
        path = folder / name if folder is not None else None
        if path is None or not path.is_file():
            continue
        try:
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        except OSError as err:
            # The load that follows fails with CTranslate2's own words; this is why.
            _LOGGER.warning("could not load %s: %s", path, err)
            break
        loaded.append(str(path))
    return loaded


def _package_folder() -> Path | None:
    try:
        spec = find_spec("nvidia.cublas")
    except ModuleNotFoundError:
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "lib"
