"""`wake test` with the real engines in worker processes."""

import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from wyoming_servers.cli.main import app

DATA = Path(__file__).parents[3]
WORD = DATA / "e2e" / "recordings" / "hey_jarvis.wav"
OTHER = DATA / "data" / "goforward.wav"


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Run `wake test` with an empty data directory."""

    def run(*arguments: object, code: int = 0) -> Result:
        words = ["wake", "test", *map(str, arguments), "--data-dir", str(tmp_path)]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.mark.component
def test_wake_test_shows_where_a_word_was_detected(run: Any) -> None:
    output = run(WORD).stdout
    assert "hey_jarvis: best score 0.9" in output
    assert "detected hey_jarvis at" in output
    assert "steps in a row from the threshold 0.5" in output
    assert "alexa" not in output


@pytest.mark.component
def test_wake_test_json_has_every_score_and_detections_per_hour(run: Any) -> None:
    answer = json.loads(run(WORD, OTHER, "-w", "hey_jarvis", "-w", "alexa", "--json").stdout)
    first, other = answer["files"]
    assert first["peaks"]["hey_jarvis"] > 0.9 > 0.1 > other["peaks"]["hey_jarvis"]
    assert [found["word"] for found in first["detections"]] == ["hey_jarvis"]
    assert other["detections"] == []
    assert len(first["scores"]["alexa"]) == pytest.approx((first["seconds"] + 1) / 0.08, abs=1)
    assert answer["per_hour"]["hey_jarvis"] == pytest.approx(1 / answer["hours"])
    assert answer["per_hour"]["alexa"] == 0


@pytest.mark.component
def test_wake_test_summarizes_a_folder(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "clips" / "deeper"
    folder.mkdir(parents=True)
    shutil.copy(WORD, folder)
    shutil.copy(OTHER, folder)
    output = run(tmp_path / "clips", "-w", "hey_jarvis").stdout
    assert "2 files" in output
    assert output.count("nothing detected") == 1


@pytest.mark.component
def test_wake_test_threshold_decides_what_is_detected(run: Any) -> None:
    strict = ["--threshold", "0.99", "--set", "wake.trigger_level=20"]
    assert "nothing detected" in run(WORD, "-w", "hey_jarvis", *strict).stdout


@pytest.mark.component
def test_wake_test_supports_custom_words_and_both_engines(run: Any, tmp_path: Path) -> None:
    (tmp_path / "wake-words").mkdir()
    bundled = Path(str(files("pyopen_wakeword"))) / "models" / "hey_jarvis.tflite"
    shutil.copy(bundled, tmp_path / "wake-words" / "my_jarvis_v2.tflite")
    chosen = ["--set", "wake.word_settings.hey_jarvis.engine=microwakeword"]
    answer = json.loads(
        run(WORD, "-w", "hey_jarvis", "-w", "my_jarvis_v2", "--json", *chosen).stdout
    )
    found = {found["word"] for found in answer["files"][0]["detections"]}
    assert found == {"hey_jarvis", "my_jarvis"}
    scores = answer["files"][0]["scores"]
    assert len(scores["hey_jarvis"]) > 2 * len(scores["my_jarvis"]), "microWakeWord: 30 ms"


@pytest.mark.component
def test_wake_test_refuses_an_unknown_word_and_lists_the_known_ones(run: Any) -> None:
    assert "hey_jarvis" in run(WORD, "-w", "hey_jarvi", code=2).output


def test_wake_test_refuses_a_folder_without_recordings(run: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no .wav file" in run(tmp_path / "empty", code=2).output
