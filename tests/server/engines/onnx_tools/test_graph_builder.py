"""ONNX models that are written by hand, and what onnxruntime makes of them."""

import numpy as np
import pytest

from wyoming_servers.engines.onnx_tools.model import OnnxGraphBuilder
from wyoming_servers.engines.wake.onnx_runtime import (
    LOAD_ERRORS,
    open_cpu_session,
)

pytestmark = pytest.mark.component


def test_a_written_model_computes_what_was_written() -> None:
    graph = OnnxGraphBuilder()
    rows = graph.input("rows", ["n", 3])
    weight = graph.constant(np.arange(6, dtype=np.float32).reshape(2, 3))
    dense = graph.node("Gemm", rows, weight, graph.floats(0.5, -0.5), transB=1, alpha=2.0)
    # A negative integer, as text and as attribute: both are written in two's complement.
    last = graph.node("Slice", dense, graph.integers(-1), graph.integers(9), graph.integers(-1))
    graph.output("sum", graph.node("ReduceMax", last, axes=[-1], keepdims=0), ["n"])
    given = np.array([[1, 2, 3], [0, -1, 0]], np.float32)
    (result,) = open_cpu_session(graph.to_bytes()).run(None, {"rows": given})
    assert result.tolist() == [2 * (3 + 8 + 15) - 0.5, 2 * -4 - 0.5]


def test_an_operator_with_several_outputs_gives_each_a_name() -> None:
    graph = OnnxGraphBuilder()
    value = graph.input("value", [4])
    _, tail = graph.nodes("Split", 2, value, graph.integers(1, 3), axis=0)
    graph.output("tail", tail, [3])
    (result,) = open_cpu_session(graph.to_bytes()).run(
        None, {"value": np.array([1, 2, 3, 4], np.float32)}
    )
    assert result.tolist() == [2, 3, 4]


def test_a_model_that_makes_no_sense_is_refused_when_it_is_loaded() -> None:
    graph = OnnxGraphBuilder()
    graph.output("y", graph.node("Relu", "nowhere"), [1])
    with pytest.raises(LOAD_ERRORS):
        open_cpu_session(graph.to_bytes())
