"""Custom wake words, while their files are added, changed and removed."""

import json
import os
from pathlib import Path

import pytest

from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import WakeWordInfo
from wyoming_servers.data_dir.wake_word_files import (
    phrase_from_name,
    scan_wake_words,
    wake_words_folder,
)
from wyoming_servers.speech.wake.custom_words import CustomWakeWords


def names(words: CustomWakeWords, engine: str = "openwakeword") -> list[str]:
    return [offer.name for offer in words.for_engine(engine)]


@pytest.mark.parametrize(
    ("name", "phrase"),
    [
        ("hey_jarvis", "hey jarvis"),
        ("hey_jarvis_v0.1", "hey jarvis"),
        ("Computer-v2", "Computer"),
        ("dr_who_3", "dr who"),
        ("marvin", "marvin"),
    ],
)
def test_phrase_is_the_file_name_without_its_version(name: str, phrase: str) -> None:
    assert phrase_from_name(name) == phrase


def test_scan_finds_model_files_and_their_engines(tmp_path: Path) -> None:
    for name in ("computer_v2.tflite", "marvin.ONNX", "notes.txt", ".half.tflite", "hal.tflite"):
        (tmp_path / name).write_bytes(b"x")
    facts = {"wake_word": "Hallo Hal", "trained_languages": ["de"], "model": "hal.tflite"}
    (tmp_path / "hal.json").write_text(json.dumps(facts))
    words = CustomWakeWords(tmp_path)
    assert words.for_engine("openwakeword") == (
        WakeWordInfo("computer_v2", "Computer", (), "computer"),
        WakeWordInfo("marvin", "Marvin", (), "marvin"),
    )
    assert words.for_engine("microwakeword") == (
        WakeWordInfo("hal", "Hallo Hal", ("de",), "hallo hal"),
    )


def test_custom_words_of_a_missing_folder_are_empty(tmp_path: Path) -> None:
    words = CustomWakeWords(tmp_path / "later")
    assert not words.scan()
    (tmp_path / "later").mkdir()
    (tmp_path / "later/marvin.onnx").write_bytes(b"x")
    assert [words.scan(), words.scan(), words.scan()] == [False, True, False]
    assert names(words) == ["marvin"]
    assert scan_wake_words(None) == []


def test_custom_words_ignore_a_file_that_still_grows(tmp_path: Path) -> None:
    words = CustomWakeWords(tmp_path)
    path = tmp_path / "marvin.onnx"
    for size in (1, 2, 3):
        path.write_bytes(b"x" * size)
        assert not words.scan()
    assert words.scan()
    assert names(words) == ["marvin"]


def test_custom_words_notice_removed_and_replaced_files(
    tmp_path: Path,
) -> None:
    for name in ("marvin.onnx", "hal.onnx"):
        (tmp_path / name).write_bytes(b"x")
    words = CustomWakeWords(tmp_path)
    (tmp_path / "marvin.onnx").unlink()
    os.utime(tmp_path / "hal.onnx", ns=(1, 1))
    assert words.scan()
    assert names(words) == ["hal"]
    assert words.scan()
    assert not words.scan()


def test_wake_words_folder_is_in_the_data_folder_by_default(tmp_path: Path) -> None:
    def folder(**wake: str) -> Path:
        config = Config.model_validate({"data_dir": tmp_path, "wake": wake})
        return wake_words_folder(config.data_dir, config.wake.models_dir)

    assert folder() == tmp_path / "wake-words"
    assert folder(models_dir="mine") == tmp_path / "mine"
    assert folder(models_dir="/srv/words") == Path("/srv/words")
    assert folder(models_dir="~/words") == Path("~/words").expanduser()
