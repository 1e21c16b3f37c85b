"""Has an engine prepare a model when it is installed, such as split a Piper voice.

The work is done by `python -m wyoming_servers.engines.prepare` in a process of its own, so that the
server needs neither the engine's library nor the memory. The results are in the model's cache
folder. A failure is only logged: the worker that first loads the model tries again.
"""

import asyncio
import json
import logging
import sys
from collections.abc import Mapping
from typing import Final

from wyoming_servers.core.domain import Placement
from wyoming_servers.core.engine_info import find_engine
from wyoming_servers.worker.environment import worker_environment

_TIMEOUT: Final = 180.0
"""Seconds; a voice takes two, or ten on a small computer."""

_LOGGER: Final = logging.getLogger(__name__)


async def prepare_model(engine: str, files: Mapping[str, str]) -> None:
    """Prepare a model, given its files by role, if its engine has anything to prepare.

    Never raises but for cancellation, which ends the process.
    """
    info = await asyncio.to_thread(find_engine, engine)
    if info is None or not info.prepare:
        return
    # -P keeps files in the working directory from being imported as modules.
    command = ["-P", "-m", "wyoming_servers.engines.prepare", "--background", engine]
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            json.dumps(dict(files)),
            env=await asyncio.to_thread(worker_environment, engine, Placement()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as err:
        _LOGGER.warning("The preparation of a model of %s cannot be started: %s", engine, err)
        return
    try:
        async with asyncio.timeout(_TIMEOUT):
            _, errors = await process.communicate()
    except TimeoutError:
        _LOGGER.warning("The preparation of a model of %s took too long", engine)
    else:
        if process.returncode:
            log = errors.decode("utf-8", "replace").strip()
            _LOGGER.warning("A model of %s could not be prepared: %s", engine, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
