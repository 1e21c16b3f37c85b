"""Classifiers are loaded from .onnx and .tflite files; the latter are converted once."""

import os
import shutil
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines.onnx_tools import tflite_converter
from wyoming_servers.engines.onnx_tools.model import OnnxGraphBuilder
from wyoming_servers.engines.onnx_tools.tflite import read_tflite
from wyoming_servers.engines.onnx_tools.tflite_converter import convert_tflite
from wyoming_servers.engines.wake import classifier
from wyoming_servers.engines.wake.classifier import (
    OnnxClassifier,
    load_classifier,
)
from wyoming_servers.engines.wake.feature_selection import StreamingFeatures, library_graph
from wyoming_servers.engines.wake.features import (
    EMBEDDING,
    STEP,
    FloatArray,
)
from wyoming_servers.engines.wake.reference import ReferenceClassifier

pytestmark = pytest.mark.component

MODELS = Path(str(files("pyopen_wakeword"))) / "models"
BUNDLED = ["alexa", "hey_jarvis", "hey_mycroft", "hey_rhasspy", "okay_nabu"]


@pytest.fixture(scope="module")
def windows(synthesize: Callable[[str], bytes]) -> FloatArray:
    """Embeddings of spoken words, as inputs of a classifier: (steps, 16, EMBEDDING)."""
    features = StreamingFeatures(library_graph())
    state, embeddings = features.open(), [features.silence()] * 15
    audio = synthesize("Hey Jarvis!") + synthesize("Alexa!")
    for step in np.frombuffer(audio[: len(audio) // (2 * STEP) * 2 * STEP], "<i2").reshape(
        -1, STEP
    ):
        embeddings.extend(features.step([state], step[np.newaxis].astype(np.float32)))
    return np.stack([embeddings[i : i + 16] for i in range(len(embeddings) - 15)])


def _model(shape: list[int | str], scores: int = 1) -> bytes:
    """Return a model with an input of this shape, whose scores are all 0.5."""
    graph = OnnxGraphBuilder()
    mean = graph.node("ReduceMean", graph.input("x", shape), axes=[1, 2], keepdims=0)
    row = graph.node("Unsqueeze", graph.node("Mul", mean, graph.floats(0.0)), graph.integers(1))
    graph.output("y", graph.node("Add", row, graph.floats(*[0.5] * scores)), [shape[0], scores])
    return graph.encode()


@pytest.mark.parametrize("word", BUNDLED)
def test_converted_classifier_scores_like_the_library(windows: FloatArray, word: str) -> None:
    path = MODELS / f"{word}.tflite"
    converted = load_classifier(path)
    assert isinstance(converted, OnnxClassifier)
    scores = converted.scores(windows)
    assert np.abs(scores - ReferenceClassifier(path).scores(windows)).max() < 0.001
    # Spoken words are recognized, so both branches of a network are used.
    assert (scores.max() > 0.5) == (word in ("alexa", "hey_jarvis"))


def test_graph_with_unknown_operator_is_run_by_the_library(
    windows: FloatArray, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = MODELS / "alexa.tflite"
    expected = load_classifier(path).scores(windows)
    monkeypatch.delitem(tflite_converter._OPERATORS, "LOGISTIC")  # type: ignore[arg-type]
    loaded = load_classifier(path)
    assert isinstance(loaded, ReferenceClassifier)
    assert "LOGISTIC" in caplog.text
    assert np.abs(loaded.scores(windows) - expected).max() < 0.001


def test_conversion_that_is_not_exact_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(
        tflite_converter._OPERATORS, "LOGISTIC", tflite_converter._same_operator("Tanh")
    )  # type: ignore[index]
    assert isinstance(load_classifier(MODELS / "okay_nabu.tflite"), ReferenceClassifier)
    assert "differs" in caplog.text


def test_onnx_file_with_batch_size_one_scores_many_streams(tmp_path: Path) -> None:
    path = tmp_path / "sure.ONNX"
    path.write_bytes(_model([1, 20, EMBEDDING]))
    loaded = load_classifier(path)
    assert loaded.windows == 20
    assert loaded.scores(np.ones((3, 20, EMBEDDING), np.float32)).tolist() == [0.5] * 3


def test_converted_model_can_be_loaded_as_onnx_file(tmp_path: Path, windows: FloatArray) -> None:
    path = tmp_path / "alexa.onnx"
    path.write_bytes(convert_tflite(read_tflite(MODELS / "alexa.tflite")))
    expected = load_classifier(MODELS / "alexa.tflite").scores(windows)
    assert np.array_equal(load_classifier(path).scores(windows), expected)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (b"no model", "marvin.onnx is not a wake word model"),
        (b"", "marvin.onnx is not a wake word model"),
        (_model([1, 16, 40]), r"input is not a list of embeddings, but \[1, 16, 40\]"),
        (_model(["batch", "time", EMBEDDING]), "input is not a list of embeddings"),
        (_model([1, 400, EMBEDDING]), "scores 400 embeddings"),
        (_model([1, 16, EMBEDDING], scores=3), "several scores"),
    ],
)
def test_onnx_file_without_classifier_is_rejected(
    tmp_path: Path, model: bytes, message: str
) -> None:
    path = tmp_path / "marvin.onnx"
    path.write_bytes(model)
    with pytest.raises(LoadFailedError, match=message):
        load_classifier(path)


