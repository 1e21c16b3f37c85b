"""Turns .tflite classifiers of wake words into ONNX models that score many streams at once.

The published classifiers are made for one stream. They contain nothing that mixes streams, so
the conversion leaves their number open.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from wyoming_servers.engines.wake_onnx import OnnxGraph
from wyoming_servers.engines.wake_tflite import (
    BOOL,
    FLOAT,
    INTEGERS,
    Network,
    Operator,
    TfliteError,
)


class UnknownOperatorError(TfliteError):
    """Raised when a network is sound and contains something this conversion does not know."""


def convert(networks: Sequence[Network]) -> bytes:
    """Convert a network of one input and one output; the first is it, the others its branches.

    Raises UnknownOperatorError.
    """
    main = networks[0]
    graph = OnnxGraph()
    windows = main.tensors[main.inputs[0]].shape
    value = graph.input("embeddings", ["streams", *windows[1:]])
    (score,) = _Conversion(graph, networks).network(main, [value])
    graph.output("score", score, ["streams", *main.tensors[main.outputs[0]].shape[1:]])
    return graph.to_bytes()


class _Conversion:
    """Walks through a network's operators and adds their like to an ONNX graph."""

    def __init__(self, graph: OnnxGraph, networks: Sequence[Network]) -> None:
        self._graph = graph
        self._networks = networks

    def network(self, network: Network, inputs: Sequence[str]) -> list[str]:
        """Add a network that is given `inputs`; return its outputs."""
        names = dict(zip(network.inputs, inputs, strict=True))

        def name(number: int) -> str:
            if number not in names:
                names[number] = self._graph.constant(network.constant(number))
            return names[number]

        for operator in network.operators:
            values = [name(number) for number in operator.inputs if _computes(network, number)]
            if operator.kind == "IF":
                results = self._branch(operator, values)
            else:
                add = _OPERATORS.get(operator.kind)
                if add is None:
                    raise UnknownOperatorError(f"It has an operator {operator.kind}.")
                results = [add(self._graph, network, operator, values)]
            names.update(zip(operator.outputs, results, strict=True))
        return [name(number) for number in network.outputs]

    def _branch(self, operator: Operator, values: Sequence[str]) -> list[str]:
        """Compute both branches, and choose for each stream: streams do not share conditions."""
        condition, *inputs = values
        then, otherwise = (
            self.network(self._networks[operator.option(field, "i")], inputs) for field in (0, 1)
        )
        return [
            self._graph.node("Where", condition, *pair)
            for pair in zip(then, otherwise, strict=True)
        ]


def _computes(network: Network, number: int) -> bool:
    """Tell whether an input takes part, rather than being left out or a setting (axes, shape)."""
    if number < 0 or network.tensors[number].type in INTEGERS:
        return False
    if network.tensors[number].type not in (FLOAT, BOOL):
        raise UnknownOperatorError("It is quantized.")
    return True


_Add = Callable[[OnnxGraph, Network, Operator, Sequence[str]], str]


def _plain(op: str, activation: bool = False) -> _Add:
    """Return how to add an operator that ONNX has as well."""

    def add(graph: OnnxGraph, _: Network, operator: Operator, values: Sequence[str]) -> str:
        value = graph.node(op, *values)
        return _activate(graph, operator, value) if activation else value

    return add


def _activate(graph: OnnxGraph, operator: Operator, value: str) -> str:
    """Add the activation that TensorFlow Lite puts into other operators."""
    match operator.option(0, "b"):
        case 0:
            return value
        case 1:
            return graph.node("Relu", value)
        case unknown:
            raise UnknownOperatorError(f"It has an activation {unknown}.")


def _dense(graph: OnnxGraph, network: Network, operator: Operator, values: Sequence[str]) -> str:
    if len(network.tensors[operator.inputs[0]].shape) != 2:
        raise UnknownOperatorError("It has a layer over more than two dimensions.")
    return _activate(graph, operator, graph.node("Gemm", *values, transB=1))


def _reshape(graph: OnnxGraph, network: Network, operator: Operator, values: Sequence[str]) -> str:
    shape = network.tensors[operator.outputs[0]].shape
    if not shape:  # a scalar condition: one for each stream here
        return values[0]
    return graph.node("Reshape", values[0], graph.constant(np.array([-1, *shape[1:]], np.int64)))


def _mean(graph: OnnxGraph, network: Network, operator: Operator, values: Sequence[str]) -> str:
    axes = np.atleast_1d(network.constant(operator.inputs[1]))
    if 0 in axes or -len(network.tensors[operator.inputs[0]].shape) in axes:
        raise UnknownOperatorError("It takes a mean over streams.")
    return graph.node(
        "ReduceMean", values[0], axes=axes.tolist(), keepdims=int(operator.option(0, "b"))
    )


def _inverse_root(
    graph: OnnxGraph, network: Network, operator: Operator, values: Sequence[str]
) -> str:
    return graph.node("Reciprocal", graph.node("Sqrt", values[0]))


_OPERATORS: Final[Mapping[str, _Add]] = {
    "ADD": _plain("Add", activation=True),
    "DIV": _plain("Div", activation=True),
    "FULLY_CONNECTED": _dense,
    "GREATER": _plain("Greater"),
    "GREATER_EQUAL": _plain("GreaterOrEqual"),
    "LOGISTIC": _plain("Sigmoid"),
    "MAXIMUM": _plain("Max"),
    "MEAN": _mean,
    "MINIMUM": _plain("Min"),
    "MUL": _plain("Mul", activation=True),
    "RELU": _plain("Relu"),
    "RESHAPE": _reshape,
    "RSQRT": _inverse_root,
    "SQRT": _plain("Sqrt"),
    "SUB": _plain("Sub", activation=True),
    "TANH": _plain("Tanh"),
}
