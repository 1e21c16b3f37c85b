"""Prepares a model for its engine: `python -m wyoming_servers.engines.prepare ENGINE FILES`.

FILES is a JSON object of the model's files by role, `cache_dir` among them. Runs when a model is
installed, and when a worker finds nothing prepared. It is a process of its own because graphs are
read, written and compared with the original here, which takes several times a model's memory.
The exit status is 0 if the model is prepared, or its engine prepares nothing.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

from wyoming_servers.core.engine_info import find_engine
from wyoming_servers.engines.prepared import CACHE_DIR, preparation_lock

_NICENESS: Final = 10

_LOGGER: Final = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="prepare", description=__doc__)
    parser.add_argument("engine", help="name of the engine")
    parser.add_argument("files", type=json.loads, help="JSON object of paths by role")
    parser.add_argument("--background", action="store_true", help="run at low priority")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:%(name)s: %(message)s")
    if options.background:
        os.nice(_NICENESS)
    try:
        prepare(options.engine, options.files)
    except Exception:
        _LOGGER.exception("Preparing a model of %s failed", options.engine)
        return 1
    return 0


def prepare(engine: str, files: Mapping[str, str]) -> None:
    """Prepare a model unless that was done; waits for another process that is at it.

    Raises OSError, and what the engine's libraries raise.
    """
    info = find_engine(engine)
    if info is None or not info.prepare:
        return
    module, _, name = info.prepare.partition(":")
    function: Callable[[Mapping[str, str]], None] = getattr(import_module(module), name)
    with preparation_lock(Path(files[CACHE_DIR])):
        function(files)


if __name__ == "__main__":
    sys.exit(main())
