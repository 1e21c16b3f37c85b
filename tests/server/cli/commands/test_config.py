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


def test_a_good_configuration_is_said_to_be_valid(run: Any, config_file: Path) -> None:
    result = run("config", "check", "--config", config_file)
    assert result.exit_code == 0
    assert f"{config_file} is valid" in result.stdout
    assert json.loads(run("config", "check", "--json").stdout) == {"valid": True, "faults": []}


def test_every_fault_is_named_at_once_with_the_nearest_key(run: Any) -> None:
    result = run("config", "check", "--set", "asr.prt=1", "--set", "tts.speed=9")
    assert result.exit_code == 2
    assert "2 faults" in result.stderr
    assert "asr.prt" in result.stderr
    assert "asr.port" in result.stderr
    assert "tts.speed" in result.stderr
    assert result.stdout == ""


def test_a_model_that_does_not_exist_is_a_fault(run: Any) -> None:
    result = run("config", "check", "--json", "--set", "asr.model=whisper/bse")
    assert result.exit_code == 2
    (fault,) = json.loads(result.stdout)["faults"]
    assert (fault["path"], fault["suggestion"]) == ("asr.model", "whisper/base")


def test_a_file_that_is_not_there_is_a_fault(run: Any, tmp_path: Path) -> None:
    result = run("config", "check", "--config", tmp_path / "none.yaml")
    assert result.exit_code == 2
    assert "none.yaml" in result.stderr


def test_each_value_is_shown_with_its_source(
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


def test_what_has_its_default_can_be_left_out(run: Any, config_file: Path) -> None:
    lines = run("config", "show", "--changed", "--config", config_file).stdout.splitlines()
    assert [line.split() for line in lines] == [
        ["key", "value", "source"],
        ["asr.model", "whisper/tiny.en", "file"],
        ["models.whisper/tiny.en.pinned", "true", "file"],
    ]


def test_the_data_directory_of_the_command_line_wins(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = json.loads(run("config", "show", "--json", "--data-dir", "there").stdout)
    assert shown["data_dir"] == {"value": str(tmp_path / "there"), "source": "command line"}
