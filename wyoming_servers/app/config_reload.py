"""What of the configuration holds at once when it is changed at run time."""

import logging

from wyoming_servers.config.schema import Config, ModelSection
from wyoming_servers.scheduling.coordinator import Coordinator


class ConfigReloader:
    """Applies what can change while the server runs; says whether it did."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator

    def __call__(self, old: Config, new: Config, key: str) -> bool:
        if key == "log.level":
            logging.getLogger().setLevel(new.log.level.upper())
            return True
        if key == "keep_alive" or key.endswith((".keep_alive", ".pinned")):
            self._update_policies(new)
            return True
        return False

    def _update_policies(self, config: Config) -> None:
        for status in self._coordinator.snapshot().models:
            own = config.models.get(status.spec.id, ModelSection())
            keep = config.keep_alive if own.keep_alive is None else own.keep_alive
            self._coordinator.update_policy(status.spec.id, keep_alive=keep, pinned=own.pinned)
