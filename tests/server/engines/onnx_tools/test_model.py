"""ONNX models that are read, changed and encoded compute the same in onnxruntime."""

from contextlib import suppress
from typing import Any

import numpy as np
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wyoming_servers.engines.onnx_tools.model import (
    INT64,
    Initializer,
    OnnxAttribute,
    OnnxGraphBuilder,
    OnnxModel,
    OnnxNode,
    read_model,
    value_info,
)


def model() -> bytes:
    graph = OnnxGraphBuilder()
    source = graph.input("in", [1, 16, "time"])
    weight = np.random.default_rng(1).normal(size=(16, 16, 3)).astype(np.float32)
    conv = graph.node("Conv", source, graph.constant(weight), kernel_shape=[3], pads=[1, 1])
    graph.output("out", conv, [1, 16, "time"])
    return graph.encode()


def small_model() -> bytes:
    graph = OnnxGraphBuilder()
    leaky = graph.node("LeakyRelu", graph.input("in", [1, "time"]), alpha=0.5)
    graph.output("out", graph.node("Slice", leaky, graph.integers(0, -1)), [1, "time"])
    return graph.encode()


def run(model: bytes, **inputs: Any) -> Any:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0]


@pytest.fixture
def audio() -> Any:
    return np.random.default_rng(2).normal(size=(1, 16, 50)).astype(np.float32)


def test_model_read_and_encoded_computes_the_same(audio: Any) -> None:
    encoded = read_model(model()).encode()
    np.testing.assert_array_equal(run(encoded, **{"in": audio}), run(model(), **{"in": audio}))


def test_model_lists_nodes_inputs_outputs_and_shapes() -> None:
    network = read_model(model())
    conv = network.nodes[0]
    assert [node.operator for node in network.nodes] == ["Conv", "Identity"]
    assert (list(network.inputs), list(network.outputs)) == (["in"], ["out"])
    assert network.initializers[conv.inputs[1]].shape == (16, 16, 3)
    assert conv.integers("pads") == (1, 1)
    assert conv.integers("strides") is None


def test_model_can_be_made_of_new_nodes(audio: Any) -> None:
    network = OnnxModel(
        nodes=(OnnxNode("Slice", ("x", "first", "last", "axes"), ("y",)),),
        initializers={"axes": Initializer.of("axes", np.array([2]))},
        inputs={
            "x": value_info("x"),
            "first": value_info("first", INT64),
            "last": value_info("last", INT64),
        },
        outputs={"y": value_info("y")},
        other_fields=read_model(model()).other_fields,
    )
    result = run(network.encode(), x=audio, first=np.array([10]), last=np.array([-5]))
    np.testing.assert_array_equal(result, audio[:, :, 10:-5])


def test_initializer_keeps_negative_numbers(audio: Any) -> None:
    network = OnnxModel(
        nodes=(OnnxNode("Reshape", ("x", "shape"), ("y",)),),
        initializers={"shape": Initializer.of("shape", np.array([4, -1]))},
        inputs={"x": value_info("x")},
        outputs={"y": value_info("y")},
        other_fields=read_model(model()).other_fields,
    )
    assert run(network.encode(), x=audio).shape == (4, 200)


def test_attribute_read_equals_attribute_made() -> None:
    for value in (0.5, 3, [1, -2, 3]):
        attribute = OnnxAttribute.of("name", value)
        node = OnnxNode("Other", (), (), (attribute,))
        network = OnnxModel((node,), {}, {}, {})
        assert read_model(network.encode()).nodes == (node,)


@pytest.mark.parametrize("file", [b"RIFF", b"\x3a\xff\xff", b"\x07", b"\x3a\x02\x7a\x05"])
def test_file_of_another_format_is_rejected(file: bytes) -> None:
    with pytest.raises(ValueError, match="cannot be read as an ONNX model"):
        read_model(file)


def test_sparse_weights_are_rejected() -> None:
    with pytest.raises(ValueError, match="Sparse"):
        read_model(b"\x3a\x02\x7a\x00")


@settings(max_examples=400)
@given(
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=8),
    size=st.integers(0, 10_000),
)
def test_damaged_model_is_rejected_or_survives_another_round_trip(
    changes: list[tuple[int, int]], size: int
) -> None:
    data = bytearray(small_model())
    for position, value in changes:
        data[position % len(data)] = value
    damaged = bytes(data[: max(1, size % (len(data) + 1))])
    try:
        network = read_model(damaged)
    except ValueError:
        return
    assert read_model(network.encode()) == network


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_rejected_or_read(data: bytes) -> None:
    with suppress(ValueError):
        read_model(data).encode()
