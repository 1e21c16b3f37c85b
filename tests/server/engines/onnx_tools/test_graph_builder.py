"""Models made node by node, as onnxruntime computes them."""

import numpy as np
import pytest

from wyoming_servers.engines.onnx_session import LOAD_ERRORS, open_wake_session
from wyoming_servers.engines.onnx_tools.model import OnnxGraphBuilder

pytestmark = pytest.mark.component


def test_graph_computes_its_nodes() -> None:
    graph = OnnxGraphBuilder()
    rows = graph.input("rows", ["n", 3])
    weight = graph.constant(np.arange(6, dtype=np.float32).reshape(2, 3))
    dense = graph.node("Gemm", rows, weight, graph.floats(0.5, -0.5), transB=1, alpha=2.0)
    # Negative integers, in an initializer and in an attribute, are written in two's complement.
    last = graph.node("Slice", dense, graph.integers(-1), graph.integers(9), graph.integers(-1))
    graph.output("sum", graph.node("ReduceMax", last, axes=[-1], keepdims=0), ["n"])
    rows_given = np.array([[1, 2, 3], [0, -1, 0]], np.float32)
    (result,) = open_wake_session(graph.encode()).run(None, {"rows": rows_given})
    assert result.tolist() == [2 * (3 + 8 + 15) - 0.5, 2 * -4 - 0.5]


def test_invalid_graph_is_rejected_when_opened() -> None:
    graph = OnnxGraphBuilder()
    graph.output("y", graph.node("Relu", "nowhere"), [1])
    with pytest.raises(LOAD_ERRORS):
        open_wake_session(graph.encode())
