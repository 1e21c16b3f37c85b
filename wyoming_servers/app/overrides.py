"""Mends the overrides file when the server starts, and keeps a copy of one that works."""

import asyncio
import logging
from typing import Final

from wyoming_servers.app.context import AppContext
from wyoming_servers.config.editor import keep_good_overrides, write_overrides
from wyoming_servers.config.load import overrides_path
from wyoming_servers.core.errors import StorageError

_LOGGER: Final = logging.getLogger(__name__)


async def mend_overrides(context: AppContext) -> None:
    """Set a damaged overrides file aside, and save the settings that could be used.

    Never raises: the server runs with these settings, whether they can be saved or not.
    """
    loaded = context.loaded
    for problem in loaded.overrides_problems:
        _LOGGER.warning("A saved setting is ignored: %s", problem)
    path = overrides_path(loaded.config.data_dir)
    if not loaded.overrides_problems or not await asyncio.to_thread(path.exists):
        return
    try:
        reason = " ".join(str(problem) for problem in loaded.overrides_problems)
        await context.damaged.set_aside(path, reason)
        await asyncio.to_thread(write_overrides, loaded.config.data_dir, loaded.valid_overrides)
    except (OSError, StorageError) as err:
        _LOGGER.warning("The saved settings in %s could not be mended: %s", path, err)


async def keep_overrides(context: AppContext) -> None:
    """Keep a copy of the overrides with which the server has started. Never raises."""
    try:
        await asyncio.to_thread(keep_good_overrides, context.config.data_dir)
    except OSError as err:
        _LOGGER.warning("The saved settings could not be copied: %s", err)
