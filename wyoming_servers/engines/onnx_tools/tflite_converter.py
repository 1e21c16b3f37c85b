"""Converts TensorFlow Lite classifiers to ONNX models with a batch dimension of any size.

The published classifiers of wake words have a batch size of one. No operator that is converted
mixes the rows of a batch, so the ONNX model scores many streams at once.
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
    """Raised for a valid graph with an operator or type that cannot be converted."""


def convert_tflite(sources: Sequence[TfliteGraph]) -> bytes:
    """Convert a graph with one input and one output, given with its branches after it.

    Raises UnsupportedOperatorError.
    """
    main = sources[0]
    graph = OnnxGraphBuilder()
    windows = main.tensors[main.inputs[0]].shape
    value = graph.input("embeddings", ["streams", *windows[1:]])
    (score,) = _Conversion(graph, sources).add_graph(main, [value])
    graph.output("score", score, ["streams", *main.tensors[main.outputs[0]].shape[1:]])
    return graph.encode()


class _Conversion:
    """Adds the operators of TensorFlow Lite graphs to an ONNX graph."""

    def __init__(self, graph: OnnxGraphBuilder, sources: Sequence[TfliteGraph]) -> None:
        self._graph = graph
        self._sources = sources

    def add_graph(self, source: TfliteGraph, inputs: Sequence[str]) -> list[str]:
        """Add a graph with these inputs; return its outputs."""
        names = dict(zip(source.inputs, inputs, strict=True))

        def name(number: int) -> str:
            if number not in names:
                names[number] = self._graph.constant(source.constant(number))
            return names[number]

        for operator in source.operators:
            values = [
                name(number) for number in operator.inputs if _is_computed_input(source, number)
            ]
            if operator.kind == "IF":
                results = self._add_branches(operator, values)
            else:
                add = _OPERATORS.get(operator.kind)
                if add is None:
                    raise UnsupportedOperatorError(
                        f"It has the unsupported operator {operator.kind}."
                    )
                results = [add(self._graph, source, operator, values)]
            names.update(zip(operator.outputs, results, strict=True))
        return [name(number) for number in source.outputs]

    def _add_branches(self, operator: TfliteOperator, values: Sequence[str]) -> list[str]:
        """Add both branches and a choice for each row, since each has its own condition."""
        condition, *inputs = values
        then, otherwise = (
            self.add_graph(self._sources[operator.option(field, "i")], inputs) for field in (0, 1)
        )
        return [
            self._graph.node("Where", condition, *pair)
            for pair in zip(then, otherwise, strict=True)
        ]


def _is_computed_input(source: TfliteGraph, number: int) -> bool:
    """Whether an input is data, and not omitted or a parameter (axes, shape)."""
    if number < 0 or source.tensors[number].type in INTEGERS:
        return False
    if source.tensors[number].type not in (FLOAT, BOOL):
        raise UnsupportedOperatorError("It is quantized.")
    return True


_Add = Callable[[OnnxGraphBuilder, TfliteGraph, TfliteOperator, Sequence[str]], str]


def _same_operator(op: str, activation: bool = False) -> _Add:
    """Return a function that adds an operator which ONNX has as well."""

    def add(
        graph: OnnxGraphBuilder, _: TfliteGraph, operator: TfliteOperator, values: Sequence[str]
    ) -> str:
        value = graph.node(op, *values)
        return _activate(graph, operator, value) if activation else value

    return add


def _activate(graph: OnnxGraphBuilder, operator: TfliteOperator, value: str) -> str:
    """Add the activation that TensorFlow Lite fuses into other operators."""
    match operator.option(0, "b"):
        case 0:
            return value
        case 1:
            return graph.node("Relu", value)
        case unknown:
            raise UnsupportedOperatorError(f"It has the unsupported activation {unknown}.")


def _dense(
    graph: OnnxGraphBuilder, source: TfliteGraph, operator: TfliteOperator, values: Sequence[str]
) -> str:
    if len(source.tensors[operator.inputs[0]].shape) != 2:
        raise UnsupportedOperatorError(
            "It has a fully connected layer with more than two dimensions."
        )
    return _activate(graph, operator, graph.node("Gemm", *values, transB=1))


def _reshape(
    graph: OnnxGraphBuilder, source: TfliteGraph, operator: TfliteOperator, values: Sequence[str]
) -> str:
    shape = source.tensors[operator.outputs[0]].shape
    if not shape:  # a scalar condition, here one for each row
        return values[0]
    return graph.node("Reshape", values[0], graph.constant(np.array([-1, *shape[1:]], np.int64)))


def _mean(
    graph: OnnxGraphBuilder, source: TfliteGraph, operator: TfliteOperator, values: Sequence[str]
) -> str:
    axes = np.atleast_1d(source.constant(operator.inputs[1]))
    if 0 in axes or -len(source.tensors[operator.inputs[0]].shape) in axes:
        raise UnsupportedOperatorError("It computes a mean over the batch.")
    return graph.node(
        "ReduceMean", values[0], axes=axes.tolist(), keepdims=int(operator.option(0, "b"))
    )


def _reciprocal_sqrt(
    graph: OnnxGraphBuilder, source: TfliteGraph, operator: TfliteOperator, values: Sequence[str]
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
