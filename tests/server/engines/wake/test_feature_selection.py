"""The streaming features are used where they are exact, and made once per machine."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wyoming_servers.engines import preparation
from wyoming_servers.engines.onnx_tools.tflite import TfliteError
from wyoming_servers.engines.wake import feature_selection
from wyoming_servers.engines.wake.feature_graph import FeatureGraph
from wyoming_servers.engines.wake.feature_selection import (
    StreamingFeatures,
    library_graph,
    max_difference,
    prepare_features,
    select_features,
    synthetic_speech,
)
from wyoming_servers.engines.wake.features import FloatArray
from wyoming_servers.engines.wake.reference import ReferenceFeatures

pytestmark = pytest.mark.component


class _Inexact(StreamingFeatures):
    """Computes other embeddings."""

    def step(self, states: Any, audio: FloatArray) -> FloatArray:
        return super().step(states, audio) + np.float32(0.1)


def _unknown_networks() -> FeatureGraph:
    raise TfliteError("The mel network has another structure.")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache folder with the prepared graph."""
    folder = tmp_path / "cache"
    prepare_features(folder)
    return folder


@pytest.fixture
def no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if the graph is built or compared."""
    for name in ("library_graph", "ReferenceFeatures", "read_tflite"):
        monkeypatch.setattr(feature_selection, name, lambda *_: pytest.fail("compared again"))


def test_prepared_graph_is_opened_without_a_comparison(cache: Path, no_comparison: None) -> None:
    assert isinstance(select_features(1, cache), StreamingFeatures)
    prepare_features(cache)


def test_prepared_features_equal_those_built_in_memory(cache: Path) -> None:
    prepared, built = select_features(1, cache), StreamingFeatures(library_graph())
    assert prepared.lead == built.lead
    assert max_difference(prepared, built, synthetic_speech(1.0)) == 0


def test_missing_graph_is_prepared_on_request(tmp_path: Path) -> None:
    calls = []

    def prepare() -> None:
        calls.append(1)
        prepare_features(tmp_path)

    for _ in range(2):
        assert isinstance(select_features(1, tmp_path, prepare), StreamingFeatures)
    assert calls == [1]


def test_failed_preparation_means_a_graph_in_memory(tmp_path: Path) -> None:
    assert isinstance(select_features(1, tmp_path), StreamingFeatures)
    assert list(tmp_path.iterdir()) == []


def test_another_runtime_is_compared_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wyoming_servers.engines.preparation.version", lambda name: "0.1")
    calls: list[int] = []
    select_features(1, cache, lambda: calls.append(1))
    assert calls == [1]


@pytest.mark.parametrize("place", ["cache", "memory"])
def test_inexact_features_are_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    monkeypatch.setattr(feature_selection, "StreamingFeatures", _Inexact)
    if place == "cache":
        prepare_features(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["features.json"]
    folder = tmp_path if place == "cache" else None
    assert isinstance(select_features(1, folder), ReferenceFeatures)
    assert "differ by 0.1" in caplog.text


def test_unknown_networks_are_run_by_the_library(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(feature_selection, "library_graph", _unknown_networks)
    assert isinstance(select_features(), ReferenceFeatures)
    assert "another structure" in caplog.text


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]"])
def test_damaged_manifest_is_replaced(cache: Path, content: bytes) -> None:
    path = cache / "features.json"
    path.write_bytes(content)
    calls: list[int] = []
    assert isinstance(select_features(1, cache, lambda: calls.append(1)), StreamingFeatures)
    assert calls == [1]
    prepare_features(cache)
    assert json.loads(path.read_bytes())["facts"]["max_difference"] < 0.01


def test_damaged_graph_is_replaced(cache: Path, caplog: pytest.LogCaptureFixture) -> None:
    (graph,) = cache.glob("features-*.onnx")
    status = graph.stat()
    graph.write_bytes(bytes(100) + graph.read_bytes()[100:])
    os.utime(graph, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert isinstance(select_features(1, cache), StreamingFeatures)
    assert "damaged" in caplog.text
    prepare_features(cache)
    assert not graph.exists()
    assert isinstance(select_features(1, cache), StreamingFeatures)


def test_command_prepares_features_and_words(tmp_path: Path) -> None:
    assert preparation.main(["openwakeword", json.dumps({"cache_dir": str(tmp_path)})]) == 0
    names = {path.name for path in tmp_path.glob("*.json")}
    assert {"features.json", "word-alexa.json", "word-hey_jarvis.json"} <= names


def test_synthetic_speech_exercises_the_networks() -> None:
    probe = synthetic_speech(2.0)
    assert np.array_equal(probe, synthetic_speech(2.0))
    assert 1000 < np.abs(probe).max() < 32767
    quiet, streaming = np.zeros_like(probe), StreamingFeatures(library_graph())
    # A comparison with silence only would not notice much.
    assert max_difference(streaming, ReferenceFeatures(), probe) != 0
    state = streaming.open()
    embedding = streaming.step([state], probe[np.newaxis, :1280])
    silence = streaming.step([streaming.open()], quiet[np.newaxis, :1280])
    assert np.abs(embedding - silence).max() > 1
