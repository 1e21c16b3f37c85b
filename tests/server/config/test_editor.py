"""Changes of the configuration at run time, and the overrides file."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from wyoming_servers.config.editor import (
    ConfigEditor,
    KeyStatus,
    NoConfigApplier,
    PendingValue,
    merge_patch,
    read_overrides,
    write_overrides,
)
from wyoming_servers.config.errors import ConfigError, ConfigProblem
from wyoming_servers.config.holder import ConfigHolder, ConfigUpdate
from wyoming_servers.config.key_tree import key_tree
from wyoming_servers.config.load import load_config, overrides_path
from wyoming_servers.config.schema import Applies, Config
from wyoming_servers.core.errors import ForbiddenError, LoadFailedError
from wyoming_servers.core.events import ConfigChanged, Event


@pytest.fixture
def updates() -> list[ConfigUpdate]:
    """What the holder's listeners were notified of."""
    return []


@pytest.fixture
async def editor(tmp_path: Path, updates: list[ConfigUpdate]) -> ConfigEditor:
    file = tmp_path / "config.yaml"
    await asyncio.to_thread(file.write_text, "asr:\n  beam_size: 3\n")
    sets = [f"data_dir={tmp_path}", "tts.speed=1.5"]
    loaded = await asyncio.to_thread(load_config, file, sets)
    holder = ConfigHolder(loaded.config)
    holder.subscribe(updates.append)
    return ConfigEditor(loaded, holder)


async def test_patch_saves_overrides_that_win_over_the_file(editor, tmp_path) -> None:
    change = await editor.patch({"asr": {"beam_size": 5}, "log": {"format": "json"}})
    assert change.changed == ("asr.beam_size", "log.format")
    assert change.restart_needed == ("log.format",)
    assert editor.saved.config.asr.beam_size == 5
    assert editor.saved.sources["asr.beam_size"] == "overrides"
    again = await asyncio.to_thread(load_config, tmp_path / "config.yaml", [f"data_dir={tmp_path}"])
    assert again.config.log.format == "json"


async def test_patch_puts_all_keys_but_restart_keys_into_effect(editor, updates) -> None:
    await editor.patch({"asr": {"beam_size": 5, "port": 0}, "log": {"format": "json"}})
    assert (editor.effective.log.format, editor.effective.asr.beam_size) == ("text", 5)
    assert editor.pending() == {
        "asr.port": PendingValue(10_300, 0, "overrides", Applies.RESTART),
        "log.format": PendingValue("text", "json", "overrides", Applies.RESTART),
    }
    (update,) = updates
    assert update.changed == {"asr.beam_size"}
    assert (update.old.asr.beam_size, update.new.asr.beam_size) == (3, 5)
    assert update.revision == editor.revision == 2


async def test_patch_of_restart_keys_leaves_the_revision(editor, updates) -> None:
    await editor.patch({"log": {"format": "json"}})
    assert (editor.revision, updates) == (1, [])


@pytest.mark.parametrize("back", [None, "text"])
async def test_pending_value_that_is_changed_back_needs_no_restart(editor, back) -> None:
    await editor.patch({"log": {"format": "json"}})
    change = await editor.patch({"log": {"format": back}})
    assert change.restart_needed == ()
    assert editor.pending() == {}


async def test_change_describes_each_of_its_keys(editor) -> None:
    change = await editor.patch(
        {"asr": {"beam_size": 5}, "tts": {"speed": 1.2}, "log": {"format": "json"}}
    )
    assert change.keys == {
        "asr.beam_size": KeyStatus(5, "overrides", 5, False, Applies.LIVE),
        "tts.speed": KeyStatus(1.5, "command line", 1.5, False, Applies.LIVE),
        "log.format": KeyStatus("json", "overrides", "text", True, Applies.RESTART),
    }
    assert change.shadowed == {"tts.speed": "command line"}


