"""Applies configuration changes to the services that do not read the configuration per request."""

import logging

from wyoming_servers.config.holder import ConfigUpdate
from wyoming_servers.config.schema import Config, ModelSection
from wyoming_servers.scheduling.coordinator import Coordinator


class ConfigReloader:
    """Listener of the `ConfigHolder`: sets the log level and the policies of models."""

    def __init__(self, coordinator: Coordinator) -> None:
        self._coordinator = coordinator

    def __call__(self, update: ConfigUpdate) -> None:
        if "log.level" in update.changed:
            logging.getLogger().setLevel(update.new.log.level.upper())
        if any(key.rpartition(".")[2] in ("keep_alive", "pinned") for key in update.changed):
            self._update_policies(update.new)

    def _update_policies(self, config: Config) -> None:
        for status in self._coordinator.snapshot().models:
            section = config.models.get(status.spec.id, ModelSection())
            keep_alive = config.keep_alive if section.keep_alive is None else section.keep_alive
            self._coordinator.update_policy(
                status.spec.id, keep_alive=keep_alive, pinned=section.pinned
            )