@pytest.mark.parametrize("name", ["embedding_model", "melspectrogram"])
def test_tflite_file_of_another_network_is_rejected(name: str) -> None:
    with pytest.raises(LoadFailedError, match="input is not a list of embeddings"):
        load_classifier(MODELS / f"{name}.tflite")


def test_missing_file_is_a_failed_load(tmp_path: Path) -> None:
    for name in ("gone.onnx", "gone.tflite"):
        with pytest.raises(LoadFailedError, match=name):
            load_classifier(tmp_path / name)


@pytest.fixture
def no_conversion(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if a file is converted or read again."""
    monkeypatch.setattr(classifier, "read_tflite", lambda path: pytest.fail("read again"))
    monkeypatch.setattr(classifier, "convert_tflite", lambda graphs: pytest.fail("converted again"))


def test_converted_classifier_is_written_once_and_opened_later(
    tmp_path: Path, windows: FloatArray, request: pytest.FixtureRequest
) -> None:
    expected = load_classifier(MODELS / "alexa.tflite", tmp_path).scores(windows)
    request.getfixturevalue("no_conversion")
    again = load_classifier(MODELS / "alexa.tflite", tmp_path)
    assert isinstance(again, OnnxClassifier)
    assert np.array_equal(again.scores(windows), expected)


def test_rejected_conversion_is_noted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.delitem(tflite_converter._OPERATORS, "LOGISTIC")  # type: ignore[arg-type]
    for _ in range(2):
        assert isinstance(load_classifier(MODELS / "alexa.tflite", tmp_path), ReferenceClassifier)
        request.getfixturevalue("no_conversion")


@pytest.mark.parametrize("content", [b"", b"\x08\x08", bytes(100)])
def test_damaged_converted_file_is_made_again(
    tmp_path: Path, windows: FloatArray, content: bytes
) -> None:
    expected = load_classifier(MODELS / "alexa.tflite", tmp_path).scores(windows)
    (converted,) = tmp_path.glob("word-alexa-*.onnx")
    status = converted.stat()
    whole = converted.read_bytes()
    converted.write_bytes(content + whole[len(content) :] if content else whole[:50])
    if content:  # damage that the size and the time do not show
        os.utime(converted, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = load_classifier(MODELS / "alexa.tflite", tmp_path)
    assert isinstance(again, OnnxClassifier)
    assert np.array_equal(again.scores(windows), expected)
    (replaced,) = tmp_path.glob("word-alexa-*.onnx")
    assert replaced.read_bytes() == whole


def test_changed_file_is_converted_again(tmp_path: Path) -> None:
    path = tmp_path / "word.tflite"
    shutil.copy(MODELS / "alexa.tflite", path)
    first = load_classifier(path, tmp_path / "cache")
    shutil.copy(MODELS / "hey_jarvis.tflite", path)
    second = load_classifier(path, tmp_path / "cache")
    probe = np.random.default_rng(3).normal(0, 20, (8, 16, EMBEDDING)).astype(np.float32)
    assert not np.array_equal(first.scores(probe), second.scores(probe))


def test_cache_that_cannot_be_written_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    loaded = load_classifier(MODELS / "alexa.tflite", tmp_path / "file" / "cache")
    assert isinstance(loaded, OnnxClassifier)
    assert "cannot be written" in caplog.text
