"""ConfigReloader: what it asks of the other parts when the configuration changes."""

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.app.config_reload import (
    ConfigReloader,
    check_listeners,
    models_to_preload,
)
from wyoming_servers.config.holder import ConfigHolder, ConfigUpdate
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import ModelSpec, ModelState, Placement, Task
from wyoming_servers.core.errors import ConductorError, LoadFailedError
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.scheduling.planner.actions import ReplaceResult
from wyoming_servers.scheduling.status import ModelStatus, Snapshot

DEFAULTS = {"asr": "whisper/base", "tts": "piper/en_US-joe-medium", "wake": "microwakeword"}


class Parts:
    """Coordinator, library, store and wake words at once; records what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.error: ConductorError | None = None
        self.results: dict[str, ReplaceResult] = {}
        self.catalog = builtin_catalog()

    def snapshot(self) -> Snapshot:
        specs = (ModelSpec(name, Task.ASR, "fake") for name in self.catalog.ids)
        models = tuple(ModelStatus(spec, ModelState.READY, Placement()) for spec in specs)
        return Snapshot(models, (), 0)

    async def wait_ready(self, model: str, timeout: float) -> None:
        self.calls.append(("wait_ready", model, timeout))
        if self.error is not None:
            raise self.error

    def set_policy(self, limits: Any, memory: Any) -> None:
        self.calls.append(("set_policy", limits.load_timeout, memory.budget))

    def preload(self, models: list[str]) -> None:
        self.calls.append(("preload", *models))

    async def apply_settings(self, config: Config, defaults: Any) -> dict[str, ReplaceResult]:
        self.calls.append(("apply_settings", config.keep_alive))
        return self.results

    def install_progress(self, model: str) -> str:
        return ""

    def installed(self, model: str) -> bool:
        return model != "whisper/large-v3"

    def configure(self, *, offline: bool, endpoint: str, min_free: int) -> None:
        self.calls.append(("configure", offline, endpoint))

    def set_folder(self, folder: Path) -> None:
        self.calls.append(("set_folder", folder.name))


@pytest.fixture
def parts() -> Parts:
    return Parts()


@pytest.fixture
def reloader(parts: Parts) -> ConfigReloader:
    part: Any = parts
    return ConfigReloader(
        coordinator=part, library=part, store=part, custom_words=part,
        served=dict(DEFAULTS), ports={},
    )  # fmt: skip


async def change(reloader: ConfigReloader, *keys: str, **values: Any) -> ConfigHolder:
    holder = ConfigHolder(Config())
    new = Config.model_validate(values)
    await reloader.prepare(holder.current, new, frozenset(keys))
    await reloader.apply(holder.replace(new, frozenset(keys)))
    return holder


@pytest.fixture
def level() -> Iterator[None]:
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


@pytest.mark.usefixtures("level")
async def test_log_level_applies_at_once(reloader: ConfigReloader) -> None:
    await change(reloader, "log.level", log={"level": "error"})
    assert logging.getLogger().level == logging.ERROR


async def test_new_default_model_is_ready_before_it_is_used(reloader, parts) -> None:
    await change(reloader, "asr.model", asr={"model": "whisper/tiny.en"})
    assert ("wait_ready", "whisper/tiny.en", 120.0) in parts.calls
    assert reloader.served["asr"] == "whisper/tiny.en"


async def test_default_model_that_cannot_be_loaded_is_refused(reloader, parts) -> None:
    parts.error = LoadFailedError("damaged")
    with pytest.raises(LoadFailedError):
        await change(reloader, "asr.model", asr={"model": "whisper/tiny.en"})
    assert reloader.served == DEFAULTS


async def test_settings_of_models_return_if_the_default_model_fails(reloader, parts) -> None:
    parts.error = LoadFailedError("damaged")
    with pytest.raises(LoadFailedError):
        await change(
            reloader, "asr.model", "keep_alive", asr={"model": "whisper/tiny.en"}, keep_alive=5
        )
    settings = [call for call in parts.calls if call[0] == "apply_settings"]
    assert settings == [("apply_settings", 5.0), ("apply_settings", "auto")]


async def test_reload_without_memory_for_both_is_noted(reloader, parts) -> None:
    parts.results = {"whisper/base": ReplaceResult.RELOADED}
    key = "models.whisper/base.compute_type"
    notes = await reloader.prepare(Config(), Config(), frozenset({key, "keep_alive"}))
    assert list(notes) == [key]
    assert "waited" in notes[key]


@pytest.mark.parametrize(
    ("key", "values", "call"),
    [
        ("limits.load_timeout", {"limits": {"load_timeout": 7}}, ("set_policy", 7.0, "90%")),
        ("memory.budget", {"memory": {"budget": "1GiB"}}, ("set_policy", 120.0, "1GiB")),
        ("wake.models_dir", {"wake": {"models_dir": "mine"}}, ("set_folder", "mine")),
        ("preload", {"preload": ["whisper/base"]}, ("preload", "whisper/base")),
    ],
)
async def test_key_reaches_the_part_it_concerns(reloader, parts, key, values, call) -> None:
    await change(reloader, key, **values)
    assert call in parts.calls


async def test_setting_that_is_read_per_request_reaches_no_part(reloader, parts) -> None:
    heard: list[int] = []
    reloader.served["wake"] = "openwakeword"

    async def listen(update: ConfigUpdate) -> None:
        heard.append(update.revision)

    reloader.subscribe(listen, "asr.", "api.enabled")
    await change(reloader, "wake.threshold", wake={"threshold": 0.9})
    assert (parts.calls, heard) == ([], [])
    await change(reloader, "api.enabled", api={"enabled": False})
    assert heard == [2]


async def test_default_model_that_is_not_installed_is_a_problem(reloader) -> None:
    new = Config.model_validate({"host": "127.0.0.1", "asr": {"model": "whisper/large-v3"}})
    problems = await reloader.check(new, Config(host="127.0.0.1"))
    assert [problem.path for problem in problems] == ["asr.model"]
    assert "models pull whisper/large-v3" in problems[0].message


async def test_names_that_do_not_exist_are_problems(reloader) -> None:
    new = Config.model_validate(
        {
            "host": "127.0.0.1",
            "asr": {"model": "whisper/tiny.en", "language": "fr"},
            "tts": {"voice": "nobody"},
        }
    )
    problems = await reloader.check(new, Config(host="127.0.0.1"))
    assert {problem.path for problem in problems} == {"asr.language", "tts.voice"}


def test_preload_true_means_the_default_models() -> None:
    assert models_to_preload(Config(preload=True), DEFAULTS) == list(DEFAULTS.values())
    assert models_to_preload(Config(preload=False), DEFAULTS) == []
    assert models_to_preload(Config(preload=["a"]), DEFAULTS) == ["a"]


# Ports and hosts that the server could not open at the next start.


@pytest.fixture
def taken() -> Iterator[int]:
    """A port of the loopback address that another program uses."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def config(host: str = "127.0.0.1", **ports: int) -> Config:
    sections = {name: {"port": ports.get(name, 0)} for name in ("asr", "tts", "wake", "api")}
    return Config.model_validate({"host": host, **sections})


async def problems(saved: Config, effective: Config) -> dict[str, str]:
    return {problem.path: problem.message for problem in await check_listeners(saved, effective)}


async def test_port_in_use_is_a_problem(taken: int) -> None:
    found = await problems(config(asr=taken), config())
    assert list(found) == ["asr.port"]
    assert str(taken) in found["asr.port"]


async def test_port_that_the_server_itself_uses_is_none(taken: int) -> None:
    assert await problems(config(tts=taken), config(asr=taken)) == {}


async def test_port_of_a_service_that_is_turned_on_is_checked(taken: int) -> None:
    off = config(asr=taken).model_copy(
        update={"asr": config(asr=taken).asr.model_copy(update={"enabled": False})}
    )
    assert list(await problems(config(asr=taken), off)) == ["asr.port"]
    assert await problems(off, off) == {}


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
async def test_host_that_is_not_of_this_machine_is_a_problem(host: str) -> None:
    assert list(await problems(config(host), config())) == ["host"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "localhost"])
async def test_host_of_this_machine_is_none(host: str) -> None:
    assert await problems(config(host), config()) == {}
