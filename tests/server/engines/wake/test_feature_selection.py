"""The fast features are used where they are right, and only there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wyoming_servers.engines.onnx_tools.tflite import TfliteError
from wyoming_servers.engines.wake import feature_selection
from wyoming_servers.engines.wake.feature_selection import (
    StreamingFeatures,
    max_difference,
    select_features,
    synthetic_speech,
)
from wyoming_servers.engines.wake.features import FloatArray
from wyoming_servers.engines.wake.reference import ReferenceFeatures

pytestmark = pytest.mark.component


class _Wrong(StreamingFeatures):
    """Computes something else."""

    def step(self, states: Any, audio: FloatArray) -> FloatArray:
        return super().step(states, audio) + np.float32(0.1)


class _Impossible(StreamingFeatures):
    """Cannot be built."""

    def __init__(self, threads: int = 1) -> None:
        raise TfliteError("It is not the mel network we know.")


def _never() -> ReferenceFeatures:
    raise AssertionError("The features were compared again.")


def test_right_features_are_compared_once_per_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "new" / "cache"
    assert isinstance(select_features(1, cache), StreamingFeatures)
    monkeypatch.setattr(feature_selection, "ReferenceFeatures", _never)
    assert isinstance(select_features(1, cache), StreamingFeatures)
    with pytest.raises(AssertionError):
        select_features(1, None)


def test_another_runtime_is_compared_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    select_features(1, tmp_path)
    monkeypatch.setattr(feature_selection, "ReferenceFeatures", _never)
    monkeypatch.setattr(feature_selection.ort, "__version__", "0.1")
    with pytest.raises(AssertionError):
        select_features(1, tmp_path)


def test_wrong_features_are_not_used_and_not_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feature_selection, "StreamingFeatures", _Wrong)
    assert isinstance(select_features(1, tmp_path), ReferenceFeatures)
    assert "slow way: the fast differs by 0.1" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_networks_that_cannot_be_derived_from_are_run_as_they_are(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feature_selection, "StreamingFeatures", _Impossible)
    assert isinstance(select_features(1, None), ReferenceFeatures)
    assert "not the mel network we know" in caplog.text


@pytest.mark.parametrize("note", [b"{", b"\xff", b"[]"])
def test_a_damaged_note_is_made_anew(tmp_path: Path, note: bytes) -> None:
    path = tmp_path / "wake-features.json"
    path.write_bytes(note)
    select_features(1, tmp_path)
    assert path.read_bytes() != note


def test_a_folder_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert isinstance(select_features(1, tmp_path / "file"), StreamingFeatures)


def test_the_probe_exercises_the_networks_like_speech() -> None:
    probe = synthetic_speech(2.0)
    assert np.array_equal(probe, synthetic_speech(2.0))
    assert 1000 < np.abs(probe).max() < 32767
    quiet, streaming = np.zeros_like(probe), StreamingFeatures()
    # A comparison that heard only silence would find nothing wrong with much.
    assert max_difference(streaming, ReferenceFeatures(), probe) != 0
    state = streaming.open()
    heard = streaming.step([state], probe[np.newaxis, :1280])
    assert np.abs(heard - streaming.step([streaming.open()], quiet[np.newaxis, :1280])).max() > 1
