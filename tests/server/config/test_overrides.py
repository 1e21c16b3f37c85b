"""The file of settings changed at run time."""

from pathlib import Path

import pytest

from wyoming_servers.config.editor import merge_patch, read_overrides, write_overrides
from wyoming_servers.config.load import overrides_path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    values = {"asr": {"language": "no"}, "models": {"whisper/tiny.en": {"keep_alive": 0}}}
    write_overrides(tmp_path / "new", values)
    assert read_overrides(tmp_path / "new") == values


def test_without_overrides_there_is_no_file(tmp_path: Path) -> None:
    assert read_overrides(tmp_path) == {}
    write_overrides(tmp_path, {"keep_alive": 1})
    write_overrides(tmp_path, {})
    assert not overrides_path(tmp_path).exists()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_overrides(tmp_path, {"keep_alive": 1})
    with pytest.raises(Exception, match="represent"):
        write_overrides(tmp_path, {"keep_alive": object()})
    assert read_overrides(tmp_path) == {"keep_alive": 1}


def test_a_patch_changes_adds_and_takes_back() -> None:
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
