"""The list of available wake words, and their names."""

import json
import os
from pathlib import Path

import pytest

from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.engines.wake.words import (
    WakeWordCatalog,
    load_report,
    microwakeword_files,
    openwakeword_files,
)

pytestmark = pytest.mark.component  # the bundled words come from the libraries


def _catalog(folder: Path | None) -> WakeWordCatalog:
    return WakeWordCatalog(lambda: openwakeword_files(folder))


def test_library_words_need_no_folder() -> None:
    names = [word.name for word in _catalog(None).words]
    assert names == ["alexa", "hey_jarvis", "hey_mycroft", "hey_rhasspy", "okay_nabu"]
    (described,) = load_report([_catalog(None).find("hey_mycroft")], lead=1, step=2)["words"]
    assert described == {"name": "hey_mycroft", "phrase": "hey mycroft", "languages": ["en"]}


def test_missing_folder_adds_no_words(tmp_path: Path) -> None:
    assert len(_catalog(tmp_path / "none").words) == 5


def test_added_and_deleted_files_are_noticed(tmp_path: Path) -> None:
    catalog = _catalog(tmp_path)
    path = tmp_path / "marvin.onnx"
    path.write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("no model")
    assert catalog.find("marvin").path == path
    path.unlink()
    with pytest.raises(ModelMissingError, match="'marvin'"):
        catalog.find("marvin")
    with pytest.raises(ModelMissingError):
        catalog.find("notes")


def test_replaced_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "marvin.tflite"
    path.write_bytes(b"x")
    catalog = _catalog(tmp_path)
    before = catalog.find("marvin")
    assert catalog.find("marvin") == before
    os.utime(path, ns=(1, 1))
    assert catalog.find("marvin") != before


def test_custom_word_has_precedence_over_a_bundled_one(tmp_path: Path) -> None:
    own = tmp_path / "alexa.tflite"
    own.write_bytes(b"x")
    assert _catalog(tmp_path).find("alexa").path == own


def test_model_with_description_is_for_microwakeword(tmp_path: Path) -> None:
    (tmp_path / "marvin.tflite").write_bytes(b"x")
    facts = {"wake_word": "Hallo Marvin", "trained_languages": ["de", "en"], "model": "marvin"}
    (tmp_path / "marvin.json").write_text(json.dumps(facts))
    with pytest.raises(ModelMissingError):
        _catalog(tmp_path).find("marvin")
    word = WakeWordCatalog(lambda: microwakeword_files(tmp_path)).find("marvin")
    assert (word.phrase, word.languages) == ("hallo marvin", ("de", "en"))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"wake_word": "x", "trained_languages": 1}'])
def test_damaged_description_hides_no_other_word(tmp_path: Path, text: str) -> None:
    (tmp_path / "marvin.json").write_text(text)
    names = [word.name for word in WakeWordCatalog(lambda: microwakeword_files(tmp_path)).words]
    assert names == ["alexa", "hey_jarvis", "hey_mycroft", "marvin", "okay_nabu"]