class Applier(NoConfigApplier):
    """Refuses what the test tells it to."""

    def __init__(self) -> None:
        self.problems: list[ConfigProblem] = []
        self.error: Exception | None = None
        self.prepared: list[frozenset[str]] = []
        self.applied: list[ConfigUpdate] = []

    async def check(self, saved: Config, effective: Config) -> list[ConfigProblem]:
        return self.problems

    async def prepare(self, old: Config, new: Config, changed: frozenset[str]) -> Mapping[str, str]:
        self.prepared.append(changed)
        if self.error is not None:
            raise self.error
        return {"asr.model": "requests waited"}

    async def apply(self, update: ConfigUpdate) -> None:
        self.applied.append(update)


@pytest.fixture
def applier() -> Applier:
    return Applier()


@pytest.fixture
def published() -> list[Event]:
    return []


@pytest.fixture
async def checked(tmp_path: Path, applier: Applier, published: list[Event]) -> ConfigEditor:
    loaded = await asyncio.to_thread(load_config, None, [f"data_dir={tmp_path}"])
    return ConfigEditor(loaded, ConfigHolder(loaded.config), applier, published.append)


async def test_problem_of_the_next_start_is_refused_and_names_the_file(
    checked, applier, published, tmp_path
) -> None:
    await checked.patch({"asr": {"language": "fr"}})
    published.clear()
    applier.problems = [
        ConfigProblem("asr.language", "is not supported."),
        ConfigProblem("asr.model", "is unknown."),
    ]
    with pytest.raises(ConfigError) as caught:
        await checked.patch({"asr": {"model": "whisper/tiny.en"}})
    assert [problem.where for problem in caught.value.problems] == [
        str(overrides_path(tmp_path)),
        "the change",
    ]
    assert checked.saved.config.asr.model == "whisper/base"
    assert "tiny" not in await asyncio.to_thread(overrides_path(tmp_path).read_text)
    assert published == []


async def test_model_that_cannot_be_loaded_is_not_kept(checked, applier, tmp_path) -> None:
    applier.error = LoadFailedError("no such option")
    with pytest.raises(LoadFailedError):
        await checked.patch({"asr": {"model": "whisper/tiny.en"}})
    assert applier.prepared == [frozenset({"asr.model"})]
    assert (checked.effective.asr.model, checked.saved.config.asr.model) == ("whisper/base",) * 2
    assert not overrides_path(tmp_path).exists()
    assert applier.applied == []


async def test_models_are_prepared_before_the_change_is_in_effect(checked, applier) -> None:
    change = await checked.patch({"asr": {"model": "whisper/tiny.en"}})
    assert change.keys["asr.model"].note == "requests waited"
    (update,) = applier.applied
    assert update.new.asr.model == checked.effective.asr.model == "whisper/tiny.en"


