"""The streaming graph is built from openWakeWord's networks only."""

from importlib.resources import files
from pathlib import Path

import pytest

from wyoming_servers.engines.onnx_session import open_wake_session
from wyoming_servers.engines.onnx_tools.tflite import (
    TfliteError,
    TfliteGraph,
    read_tflite,
)
from wyoming_servers.engines.wake.feature_graph import (
    FeatureGraph,
    build_feature_graph,
)
from wyoming_servers.engines.wake.reference import ReferenceFeatures

pytestmark = pytest.mark.component


def _library_network(name: str) -> TfliteGraph:
    return read_tflite(Path(str(files("pyopen_wakeword"))) / "models" / f"{name}.tflite")[0]


@pytest.fixture(scope="module")
def graph() -> FeatureGraph:
    return build_feature_graph(
        _library_network("melspectrogram"), _library_network("embedding_model")
    )


def test_graph_has_a_state_of_the_reported_size(graph: FeatureGraph) -> None:
    session = open_wake_session(graph.model)
    inputs = {value.name: value.shape for value in session.get_inputs()}
    outputs = {value.name: value.shape for value in session.get_outputs()}
    assert inputs == {"audio": ["streams", 1280], "state": ["streams", graph.state_size]}
    assert outputs == {"embedding": ["streams", 96], "next_state": ["streams", graph.state_size]}


def test_graph_needs_fewer_samples_than_the_library(graph: FeatureGraph) -> None:
    assert graph.lead == ReferenceFeatures.lead - 184


@pytest.mark.parametrize(
    ("mel", "embedding"),
    [
        ("embedding_model", "embedding_model"),
        ("melspectrogram", "alexa"),
        ("alexa", "embedding_model"),
        ("melspectrogram", "melspectrogram"),
    ],
)
def test_other_networks_are_rejected(mel: str, embedding: str) -> None:
    with pytest.raises(TfliteError):
        build_feature_graph(_library_network(mel), _library_network(embedding))
