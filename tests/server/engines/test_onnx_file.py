"""ONNX files are read and written without a library."""

from typing import Any

import numpy as np
import onnxruntime
import pytest

from wyoming_servers.engines.onnx_file import INT64, Network, Node, integers, read, value
from wyoming_servers.engines.wake_onnx import OnnxGraph


def model() -> bytes:
    graph = OnnxGraph()
    given = graph.input("in", [1, 16, "time"])
    weight = np.random.default_rng(1).normal(size=(16, 16, 3)).astype(np.float32)
    found = graph.node("Conv", given, graph.constant(weight), kernel_shape=[3], pads=[1, 1])
    graph.output("out", found, [1, 16, "time"])
    return graph.to_bytes()


def run(network: Network, **given: Any) -> Any:
    session = onnxruntime.InferenceSession(network.encoded(), providers=["CPUExecutionProvider"])
    return session.run(None, given)[0]


@pytest.fixture
def audio() -> Any:
    return np.random.default_rng(2).normal(size=(1, 16, 50)).astype(np.float32)


def test_what_was_read_and_written_computes_the_same(audio: Any) -> None:
    whole = onnxruntime.InferenceSession(model(), providers=["CPUExecutionProvider"])
    expected = whole.run(None, {"in": audio})[0]
    np.testing.assert_array_equal(run(read(model()), **{"in": audio}), expected)


def test_a_network_tells_what_it_is_made_of() -> None:
    network = read(model())
    convolution = network.nodes[0]
    assert [node.operator for node in network.nodes] == ["Conv", "Identity"]
    assert (list(network.inputs), list(network.outputs)) == (["in"], ["out"])
    assert network.weights[convolution.inputs[1]].shape == (16, 16, 3)
    assert convolution.numbers("pads") == (1, 1)
    assert convolution.numbers("strides") is None


def test_a_network_can_be_written_anew(audio: Any) -> None:
    network = Network(
        nodes=(Node("Slice", ("x", "first", "last", "axes"), ("y",)),),
        weights={"axes": integers("axes", (2,))},
        inputs={"x": value("x"), "first": value("first", INT64), "last": value("last", INT64)},
        outputs={"y": value("y")},
        head=read(model()).head,
    )
    found = run(network, x=audio, first=np.array([10]), last=np.array([-5]))
    np.testing.assert_array_equal(found, audio[:, :, 10:-5])


def test_negative_numbers_of_a_constant_stay_negative(audio: Any) -> None:
    network = Network(
        nodes=(Node("Reshape", ("x", "shape"), ("y",)),),
        weights={"shape": integers("shape", (4, -1))},
        inputs={"x": value("x")},
        outputs={"y": value("y")},
        head=read(model()).head,
    )
    assert run(network, x=audio).shape == (4, 200)


@pytest.mark.parametrize("file", [b"RIFF", b"\x3a\xff\xff", b"\x07", b"\x3a\x02\x7a\x05"])
def test_what_is_no_network_is_refused(file: bytes) -> None:
    with pytest.raises(ValueError, match="ONNX"):
        read(file)


def test_sparse_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="sparse"):
        read(b"\x3a\x02\x7a\x00")
