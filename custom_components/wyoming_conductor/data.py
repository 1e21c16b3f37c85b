"""Runtime data of a config entry."""

from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry

from .coordinator import ConductorCoordinator
from .keep_warm import KeepWarmManager
from .wyoming import ServiceWatcher

type ConductorConfigEntry = ConfigEntry[ConductorRuntimeData]


@dataclass(frozen=True, slots=True)
class ConductorRuntimeData:
    """Objects that live as long as the config entry is loaded."""

    coordinator: ConductorCoordinator
    keep_warm: KeepWarmManager
    services: ServiceWatcher
