"""Unknown names in the configuration."""

from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.config.schema import Config
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.models.config_references import check_references


def faults_of(**sections: Any) -> list[tuple[str, str]]:
    config = Config.model_validate(sections)
    return [(fault.path, fault.suggestion) for fault in check_references(config, builtin_catalog())]


def test_default_configuration_has_valid_references(tmp_path: Path) -> None:
    assert faults_of(data_dir=tmp_path) == []


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"asr": {"model": "whisper/bse"}}, ("asr.model", "whisper/base")),
        ({"asr": {"model": "openwakeword"}}, ("asr.model", "")),
        ({"asr": {"language": "xx"}}, ("asr.language", "")),
        ({"asr": {"languages": ["de", "xx"]}}, ("asr.languages", "")),
        (
            {"asr": {"extra_ports": {"whisper/tin.en": 1}}},
            ("asr.extra_ports.whisper/tin.en", "whisper/tiny.en"),
        ),
        ({"asr": {"extra_ports": {"openwakeword": 1}}}, ("asr.extra_ports.openwakeword", "")),
        ({"asr": {"language": "de", "model": "whisper/tiny.en"}}, ("asr.language", "")),
        ({"tts": {"voice": "en_US-jo-medium"}}, ("tts.voice", "en_US-joe-medium")),
        ({"wake": {"words": ["hey_jarvis", "alex"]}}, ("wake.words", "alexa")),
        ({"wake": {"word_settings": {"alex": {}}}}, ("wake.word_settings.alex", "alexa")),
        (
            {"wake": {"word_settings": {"hey_rhasspy": {"engine": "microwakeword"}}}},
            ("wake.word_settings.hey_rhasspy.engine", "openwakeword"),
        ),
        ({"preload": ["whisper/tny"]}, ("preload", "whisper/tiny")),
        ({"models": {"whisper/smal": {}}}, ("models.whisper/smal", "whisper/small")),
    ],
)
def test_unknown_name_is_a_problem(
    tmp_path: Path, sections: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert faults_of(data_dir=tmp_path, **sections) == [expected]


def test_all_unknown_names_are_reported_at_once(tmp_path: Path) -> None:
    faults = faults_of(
        data_dir=tmp_path, asr={"model": "a"}, tts={"voice": "b"}, preload=["c"], models={"d": {}}
    )
    assert [path for path, _ in faults] == ["asr.model", "tts.voice", "preload", "models.d"]


def test_languages_may_have_a_region(tmp_path: Path) -> None:
    for language in ("auto", "de", "zh-CN", "pt_BR", "DE"):
        assert faults_of(data_dir=tmp_path, asr={"language": language}) == []
    assert faults_of(data_dir=tmp_path, asr={"languages": ["de_AT", "zh-CN", "nb"]}) == []


def test_languages_may_be_those_of_any_model_with_a_port(tmp_path: Path) -> None:
    asr = {"model": "whisper/tiny.en", "languages": ["en", "de"]}
    assert faults_of(data_dir=tmp_path, asr=asr) == [("asr.languages", "")]
    ports = {"extra_ports": {"whisper/base": 0}}
    assert faults_of(data_dir=tmp_path, asr=asr | ports) == []


def test_disabled_services_are_not_checked(tmp_path: Path) -> None:
    off = {"enabled": False}
    sections = {"asr": {"model": "a", **off}, "tts": {"voice": "b", **off}}
    assert faults_of(data_dir=tmp_path, wake={"words": ["c"], **off}, **sections) == []


def test_custom_wake_words_are_known_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "wake-words").mkdir()
    (tmp_path / "wake-words/computer.tflite").write_bytes(b"")
    assert faults_of(data_dir=tmp_path, wake={"words": ["computer"]}) == []


def test_unreadable_folder_of_wake_words_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "wake-words").mkdir()
    monkeypatch.setattr(Path, "iterdir", refuse)
    assert faults_of(data_dir=tmp_path) == [("wake.models_dir", "")]


@pytest.mark.parametrize(
    ("model", "options", "name", "near", "message"),
    [
        ("whisper/base", {"cpu_thread": 2}, "cpu_thread", "cpu_threads", "has no option"),
        ("whisper/base", {"cpu_threads": "two"}, "cpu_threads", "", "must be a whole number"),
        ("whisper/base", {"cpu_threads": True}, "cpu_threads", "", "must be a whole number"),
        ("whisper/base", {"short_window": 1}, "short_window", "", "must be true or false"),
        ("microwakeword", {"threads": 1}, "threads", "", "Its options: none."),
    ],
)
def test_option_that_the_engine_does_not_have_is_a_problem(
    tmp_path: Path, model: str, options: dict[str, object], name: str, near: str, message: str
) -> None:
    config = Config.model_validate({"data_dir": tmp_path, "models": {model: {"options": options}}})
    (problem,) = check_references(config, builtin_catalog())
    assert (problem.path, problem.suggestion) == (f"models.{model}.options.{name}", near)
    assert message in problem.message


def test_options_of_the_engine_are_no_problem(tmp_path: Path) -> None:
    options = {"cpu_threads": 2, "max_seconds": 20, "short_window": False}
    models = {
        "whisper/base": {"options": options},
        "piper/en_US-joe-medium": {"options": {"threads": 1}},
    }
    assert faults_of(data_dir=tmp_path, models=models) == []


def test_engine_without_the_wake_word_is_a_problem(tmp_path: Path) -> None:
    wake = {"word_settings": {"hey_jarvis": {"engine": "third"}}}
    (fault,) = faults_of(data_dir=tmp_path, wake=wake)
    assert fault[0] == "wake.word_settings.hey_jarvis.engine"
