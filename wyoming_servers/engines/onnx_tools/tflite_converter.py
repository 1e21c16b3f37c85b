"""Turns .tflite classifiers of wake words into ONNX models that score many streams at once.

The published classifiers are made for one stream. They contain nothing that mixes streams, so
the conversion leaves their number open.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from wyoming_servers.engines.onnx_tools.model import OnnxGraphBuilder
from wyoming_servers.engines.onnx_tools.tflite import (
    BOOL,
    FLOAT,
    INTEGERS,
    TfliteError,
    TfliteGraph,
    TfliteOperator,
)


class UnsupportedOperatorError(TfliteError):
    """Raised when a network is sound and contains something this conversion does not know."""


def convert_tflite(networks: Sequence[TfliteGraph]) -> bytes:
    """Convert a network of one input and one output; the first is it, the others its branches.

    Raises UnsupportedOperatorError.
    """
    main = networks[0]
    graph = OnnxGraphBuilder()
    windows = main.tensors[main.inputs[0]].shape
    value = graph.input("embeddings", ["streams", *windows[1:]])
    (score,) = _Conversion(graph, networks).add_graph(main, [value])
    graph.output("score", score, ["streams", *main.tensors[main.outputs[0]].shape[1:]])
    return graph.encode()


class _Conversion:
    """Walks through a network's operators and adds their like to an ONNX graph."""

    def __init__(self, graph: OnnxGraphBuilder, networks: Sequence[TfliteGraph]) -> None:
        self._graph = graph
        self._tflite_graphs = networks

    def add_graph(self, network: TfliteGraph, inputs: Sequence[str]) -> list[str]:
        """Add a network that is given `inputs`; return its outputs."""
        names = dict(zip(network.inputs, inputs, strict=True))

        def name(number: int) -> str:
            if number not in names:
                names[number] = self._graph.constant(network.constant(number))
            return names[number]

        for operator in network.operators:
            values = [
                name(number) for number in operator.inputs if _is_computed_input(network, number)
            ]
            if operator.kind == "IF":
                results = self._add_branches(operator, values)
            else:
                add = _OPERATORS.get(operator.kind)
                if add is None:
                    raise UnsupportedOperatorError(f"It has an operator {operator.kind}.")
                results = [add(self._graph, network, operator, values)]
            names.update(zip(operator.outputs, results, strict=True))
        return [name(number) for number in network.outputs]

    def _add_branches(self, operator: TfliteOperator, values: Sequence[str]) -> list[str]:
        """Compute both branches, and choose for each stream: streams do not share conditions."""
        condition, *inputs = values
        then, otherwise = (
            self.add_graph(self._tflite_graphs[operator.option(field, "i")], inputs)
            for field in (0, 1)
        )
        return [
            self._graph.node("Where", condition, *pair)
            for pair in zip(then, otherwise, strict=True)
        ]


def _is_computed_input(network: TfliteGraph, number: int) -> bool:
    """Tell whether an input takes part, rather than being left out or a setting (axes, shape)."""
    if number < 0 or network.tensors[number].type in INTEGERS:
        return False
    if network.tensors[number].type not in (FLOAT, BOOL):
        raise UnsupportedOperatorError("It is quantized.")
    return True


_Add = Callable[[OnnxGraphBuilder, TfliteGraph, TfliteOperator, Sequence[str]], str]


def _same_operator(op: str, activation: bool = False) -> _Add:
    """Return how to add an operator that ONNX has as well."""

    def add(
        graph: OnnxGraphBuilder, _: TfliteGraph, operator: TfliteOperator, values: Sequence[str]
    ) -> str:
        value = graph.node(op, *values)
        return _activate(graph, operator, value) if activation else value

    return add


def _activate(graph: OnnxGraphBuilder, operator: TfliteOperator, value: str) -> str:
    """Add the activation that TensorFlow Lite puts into other operators."""
    match operator.option(0, "b"):
        case 0:
            return value
        case 1:
            return graph.node("Relu", value)
        case unknown:
            raise UnsupportedOperatorError(f"It has an activation {unknown}.")


def _dense(
    graph: OnnxGraphBuilder, network: TfliteGraph, operator: TfliteOperator, values: Sequence[str]
) -> str:
    if len(network.tensors[operator.inputs[0]].shape) != 2:
        raise UnsupportedOperatorError("It has a layer over more than two dimensions.")
    return _activate(graph, operator, graph.node("Gemm", *values, transB=1))


def _reshape(
    graph: OnnxGraphBuilder, network: TfliteGraph, operator: TfliteOperator, values: Sequence[str]
) -> str:
    shape = network.tensors[operator.outputs[0]].shape
    if not shape:  # a scalar condition: one for each stream here
        return values[0]
    return graph.node("Reshape", values[0], graph.constant(np.array([-1, *shape[1:]], np.int64)))


def _mean(
    graph: OnnxGraphBuilder, network: TfliteGraph, operator: TfliteOperator, values: Sequence[str]
) -> str:
    axes = np.atleast_1d(network.constant(operator.inputs[1]))
    if 0 in axes or -len(network.tensors[operator.inputs[0]].shape) in axes:
        raise UnsupportedOperatorError("It takes a mean over streams.")
    return graph.node(
        "ReduceMean", values[0], axes=axes.tolist(), keepdims=int(operator.option(0, "b"))
    )


def _reciprocal_sqrt(
    graph: OnnxGraphBuilder, network: TfliteGraph, operator: TfliteOperator, values: Sequence[str]
) -> str:
    return graph.node("Reciprocal", graph.node("Sqrt", values[0]))


_OPERATORS: Final[Mapping[str, _Add]] = {
    "ADD": _same_operator("Add", activation=True),
    "DIV": _same_operator("Div", activation=True),
    "FULLY_CONNECTED": _dense,
    "GREATER": _same_operator("Greater"),
    "GREATER_EQUAL": _same_operator("GreaterOrEqual"),
    "LOGISTIC": _same_operator("Sigmoid"),
    "MAXIMUM": _same_operator("Max"),
    "MEAN": _mean,
    "MINIMUM": _same_operator("Min"),
    "MUL": _same_operator("Mul", activation=True),
    "RELU": _same_operator("Relu"),
    "RESHAPE": _reshape,
    "RSQRT": _reciprocal_sqrt,
    "SQRT": _same_operator("Sqrt"),
    "SUB": _same_operator("Sub", activation=True),
    "TANH": _same_operator("Tanh"),
}
