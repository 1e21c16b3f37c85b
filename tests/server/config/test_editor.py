"""Settings changed while the server runs."""

import asyncio
from pathlib import Path

import pytest

from wyoming_servers.config.editor import ConfigEditor, PendingValue
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


async def test_null_takes_a_key_back(editor, tmp_path) -> None:
    await editor.patch({"asr": {"beam_size": 5}})
    change = await editor.patch({"asr": {"beam_size": None}})
    assert change.changed == ("asr.beam_size",)
    assert editor.saved.config.asr.beam_size == 3
    assert editor.saved.sources["asr.beam_size"] == "file"
    assert not overrides_path(tmp_path).exists()


async def test_nothing_changes_if_anything_is_wrong(editor, tmp_path) -> None:
    with pytest.raises(ConfigError) as error:
        await editor.patch({"asr": {"beam_size": 99, "beam": 1}, "log": {"level": "debug"}})
    assert {fault.path for fault in error.value.problems} == {"asr.beam_size", "asr.beam"}
    assert editor.saved.config.log.level == "info"
    assert not overrides_path(tmp_path).exists()


@pytest.mark.parametrize(
    "patch",
    [{"data_dir": "/elsewhere"}, {"asr": 5}, {"asr": {"port": {"x": 1}}}, {"y": 1}],
)
async def test_what_cannot_be_set_is_refused(patch, editor) -> None:
    with pytest.raises(ConfigError):
        await editor.patch(patch)


async def test_a_key_that_the_command_line_sets_is_said_to_have_no_effect(editor) -> None:
    change = await editor.patch({"tts": {"speed": 0.8}})
    assert change.changed == ()
    assert change.shadowed == {"tts.speed": "command line"}


async def test_changes_at_the_same_time_do_not_lose_each_other(editor) -> None:
    await asyncio.gather(
        *(editor.patch({"models": {f"whisper/m{n}": {"pinned": True}}}) for n in range(5))
    )
    assert len(editor.saved.config.models) == 5


async def test_a_section_that_comes_or_goes_changes_only_what_differs_from_the_defaults(
    editor,
) -> None:
    model = {"models": {"whisper/tiny.en": {"pinned": True}}}
    change = await editor.patch(model)
    assert change.changed == ("models.whisper/tiny.en.pinned",)
    change = await editor.patch({"models": {"whisper/tiny.en": None}})
    assert change.changed == ("models.whisper/tiny.en.pinned",)
    change = await editor.patch({"wake": {"word_settings": {"hey_jarvis": {"threshold": 0.7}}}})
    assert change.changed == ("wake.word_settings.hey_jarvis.threshold",)
