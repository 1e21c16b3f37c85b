"""Loading classifiers of words from files of both kinds, sound and not."""

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
from wyoming_servers.engines.wake.classifier import (
    OnnxClassifier,
    load_classifier,
)
from wyoming_servers.engines.wake.feature_selection import StreamingFeatures
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
def windows(say: Callable[[str], bytes]) -> FloatArray:
    """Embeddings of spoken words as classifiers see them: (steps, 16, EMBEDDING)."""
    features = StreamingFeatures()
    state, embeddings = features.open(), [features.silence()] * 15
    audio = say("Hey Jarvis!") + say("Alexa!")
    for step in np.frombuffer(audio[: len(audio) // (2 * STEP) * 2 * STEP], "<i2").reshape(
        -1, STEP
    ):
        embeddings.extend(features.step([state], step[np.newaxis].astype(np.float32)))
    return np.stack([embeddings[i : i + 16] for i in range(len(embeddings) - 15)])


def _model(shape: list[int | str], scores: int = 1) -> bytes:
    """Write a model with an input of this shape, which is half sure of everything."""
    graph = OnnxGraphBuilder()
    mean = graph.node("ReduceMean", graph.input("x", shape), axes=[1, 2], keepdims=0)
    row = graph.node("Unsqueeze", graph.node("Mul", mean, graph.floats(0.0)), graph.integers(1))
    graph.output("y", graph.node("Add", row, graph.floats(*[0.5] * scores)), [shape[0], scores])
    return graph.encode()


@pytest.mark.parametrize("word", BUNDLED)
def test_a_converted_word_scores_many_streams_as_its_own_library_scores_each(
    windows: FloatArray, word: str
) -> None:
    path = MODELS / f"{word}.tflite"
    converted = load_classifier(path)
    assert isinstance(converted, OnnxClassifier)
    scores = converted.scores(windows)
    assert np.abs(scores - ReferenceClassifier(path).scores(windows)).max() < 0.001
    # Words that were spoken were recognised, so both ways through a network were taken.
    assert (scores.max() > 0.5) == (word in ("alexa", "hey_jarvis"))


def test_a_network_with_an_unknown_operator_is_run_by_its_own_library(
    windows: FloatArray, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = MODELS / "alexa.tflite"
    expected = load_classifier(path).scores(windows)
    monkeypatch.delitem(tflite_converter._OPERATORS, "LOGISTIC")  # type: ignore[arg-type]
    classifier = load_classifier(path)
    assert isinstance(classifier, ReferenceClassifier)
    assert "LOGISTIC" in caplog.text
    assert np.abs(classifier.scores(windows) - expected).max() < 0.001


def test_a_conversion_that_scores_differently_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(
        tflite_converter._OPERATORS, "LOGISTIC", tflite_converter._same_operator("Tanh")
    )  # type: ignore[index]
    assert isinstance(load_classifier(MODELS / "okay_nabu.tflite"), ReferenceClassifier)
    assert "differs" in caplog.text


def test_an_onnx_file_for_one_stream_serves_many(tmp_path: Path) -> None:
    path = tmp_path / "sure.ONNX"
    path.write_bytes(_model([1, 20, EMBEDDING]))
    classifier = load_classifier(path)
    assert classifier.windows == 20
    assert classifier.scores(np.ones((3, 20, EMBEDDING), np.float32)).tolist() == [0.5] * 3


def test_a_converted_word_that_was_saved_as_onnx_is_the_same(
    tmp_path: Path, windows: FloatArray
) -> None:
    path = tmp_path / "alexa.onnx"
    path.write_bytes(convert_tflite(read_tflite(MODELS / "alexa.tflite")))
    expected = load_classifier(MODELS / "alexa.tflite").scores(windows)
    assert np.array_equal(load_classifier(path).scores(windows), expected)


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (b"no model", "marvin.onnx is no wake word model"),
        (b"", "marvin.onnx is no wake word model"),
        (_model([1, 16, 40]), r"input is not one of embeddings, but \[1, 16, 40\]"),
        (_model(["batch", "time", EMBEDDING]), "input is not one of embeddings"),
        (_model([1, 400, EMBEDDING]), "looks at 400 embeddings"),
        (_model([1, 16, EMBEDDING], scores=3), "several scores"),
    ],
)
def test_an_onnx_file_that_is_no_classifier_is_refused(
    tmp_path: Path, model: bytes, says: str
) -> None:
    path = tmp_path / "marvin.onnx"
    path.write_bytes(model)
    with pytest.raises(LoadFailedError, match=says):
        load_classifier(path)


@pytest.mark.parametrize("name", ["embedding_model", "melspectrogram"])
def test_a_tflite_file_that_is_another_network_is_refused(name: str) -> None:
    with pytest.raises(LoadFailedError, match="input is not one of embeddings"):
        load_classifier(MODELS / f"{name}.tflite")


def test_a_file_that_is_gone_is_a_failed_load(tmp_path: Path) -> None:
    for name in ("gone.onnx", "gone.tflite"):
        with pytest.raises(LoadFailedError, match=name):
            load_classifier(tmp_path / name)
