"""The graph that is derived from openWakeWord's networks, and from nothing else."""

from importlib.resources import files
from pathlib import Path

import pytest

from wyoming_servers.engines.onnx_tools.tflite import (
    TfliteError,
    TfliteGraph,
    read_tflite,
)
from wyoming_servers.engines.wake.feature_graph import (
    FeatureGraph,
    build_feature_graph,
)
from wyoming_servers.engines.wake.onnx_runtime import open_cpu_session
from wyoming_servers.engines.wake.reference import ReferenceFeatures

pytestmark = pytest.mark.component


def _network(name: str) -> TfliteGraph:
    return read_tflite(Path(str(files("pyopen_wakeword"))) / "models" / f"{name}.tflite")[0]


@pytest.fixture(scope="module")
def derived() -> FeatureGraph:
    return build_feature_graph(_network("melspectrogram"), _network("embedding_model"))


def test_the_graph_takes_and_gives_a_state_of_the_size_it_tells(derived: FeatureGraph) -> None:
    session = open_cpu_session(derived.model)
    given = {value.name: value.shape for value in session.get_inputs()}
    told = {value.name: value.shape for value in session.get_outputs()}
    assert given == {"audio": ["streams", 1280], "state": ["streams", derived.state_size]}
    assert told == {"embedding": ["streams", 96], "next_state": ["streams", derived.state_size]}


def test_a_step_is_complete_sooner_than_the_librarys(derived: FeatureGraph) -> None:
    assert derived.lead == ReferenceFeatures.lead - 184


@pytest.mark.parametrize(
    ("mel", "embedding"),
    [
        ("embedding_model", "embedding_model"),
        ("melspectrogram", "alexa"),
        ("alexa", "embedding_model"),
        ("melspectrogram", "melspectrogram"),
    ],
)
def test_other_networks_are_refused(mel: str, embedding: str) -> None:
    with pytest.raises(TfliteError):
        build_feature_graph(_network(mel), _network(embedding))
