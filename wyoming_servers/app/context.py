"""What every part stands on, and what takes the parts down again."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.load import LoadedConfig
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import (
    Clock,
    SystemClock,
)
from wyoming_servers.core.event_bus import EventBus

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AppContext:
    """Handed to whoever builds parts; leaving the stack takes them down, the last one first."""

    loaded: LoadedConfig
    bus: EventBus = field(default_factory=EventBus)
    clock: Clock = field(default_factory=SystemClock)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    config_holder: ConfigHolder = field(init=False)
    """The configuration in effect; services read `current` per request."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "config_holder", ConfigHolder(self.loaded.config))

    @property
    def config(self) -> Config:
        """The configuration in effect now."""
        return self.config_holder.current

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run background work until the stack is left; its failure is a bug and is logged."""
        task = asyncio.create_task(work, name=name)

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled() and (error := task.exception()) is not None:
                _LOGGER.error("The %s task failed", name, exc_info=error)

        self.stack.push_async_callback(end)
