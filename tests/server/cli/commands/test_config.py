import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(
        "asr:\n  model: whisper/tiny.en\nmodels:\n  whisper/tiny.en:\n    pinned: true\n"
    )
    return path


def test_config_check_accepts_a_valid_configuration(run: Any, config_file: Path) -> None:
    result = run("config", "check", "--config", config_file)
    assert result.exit_code == 0
    assert f"{config_file} is valid" in result.stdout
    assert json.loads(run("config", "check", "--json").stdout) == {"valid": True, "faults": []}


def test_config_check_lists_every_problem_with_the_nearest_key(run: Any) -> None:
    result = run("config", "check", "--set", "asr.prt=1", "--set", "tts.speed=9")
    assert result.exit_code == 2
    assert "2 problems" in result.stderr
    assert "asr.prt" in result.stderr
    assert "asr.port" in result.stderr
    assert "tts.speed" in result.stderr
    assert result.stdout == ""


def test_config_check_reports_an_unknown_model(run: Any) -> None:
    result = run("config", "check", "--json", "--set", "asr.model=whisper/bse")
    assert result.exit_code == 2
    (fault,) = json.loads(result.stdout)["faults"]
    assert (fault["path"], fault["suggestion"]) == ("asr.model", "whisper/base")


def test_config_check_reports_a_missing_file(run: Any, tmp_path: Path) -> None:
    result = run("config", "check", "--config", tmp_path / "none.yaml")
    assert result.exit_code == 2
    assert "none.yaml" in result.stderr


def test_config_show_prints_each_value_with_its_source(
    run: Any, config_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WYOMING_CONDUCTOR_TTS_SPEED", "1.5")
    options = ["--config", config_file, "--set", "asr.beam_size=5"]
    shown = json.loads(run("config", "show", "--json", *options).stdout)
    assert shown["asr.model"] == {"value": "whisper/tiny.en", "source": "file"}
    assert shown["asr.beam_size"] == {"value": 5, "source": "command line"}
    assert shown["tts.speed"] == {"value": 1.5, "source": "environment"}
    assert shown["asr.port"] == {"value": 10300, "source": "default"}
    assert shown["models.whisper/tiny.en.pinned"] == {"value": True, "source": "file"}


def test_config_show_omits_defaults_with_changed(run: Any, config_file: Path) -> None:
    lines = run("config", "show", "--changed", "--config", config_file).stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["key", "value", "source"],
        ["asr.model", "whisper/tiny.en", "file"],
        ["models.whisper/tiny.en.pinned", "true", "file"],
    ]


def test_data_dir_option_overrides_the_configuration(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = json.loads(run("config", "show", "--json", "--data-dir", "there").stdout)
    assert shown["data_dir"] == {"value": str(tmp_path / "there"), "source": "command line"}


def test_config_set_saves_values_for_the_next_start(run: Any, tmp_path: Path) -> None:
    folder = ("--data-dir", tmp_path)
    result = run("config", "set", "tts.speed=1.2", "models.whisper/base.pinned=true", *folder)
    assert (result.exit_code, result.stdout) == (
        0,
        "Changed: models.whisper/base.pinned, tts.speed\n",
    )
    assert run("config", "get", "tts.speed", *folder).stdout == "1.2\n"
    shown = json.loads(run("config", "get", "models.whisper/base.pinned", "--json", *folder).stdout)
    assert shown == {"key": "models.whisper/base.pinned", "value": True, "source": "overrides"}
    other = run("config", "get", "models.whisper/small.device", "--json", *folder)
    assert (json.loads(other.stdout)["value"], json.loads(other.stdout)["source"]) == (
        "auto", "default",
    )  # fmt: skip
    assert run("config", "set", "--unset", "tts.speed", *folder).exit_code == 0
    assert run("config", "get", "tts.speed", *folder).stdout == "1.0\n"


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (["asr.language=fr", "asr.model=whisper/tiny.en"], "asr.language"),
        (["tts.voice=nobody"], "tts.voice"),
        (["tts.sped=1"], "tts.speed"),
        (["tts.speed"], "path=value"),
        ([], "KEY=VALUE"),
    ],
)
def test_config_set_refuses_what_the_next_start_would(
    run: Any, tmp_path: Path, values: list[str], told: str
) -> None:
    result = run("config", "set", *values, "--data-dir", tmp_path)
    assert result.exit_code == 2
    assert told in result.stderr
    assert not (tmp_path / "config-overrides.yaml").exists()


def test_config_get_suggests_the_nearest_key(run: Any, tmp_path: Path) -> None:
    result = run("config", "get", "tts.sped", "--data-dir", tmp_path)
    assert result.exit_code == 2
    assert "tts.speed" in result.stderr
