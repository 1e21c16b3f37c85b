"""Changes of the configuration at run time, and the overrides file."""

import asyncio
from pathlib import Path

import pytest

from wyoming_servers.config.editor import (
    ConfigEditor,
    PendingValue,
    merge_patch,
    read_overrides,
    write_overrides,
)
from wyoming_servers.config.errors import ConfigError
from wyoming_servers.config.holder import ConfigHolder, ConfigUpdate
from wyoming_servers.config.load import load_config, overrides_path
from wyoming_servers.config.schema import Applies


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
    change = await editor.patch({"asr": {"beam_size": 5}, "log": {"level": "debug"}})
    assert change.changed == ("asr.beam_size", "log.level")
    assert change.restart_needed == ("asr.beam_size",)
    assert editor.saved.config.asr.beam_size == 5
    assert editor.saved.sources["asr.beam_size"] == "overrides"
    again = await asyncio.to_thread(load_config, tmp_path / "config.yaml", [f"data_dir={tmp_path}"])
    assert again.config.log.level == "debug"


async def test_patch_puts_only_live_keys_into_effect(editor, updates) -> None:
    await editor.patch({"asr": {"beam_size": 5}, "log": {"level": "debug"}})
    assert (editor.effective.log.level, editor.effective.asr.beam_size) == ("debug", 3)
    assert editor.pending() == {
        "asr.beam_size": PendingValue(3, 5, "overrides", Applies.RESTART),
    }
    (update,) = updates
    assert update.changed == {"log.level"}
    assert (update.old.log.level, update.new.log.level) == ("info", "debug")
    assert update.revision == editor.revision == 2


async def test_patch_without_live_keys_leaves_the_revision(editor, updates) -> None:
    await editor.patch({"asr": {"beam_size": 5}})
    assert (editor.revision, updates) == (1, [])


async def test_pending_value_that_is_changed_back_needs_no_restart(editor) -> None:
    await editor.patch({"asr": {"beam_size": 5}})
    change = await editor.patch({"asr": {"beam_size": None}})
    assert change.restart_needed == ()
    assert editor.pending() == {}


async def test_live_and_pending_keys_of_one_model_are_kept_apart(editor) -> None:
    await editor.patch({"models": {"whisper/tiny.en": {"pinned": True, "device": "cpu"}}})
    model = editor.effective.models["whisper/tiny.en"]
    assert (model.pinned, model.device) == (True, "auto")
    assert set(editor.pending()) == {"models.whisper/tiny.en.device"}
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
