"""ONNX files are read and written without a library."""

from typing import Any

import numpy as np
import onnxruntime
import pytest

from wyoming_servers.engines.onnx_tools.model import (
    INT64,
    OnnxGraphBuilder,
    OnnxModel,
    OnnxNode,
    integer_initializer,
    read_model,
    value_info,
)


def model() -> bytes:
    graph = OnnxGraphBuilder()
    given = graph.input("in", [1, 16, "time"])
    weight = np.random.default_rng(1).normal(size=(16, 16, 3)).astype(np.float32)
    found = graph.node("Conv", given, graph.constant(weight), kernel_shape=[3], pads=[1, 1])
    graph.output("out", found, [1, 16, "time"])
    return graph.to_bytes()


def run(network: OnnxModel, **given: Any) -> Any:
    session = onnxruntime.InferenceSession(network.encode(), providers=["CPUExecutionProvider"])
    return session.run(None, given)[0]


@pytest.fixture
def audio() -> Any:
    return np.random.default_rng(2).normal(size=(1, 16, 50)).astype(np.float32)


def test_what_was_read_and_written_computes_the_same(audio: Any) -> None:
    whole = onnxruntime.InferenceSession(model(), providers=["CPUExecutionProvider"])
    expected = whole.run(None, {"in": audio})[0]
    np.testing.assert_array_equal(run(read_model(model()), **{"in": audio}), expected)


def test_a_network_tells_what_it_is_made_of() -> None:
    network = read_model(model())
    convolution = network.nodes[0]
    assert [node.operator for node in network.nodes] == ["Conv", "Identity"]
    assert (list(network.inputs), list(network.outputs)) == (["in"], ["out"])
    assert network.initializers[convolution.inputs[1]].shape == (16, 16, 3)
    assert convolution.integers("pads") == (1, 1)
    assert convolution.integers("strides") is None


def test_a_network_can_be_written_anew(audio: Any) -> None:
    network = OnnxModel(
        nodes=(OnnxNode("Slice", ("x", "first", "last", "axes"), ("y",)),),
        initializers={"axes": integer_initializer("axes", (2,))},
        inputs={
            "x": value_info("x"),
            "first": value_info("first", INT64),
            "last": value_info("last", INT64),
        },
        outputs={"y": value_info("y")},
        other_fields=read_model(model()).other_fields,
    )
    found = run(network, x=audio, first=np.array([10]), last=np.array([-5]))
    np.testing.assert_array_equal(found, audio[:, :, 10:-5])


def test_negative_numbers_of_a_constant_stay_negative(audio: Any) -> None:
    network = OnnxModel(
        nodes=(OnnxNode("Reshape", ("x", "shape"), ("y",)),),
        initializers={"shape": integer_initializer("shape", (4, -1))},
        inputs={"x": value_info("x")},
        outputs={"y": value_info("y")},
        other_fields=read_model(model()).other_fields,
    )
    assert run(network, x=audio).shape == (4, 200)


@pytest.mark.parametrize("file", [b"RIFF", b"\x3a\xff\xff", b"\x07", b"\x3a\x02\x7a\x05"])
def test_what_is_no_network_is_refused(file: bytes) -> None:
    with pytest.raises(ValueError, match="ONNX"):
        read_model(file)


def test_sparse_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="sparse"):
        read_model(b"\x3a\x02\x7a\x00")
