"""Engines by name, and the facts that their descriptors state."""

from importlib import import_module

import pytest

from wyoming_servers.core.engine_info import BUILTIN_ENGINES, EngineInfo
from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines import registry
from wyoming_servers.engines.base import SupportsParallelRuns


@pytest.mark.parametrize("info", BUILTIN_ENGINES, ids=lambda info: info.name)
def test_descriptor_agrees_with_the_class_of_the_engine(info: EngineInfo) -> None:
    module, _, name = info.module.partition(":")
    engine = getattr(import_module(module), name)
    assert all(hasattr(engine, method) for method in ("load", "warm_up", "open", "close"))
    assert info.supports_parallel_runs == isinstance(engine(), SupportsParallelRuns)


def test_registry_creates_an_engine_by_its_name() -> None:
    assert type(registry.create("fake")).__name__ == "FakeEngine"


def test_registry_refuses_an_unknown_engine() -> None:
    with pytest.raises(LoadFailedError, match="no engine named 'nobody'"):
        registry.create("nobody")


def test_registry_names_the_command_that_installs_a_missing_library(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    info = EngineInfo("wake", "no_such_module:Engine", extra="wake")
    monkeypatch.setattr(registry, "find_engine", lambda _: info)
    with pytest.raises(LoadFailedError, match=r"pip install 'wyoming-conductor\[wake\]'"):
        registry.create("wake")
