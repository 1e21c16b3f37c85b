import json
import os
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import (
    ModelSpec,
    Task,
    WakeWordInfo,
)
from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.data_dir.wake_word_files import (
    phrase_from_name,
    scan_wake_words,
    wake_words_folder,
)
from wyoming_servers.speech.fake import SPECS
from wyoming_servers.speech.wake.registry import (
    CustomWakeWords,
    WakeWordRegistry,
    find_wake_word,
)

TWO = {
    spec.id: spec
    for spec in (
        ModelSpec(
            "oww",
            Task.WAKE,
            "openwakeword",
            wake_words=(WakeWordInfo("alexa"), WakeWordInfo("hal")),
        ),
        ModelSpec(
            "mww",
            Task.WAKE,
            "microwakeword",
            wake_words=(WakeWordInfo("alexa"), WakeWordInfo("nabu")),
        ),
    )
}


def registry(
    specs: Any = SPECS, custom_words: CustomWakeWords | None = None, **wake: Any
) -> WakeWordRegistry:
    return WakeWordRegistry(
        specs, ConfigHolder(Config.model_validate({"wake": wake})), custom_words
    )


def models(words: WakeWordRegistry) -> dict[str, str]:
    return {name: word.spec.id for name, word in words.words().items()}


@pytest.mark.parametrize("names", [None, ()])
def test_registry_returns_all_words_without_names(names: tuple[str, ...] | None) -> None:
    assert [word.info.name for word in registry().find(names).words] == ["hey_jarvis", "alexa"]


def test_registry_offers_the_configured_words_in_order() -> None:
    assert list(registry(words=["alexa", "missing", "hey_jarvis"]).words()) == [
        "alexa",
        "hey_jarvis",
    ]


def test_registry_returns_a_repeated_name_once() -> None:
    assert len(registry().find(["alexa", "alexa"]).words) == 1


def test_registry_error_lists_the_installed_words() -> None:
    with pytest.raises(ModelMissingError, match=r"'ok_computer'.*installed: hey_jarvis, alexa"):
        registry().find(["ok_computer", "marvin"])


def test_registry_finds_the_installed_words_beside_one_that_is_not() -> None:
    found = registry().find(["alexa", "ok_computer"])
    assert [word.info.name for word in found.words] == ["alexa"]
    assert "'ok_computer'" in str(found.error)
    assert registry().find(["alexa"]).error is None


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("ok_nabu", "okay_nabu"),
        ("ok_nabu_v0.1", "okay_nabu"),
        ("Okay Nabu", "okay_nabu"),
        ("okay-nabu", "okay_nabu"),
        ("okay_nabu_v2", "okay_nabu"),
        ("ALEXA_v0.1", "alexa"),
        ("ok_go", "ok_go"),
        ("nabu", None),
        ("ok", None),
        ("", None),
    ],
)
def test_wake_word_is_found_in_other_spellings(name: str, known: str | None) -> None:
    assert find_wake_word(name, ["alexa", "okay_nabu", "ok_go"]) == known


def test_selection_keeps_the_spelling_of_the_client() -> None:
    assert registry().find(["Alexa", "alexa", "hey jarvis"]).requested == {
        "alexa": "Alexa",
        "hey_jarvis": "hey jarvis",
    }


def test_registry_refuses_a_word_that_is_not_offered() -> None:
    with pytest.raises(ModelMissingError):
        registry(words=["alexa"]).find(["hey_jarvis"])


def test_registry_without_words_refuses_every_request() -> None:
    with pytest.raises(ModelMissingError, match="No wake word is installed"):
        registry({}).find(None)


def test_registry_prefers_the_first_model_of_a_word() -> None:
    assert models(registry(TWO)) == {"alexa": "oww", "hal": "oww", "nabu": "mww"}


def test_registry_prefers_the_configured_engine() -> None:
    words = {"alexa": {"engine": "microwakeword"}, "hal": {"engine": "microwakeword"}}
    assert models(registry(TWO, word_settings=words)) == {
        "alexa": "mww",
        "hal": "oww",
        "nabu": "mww",
    }


def test_registry_prefers_a_custom_word(tmp_path: Path) -> None:
    (tmp_path / "alexa.json").write_text('{"wake_word": "Alexa!"}')
    (tmp_path / "marvin.onnx").write_bytes(b"x")
    words = registry(TWO, CustomWakeWords(tmp_path))
    assert models(words) == {"alexa": "mww", "hal": "oww", "marvin": "oww", "nabu": "mww"}
    assert words.words()["alexa"].info.phrase == "alexa!"
    settings = {"alexa": {"engine": "openwakeword"}}
    chosen = registry(TWO, CustomWakeWords(tmp_path), word_settings=settings)
    assert models(chosen)["alexa"] == "oww"


def test_registry_returns_settings_per_word_or_the_defaults() -> None:
    words = registry(threshold=0.6, trigger_level=2, word_settings={"alexa": {"threshold": 0.8}})
    assert (words.threshold("alexa"), words.trigger_level("alexa")) == (0.8, 2)
    assert (words.threshold("hey_jarvis"), words.trigger_level("hey_jarvis")) == (0.6, 2)


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
        WakeWordInfo("computer", "Computer", (), "computer"),
        WakeWordInfo("marvin", "Marvin", (), "marvin"),
    )
    assert words.for_engine("microwakeword") == (
        WakeWordInfo("hal", "Hallo Hal", ("de",), "hallo hal"),
    )


def test_scan_keeps_the_version_of_all_files_of_a_word_but_the_last(tmp_path: Path) -> None:
    for name in ("computer_v0.1", "computer_v2", "hal", "hal_v3", "dr_who_3", "_v1", "ok_V2"):
        (tmp_path / f"{name}.tflite").write_bytes(b"x")
    words = CustomWakeWords(tmp_path).for_engine("openwakeword")
    assert [word.name for word in words] == [
        "_v1",
        "computer_v0.1",
        "computer",
        "dr_who_3",
        "hal",
        "hal_v3",
        "ok",
    ]


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
