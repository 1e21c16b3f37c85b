"""What of a changed configuration holds at once."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from wyoming_servers.app.config_reload import ConfigReloader
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import (
    ModelSpec,
    ModelState,
    Placement,
    Task,
)
from wyoming_servers.scheduling.interface import (
    ModelStatus,
    Snapshot,
)


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
def apply(coordinator: Coordinator) -> ConfigReloader:
    steered: Any = coordinator
    return ConfigReloader(steered)


@pytest.fixture
def level() -> Iterator[None]:
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


@pytest.mark.usefixtures("level")
def test_the_level_of_the_log_holds_at_once(apply: ConfigReloader) -> None:
    new = Config.model_validate({"log": {"level": "error"}})
    assert apply(Config(), new, "log.level")
    assert logging.getLogger().level == logging.ERROR


def test_how_long_models_stay_holds_at_once(
    apply: ConfigReloader, coordinator: Coordinator
) -> None:
    new = Config.model_validate(
        {"keep_alive": 60, "models": {"two": {"keep_alive": 0, "pinned": True}}}
    )
    for key in ("keep_alive", "models.two.keep_alive", "models.two.pinned"):
        coordinator.policies.clear()
        assert apply(Config(), new, key)
        assert coordinator.policies == {"one": (60.0, False), "two": (0.0, True)}


@pytest.mark.parametrize("key", ["asr.model", "asr.extra_ports.whisper/base", "tts.voice"])
def test_everything_else_waits_for_the_next_start(
    apply: ConfigReloader, coordinator: Coordinator, key: str
) -> None:
    assert not apply(Config(), Config(), key)
    assert coordinator.policies == {}
