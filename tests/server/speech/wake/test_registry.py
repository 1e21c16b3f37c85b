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
from wyoming_servers.speech.fake import SPECS
from wyoming_servers.speech.wake.custom_words import CustomWakeWords
from wyoming_servers.speech.wake.registry import WakeWordRegistry

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
    assert [word.info.name for word in registry().find(names)] == ["hey_jarvis", "alexa"]


def test_registry_offers_the_configured_words_in_order() -> None:
    assert list(registry(words=["alexa", "missing", "hey_jarvis"]).words()) == [
        "alexa",
        "hey_jarvis",
    ]


def test_registry_returns_a_repeated_name_once() -> None:
    assert len(registry().find(["alexa", "alexa"])) == 1


def test_registry_error_lists_the_installed_words() -> None:
    with pytest.raises(ModelMissingError, match=r"'ok_computer'.*installed: hey_jarvis, alexa"):
        registry().find(["alexa", "ok_computer"])


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
