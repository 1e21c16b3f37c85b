from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wyoming_servers.app.api import _ready, _warn_about_weak_protection
from wyoming_servers.app.context import AppContext
from wyoming_servers.config.load import LoadedConfig
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import ModelSpec, ModelState, Placement, Task
from wyoming_servers.scheduling.status import ModelStatus, Snapshot


@pytest.fixture
def context(tmp_path: Path, clock: FakeClock) -> AppContext:
    return AppContext(LoadedConfig(Config(data_dir=tmp_path), {}, None), clock=clock)


def make_dependencies(*statuses: ModelStatus, progress: str = "") -> Any:
    """A server whose default model is `asr/a`, which is also preloaded."""
    return SimpleNamespace(
        coordinator=SimpleNamespace(snapshot=lambda: Snapshot(statuses, (), 0)),
        library=SimpleNamespace(install_progress=lambda model: progress),
        served={"asr": "asr/a"},
        preloaded=["asr/a"],
    )


def make_status(state: ModelState, load_seconds: float | None = None) -> ModelStatus:
    spec = ModelSpec("asr/a", Task.ASR, "fake")
    return ModelStatus(spec, state, Placement(), load_seconds=load_seconds)


def test_ready_names_models_that_are_not_installed(context: AppContext) -> None:
    assert _ready(context, make_dependencies()) == (False, ["asr: asr/a is not installed"])
    installing = make_dependencies(progress="is being installed (download 42 %)")
    assert _ready(context, installing) == (
        False,
        ["asr: asr/a is being installed (download 42 %)"],
    )


def test_ready_waits_until_preloaded_models_were_loaded_once(context: AppContext) -> None:
    loading = make_dependencies(make_status(ModelState.LOADING))
    assert _ready(context, loading) == (False, ["asr/a is loading"])
    unloaded_again = make_dependencies(make_status(ModelState.UNLOADED, load_seconds=1.0))
    assert _ready(context, unloaded_again) == (True, [])


async def test_ready_reports_failed_background_tasks(context: AppContext, clock: FakeClock) -> None:
    async def fail() -> None:
        raise OSError("disk full")

    dependencies = make_dependencies(make_status(ModelState.READY))
    async with context.stack:
        context.spawn(fail, "phrase cache")
        await clock.run_ready_tasks()
        assert _ready(context, dependencies) == (
            True,
            ["The background task 'phrase cache' failed once: OSError: disk full"],
        )


@pytest.mark.parametrize(
    ("settings", "token", "warning"),
    [
        ({"api": {"auth": "none"}}, "t" * 43, "everybody on the network"),
        ({"api": {"auth": "none"}, "host": "127.0.0.1"}, "t" * 43, ""),
        ({}, "short", "can be guessed"),
        ({}, "t" * 43, ""),
    ],
)
def test_start_warns_about_weak_protection(
    settings: dict[str, Any], token: str, warning: str, caplog: pytest.LogCaptureFixture
) -> None:
    _warn_about_weak_protection(Config.model_validate(settings), token)
    assert bool(caplog.records) is bool(warning)
    assert warning in caplog.text
