"""The services that all parts of the application share, and their shutdown."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.load import LoadedConfig
from wyoming_servers.config.schema import Config
from wyoming_servers.core.aio import LoopTimeBudget, cancel_and_wait
from wyoming_servers.core.clock import Clock, SystemClock
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.task_supervisor import TaskSupervisor, Work
from wyoming_servers.data_dir.set_aside import DamagedFiles
from wyoming_servers.net.connection_limits import (
    ConnectionLimits,
    max_connections,
    raise_descriptor_limit,
)


@dataclass(frozen=True, slots=True)
class AppContext:
    """Shared services; closing `stack` shuts all parts down in reverse order."""

    loaded: LoadedConfig
    bus: EventBus = field(default_factory=EventBus)
    clock: Clock = field(default_factory=SystemClock)
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    connections: ConnectionLimits = field(
        default_factory=lambda: ConnectionLimits(max_connections(raise_descriptor_limit()))
    )
    """Limits of the open connections of all ports; raises the limit of open files."""
    loop_time: LoopTimeBudget = field(default_factory=LoopTimeBudget)
    """Turns of the event loop, for the work of clients that send faster than they speak."""
    config_holder: ConfigHolder = field(init=False)
    """The configuration in effect; services read `current` per request."""
    damaged: DamagedFiles = field(init=False)
    """Files that were set aside; `/health` shows them."""
    tasks: TaskSupervisor = field(init=False)
    """All long-lived background tasks; `/health` shows those that failed."""

    restart_requested: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the server is to stop and start again."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "config_holder", ConfigHolder(self.loaded.config))
        object.__setattr__(self, "damaged", DamagedFiles(self.bus, self.clock))
        object.__setattr__(self, "tasks", TaskSupervisor(self.clock))

    @property
    def config(self) -> Config:
        """The configuration in effect now."""
        return self.config_holder.current

    def use(self, loaded: LoadedConfig, effective: Config) -> None:
        """Replace the configuration, before any service has read it."""
        object.__setattr__(self, "loaded", loaded)
        object.__setattr__(self, "config_holder", ConfigHolder(effective))

    def spawn(self, work: Work, name: str) -> None:
        """Run background work until the stack is closed; it is restarted after a failure."""
        self.stack.push_async_callback(cancel_and_wait, self.tasks.start(work, name))