async def test_change_that_cannot_be_saved_is_taken_back(
    checked, applier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wyoming_servers.config.editor.write_overrides", full)
    with pytest.raises(OSError, match="No space"):
        await checked.patch({"asr": {"model": "whisper/tiny.en"}})
    assert len(applier.prepared) == 2
    assert checked.effective.asr.model == "whisper/base"


async def test_change_is_published(checked, published) -> None:
    await checked.patch({"tts": {"speed": 1.2}, "log": {"format": "json"}})
    assert published == [
        ConfigChanged(
            revision=2, changed=("log.format", "tts.speed"), restart_needed=("log.format",)
        )
    ]
    await checked.patch({"tts": {"speed": 1.2}})
    assert len(published) == 1


async def test_settings_of_a_model_take_effect_and_are_taken_back(editor) -> None:
    await editor.patch({"models": {"whisper/tiny.en": {"pinned": True, "device": "cpu"}}})
    model = editor.effective.models["whisper/tiny.en"]
    assert (model.pinned, model.device) == (True, "cpu")
    assert editor.pending() == {}
    await editor.patch({"models": {"whisper/tiny.en": None}})
    assert "whisper/tiny.en" not in editor.effective.models or not (
        editor.effective.models["whisper/tiny.en"].pinned
    )
    assert editor.pending() == {}


async def test_null_in_a_patch_removes_the_override(editor, tmp_path) -> None:
    await editor.patch({"asr": {"beam_size": 5}})
    change = await editor.patch({"asr": {"beam_size": None}})
    assert change.changed == ("asr.beam_size",)
    assert editor.saved.config.asr.beam_size == 3
    assert editor.saved.sources["asr.beam_size"] == "file"
    assert not overrides_path(tmp_path).exists()


async def test_invalid_patch_changes_nothing(editor, tmp_path) -> None:
    with pytest.raises(ConfigError) as error:
        await editor.patch({"asr": {"beam_size": 99, "beam": 1}, "log": {"level": "debug"}})
    assert {fault.path for fault in error.value.problems} == {"asr.beam_size", "asr.beam"}
    assert editor.saved.config.log.level == "info"
    assert not overrides_path(tmp_path).exists()


@pytest.mark.parametrize(
    "patch",
    [{"data_dir": "/elsewhere"}, {"asr": 5}, {"asr": {"port": {"x": 1}}}, {"y": 1}],
)
async def test_invalid_patch_is_rejected(patch, editor) -> None:
    with pytest.raises(ConfigError):
        await editor.patch(patch)


async def test_key_set_on_the_command_line_is_reported_as_shadowed(editor) -> None:
    change = await editor.patch({"tts": {"speed": 0.8}})
    assert change.changed == ()
    assert change.shadowed == {"tts.speed": "command line"}


async def test_concurrent_patches_are_all_saved(editor) -> None:
    await asyncio.gather(
        *(editor.patch({"models": {f"whisper/m{n}": {"pinned": True}}}) for n in range(5))
    )
    assert len(editor.saved.config.models) == 5


async def test_added_or_removed_section_changes_only_keys_that_differ_from_defaults(
    editor,
) -> None:
    model = {"models": {"whisper/tiny.en": {"pinned": True}}}
    change = await editor.patch(model)
    assert change.changed == ("models.whisper/tiny.en.pinned",)
    change = await editor.patch({"models": {"whisper/tiny.en": None}})
    assert change.changed == ("models.whisper/tiny.en.pinned",)
    change = await editor.patch({"wake": {"word_settings": {"hey_jarvis": {"threshold": 0.7}}}})
    assert change.changed == ("wake.word_settings.hey_jarvis.threshold",)


def test_overrides_are_read_as_written(tmp_path: Path) -> None:
    values = {"asr": {"language": "no"}, "models": {"whisper/tiny.en": {"keep_alive": 0}}}
    write_overrides(tmp_path / "new", values)
    assert read_overrides(tmp_path / "new") == values


def test_overrides_file_is_deleted_without_overrides(tmp_path: Path) -> None:
    assert read_overrides(tmp_path) == {}
    write_overrides(tmp_path, {"keep_alive": 1})
    write_overrides(tmp_path, {})
    assert not overrides_path(tmp_path).exists()


def test_failed_write_leaves_the_old_overrides(tmp_path: Path) -> None:
    write_overrides(tmp_path, {"keep_alive": 1})
    with pytest.raises(Exception, match="represent"):
        write_overrides(tmp_path, {"keep_alive": object()})
    assert read_overrides(tmp_path) == {"keep_alive": 1}


def test_merge_patch_changes_adds_and_removes_keys() -> None:
    current = {"asr": {"port": 1, "beam_size": 2}, "tts": {"speed": 2}, "keep_alive": 5}
    patch = {
        "asr": {"port": 3},
        "tts": {"speed": None},
        "keep_alive": None,
        "log": {"level": "debug"},
    }
    assert merge_patch(current, patch) == {
        "asr": {"port": 3, "beam_size": 2},
        "log": {"level": "debug"},
    }
    assert current["keep_alive"] == 5


PROTECTED = {
    "conversation.home_assistant.token",
    "conversation.home_assistant.url",
    "conversation.moderation_url",
    "conversation.openai.api_key",
    "conversation.openai.url",
    "data_dir", "host", "api.enabled", "api.auth", "api.allowed_hosts", "api.cors_origins",
    "webhooks.allowed_targets", "downloads.endpoint", "telemetry.otlp_endpoint", "wake.models_dir",
    "limits.max_connections", "limits.max_connections_per_address",
    "limits.max_requests_per_second", "security.sandbox", "api.tls",
    "api.public_lists", "downloads.mirrors", "requests.keep_text", "requests.keep_audio",
}  # fmt: skip


def test_keys_that_protect_the_server_need_admin() -> None:
    assert {".".join(path) for path, key in key_tree().walk() if key.admin} == PROTECTED


@pytest.mark.parametrize(
    ("patch", "key"),
    [
        ({"api": {"auth": "none"}}, "api.auth"),
        ({"webhooks": {"allowed_targets": ["0.0.0.0/0"]}}, "webhooks.allowed_targets"),
        ({"webhooks": {"allow": ["0.0.0.0/0"]}}, "webhooks.allow"),  # the key's earlier name
        ({"host": "127.0.0.1"}, "host"),
        ({"asr": {"beam_size": 2}, "limits": {"max_connections": 1}}, "limits.max_connections"),
        ({"data_dir": "/srv/other"}, "data_dir"),  # the command line has it: without effect now
        ({"api": 1}, "api"),
    ],
)
async def test_protected_key_is_not_changed_without_admin(editor, tmp_path, patch, key) -> None:
    with pytest.raises(ForbiddenError, match=key):
        await editor.patch(patch, admin=False)
    assert await asyncio.to_thread(read_overrides, tmp_path) == {}
    assert editor.effective.asr.beam_size == 3


@pytest.mark.parametrize("patch", [{"api": None}, {"api": {"auth": None}}])
async def test_protection_is_not_removed_without_admin(editor, patch) -> None:
    await editor.patch({"api": {"auth": "token"}})
    with pytest.raises(ForbiddenError, match="api"):
        await editor.patch(patch, admin=False)


async def test_other_keys_are_changed_without_admin(editor) -> None:
    await editor.patch({"api": {"auth": "none"}})
    change = await editor.patch({"asr": {"beam_size": 4}, "api": {"auth": "none"}}, admin=False)
    assert change.changed == ("asr.beam_size",)


async def test_value_that_the_server_resolves_is_in_effect_and_not_pending(
    tmp_path: Path, updates: list[ConfigUpdate]
) -> None:
    def resolve(config: Config) -> Config:
        chosen = "whisper/tiny.en" if config.asr.language == "en" else "whisper/base"
        asr = config.asr.model_copy(update={"model": chosen})
        return config.model_copy(update={"asr": asr}) if config.asr.model == "auto" else config

    sets = [f"data_dir={tmp_path}", "tts.speed=1.5"]
    loaded = await asyncio.to_thread(load_config, None, sets)
    holder = ConfigHolder(resolve(loaded.config))
    holder.subscribe(updates.append)
    editor = ConfigEditor(loaded, holder, resolve=resolve)
    change = await editor.patch({"asr": {"model": "auto"}})
    status = change.keys["asr.model"]
    assert (status.value, status.effective, status.pending) == ("auto", "whisper/base", False)
    assert (editor.saved.config.asr.model, editor.effective.asr.model) == ("auto", "whisper/base")
    await editor.patch({"asr": {"language": "en"}})
    assert editor.effective.asr.model == "whisper/tiny.en"
    assert updates[-1].changed == {"asr.language", "asr.model"}
    assert editor.pending() == {}
