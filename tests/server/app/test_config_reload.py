"""ConfigReloader: what it applies when the configuration changes."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from wyoming_servers.app.config_reload import ConfigReloader
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import (
    ModelSpec,
    ModelState,
    Placement,
    Task,
)
from wyoming_servers.scheduling.status import ModelStatus, Snapshot


class Coordinator:
    """Notes the policies it is given."""

    def __init__(self) -> None:
        self.policies: dict[str, tuple[float, bool]] = {}

    def snapshot(self) -> Snapshot:
        specs = (ModelSpec(name, Task.ASR, "fake") for name in ("one", "two"))
        models = tuple(ModelStatus(spec, ModelState.READY, Placement()) for spec in specs)
        return Snapshot(models, (), 0)

    def update_policy(self, model: str, *, keep_alive: float, pinned: bool) -> None:
        self.policies[model] = (keep_alive, pinned)


@pytest.fixture
def coordinator() -> Coordinator:
    return Coordinator()


@pytest.fixture
def holder(coordinator: Coordinator) -> ConfigHolder:
    holder = ConfigHolder(Config())
    scheduler: Any = coordinator
    holder.subscribe(ConfigReloader(scheduler))
    return holder


@pytest.fixture
def level() -> Iterator[None]:
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


@pytest.mark.usefixtures("level")
def test_log_level_applies_at_once(holder: ConfigHolder) -> None:
    new = Config.model_validate({"log": {"level": "error"}})
    holder.replace(new, frozenset({"log.level"}))
    assert logging.getLogger().level == logging.ERROR


def test_keep_alive_and_pinned_apply_at_once(
    holder: ConfigHolder, coordinator: Coordinator
) -> None:
    new = Config.model_validate(
        {"keep_alive": 60, "models": {"two": {"keep_alive": 0, "pinned": True}}}
    )
    for key in ("keep_alive", "models.two.keep_alive", "models.two.pinned"):
        coordinator.policies.clear()
        holder.replace(new, frozenset({key}))
        assert coordinator.policies == {"one": (60.0, False), "two": (0.0, True)}


@pytest.mark.parametrize("key", ["asr.model", "asr.extra_ports.whisper/base", "tts.voice"])
def test_other_keys_leave_model_policies_unchanged(
    holder: ConfigHolder, coordinator: Coordinator, key: str
) -> None:
    holder.replace(Config(), frozenset({key}))
    assert coordinator.policies == {}
