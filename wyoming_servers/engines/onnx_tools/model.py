"""ONNX files, read and written without a library: a network is a row of nodes and weights.

Weights are never copied, only pointed at. Field numbers are those of onnx.proto3.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.engines.onnx_tools.protobuf import (
    RawField,
    encode_bytes,
    encode_float,
    encode_header,
    encode_integer,
    field_bytes,
    field_integers,
    field_text,
    parse,
)

_GRAPH: Final = 7
_NODE, _GRAPH_NAME, _INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT = 1, 2, 5, 11, 12
_SPARSE: Final = 15
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5
_NAME, _INTEGER, _SUBGRAPH, _INTEGERS, _SUBGRAPHS = 1, 3, 6, 8, 11
_DIMENSION, _ELEMENT, _TENSOR_NAME, _DATA = 1, 2, 8, 9
_VALUE_TYPE, _TENSOR_TYPE, _ELEMENT_TYPE = 2, 1, 1

FLOAT: Final = 1
INT64: Final = 7


@dataclass(frozen=True, slots=True)
class OnnxAttribute:
    """A setting of a node."""

    name: str
    integers: tuple[int, ...]
    """Those that are whole."""
    nested: bool
    """Whether it is a network of its own."""
    raw: RawField

    def with_integers(self, values: Iterable[int]) -> "OnnxAttribute":
        """Return it with another row of whole numbers."""
        numbers = tuple(values)
        kept = [field.raw for field in parse(memoryview(self.raw)) if field.number != _INTEGERS]
        raw = b"".join((*kept, *(encode_integer(_INTEGERS, value) for value in numbers)))
        return OnnxAttribute(self.name, numbers, self.nested, raw)


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """One operation; values are called by name."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: tuple[OnnxAttribute, ...] = ()
    other_fields: tuple[RawField, ...] = ()
    """Its other fields."""

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Return the whole numbers of an attribute, None if it is not given."""
        return next((each.integers for each in self.attributes if each.name == name), None)

    def encode(self) -> RawField:
        """Return its message."""
        return b"".join(
            (
                *(encode_bytes(_INPUT, name.encode()) for name in self.inputs),
                *(encode_bytes(_OUTPUT, name.encode()) for name in self.outputs),
                encode_bytes(_OPERATOR, self.operator.encode()),
                *(encode_bytes(_ATTRIBUTE, each.raw) for each in self.attributes),
                *self.other_fields,
            )
        )


@dataclass(frozen=True, slots=True)
class Initializer:
    """A constant."""

    name: str
    shape: tuple[int, ...]
    raw: RawField

    def reshaped(self, shape: tuple[int, ...]) -> "Initializer":
        """Return the same numbers in another shape."""
        kept = [field.raw for field in parse(memoryview(self.raw)) if field.number != _DIMENSION]
        raw = b"".join((*(encode_integer(_DIMENSION, size) for size in shape), *kept))
        return Initializer(self.name, shape, raw)


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """What is computed, in order, and from what."""

    nodes: tuple[OnnxNode, ...]
    initializers: Mapping[str, Initializer]
    inputs: Mapping[str, RawField]
    """What must be given, by name."""
    outputs: Mapping[str, RawField]
    other_fields: tuple[RawField, ...] = ()
    """Fields of the file beside the network."""

    def encode(self) -> bytes:
        """Return the file. Fields that say only what a value is like are not among it."""
        graph: list[RawField] = []
        for number, messages in (
            (_NODE, [node.encode() for node in self.nodes]),
            (_GRAPH_NAME, [b"network"]),
            (_INITIALIZER, [weight.raw for weight in self.initializers.values()]),
            (_GRAPH_INPUT, self.inputs.values()),
            (_GRAPH_OUTPUT, self.outputs.values()),
        ):
            for message in messages:
                graph += [encode_header(number, len(message)), message]
        return b"".join([*self.other_fields, encode_header(_GRAPH, sum(map(len, graph))), *graph])


def read_model(model: bytes) -> OnnxModel:
    """Read a file. Raises ValueError if it is no ONNX file."""
    head: list[RawField] = []
    graph = memoryview(b"")
    for field in parse(memoryview(model)):
        if field.number == _GRAPH:
            graph = field_bytes(field)
        else:
            head.append(field.raw)
    found: dict[int, list[memoryview]] = {}
    for field in parse(graph):
        if field.number == _SPARSE:
            raise ValueError("The ONNX file has sparse weights.")
        if field.number in (_NODE, _INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT):
            found.setdefault(field.number, []).append(field_bytes(field))
    weights = [_parse_initializer(message) for message in found.get(_INITIALIZER, ())]
    return OnnxModel(
        nodes=tuple(_parse_node(message) for message in found.get(_NODE, ())),
        initializers={weight.name: weight for weight in weights},
        inputs={_parse_name(message): message for message in found.get(_GRAPH_INPUT, ())},
        outputs={_parse_name(message): message for message in found.get(_GRAPH_OUTPUT, ())},
        other_fields=tuple(head),
    )


def value_info(name: str, element: int = FLOAT) -> RawField:
    """Return how a network declares a value of any shape that goes in or out."""
    tensor = encode_bytes(_TENSOR_TYPE, encode_integer(_ELEMENT_TYPE, element))
    return encode_bytes(_NAME, name.encode()) + encode_bytes(_VALUE_TYPE, tensor)


def integer_initializer(name: str, values: Sequence[int]) -> Initializer:
    """Return a constant row of whole numbers."""
    data = b"".join(value.to_bytes(8, "little", signed=True) for value in values)
    raw = (
        encode_integer(_DIMENSION, len(values))
        + encode_integer(_ELEMENT, INT64)
        + encode_bytes(_TENSOR_NAME, name.encode())
        + encode_bytes(_DATA, data)
    )
    return Initializer(name, (len(values),), raw)


def _parse_node(message: memoryview) -> OnnxNode:
    texts: dict[int, list[str]] = {_INPUT: [], _OUTPUT: [], _OPERATOR: []}
    attributes: list[OnnxAttribute] = []
    rest: list[RawField] = []
    for field in parse(message):
        if field.number in texts:
            texts[field.number].append(field_text(field))
        elif field.number == _ATTRIBUTE:
            attributes.append(_parse_attribute(field_bytes(field)))
        else:
            rest.append(field.raw)
    return OnnxNode(
        operator="".join(texts[_OPERATOR]),
        inputs=tuple(texts[_INPUT]),
        outputs=tuple(texts[_OUTPUT]),
        attributes=tuple(attributes),
        other_fields=tuple(rest),
    )


def _parse_attribute(message: memoryview) -> OnnxAttribute:
    fields = list(parse(message))
    return OnnxAttribute(
        name=_parse_name(message),
        integers=tuple(
            field_integers(field for field in fields if field.number in (_INTEGER, _INTEGERS))
        ),
        nested=any(field.number in (_SUBGRAPH, _SUBGRAPHS) for field in fields),
        raw=message,
    )


def _parse_initializer(message: memoryview) -> Initializer:
    fields = list(parse(message))
    return Initializer(
        name=next((field_text(field) for field in fields if field.number == _TENSOR_NAME), ""),
        shape=tuple(field_integers(field for field in fields if field.number == _DIMENSION)),
        raw=message,
    )


def _parse_name(message: memoryview) -> str:
    """Return the name of an attribute, an input or an output."""
    return next((field_text(field) for field in parse(message) if field.number == _NAME), "")


# Writes networks as ONNX models, so that onnxruntime can run them.
#
# ONNX is a protobuf format of which a network needs a dozen fields; writing those here spares the
# `onnx` package. Field numbers are those of onnx.proto3, checked by onnxruntime when it loads.

IR_VERSION: Final = 8
OPSET: Final = 17

_ELEMENT_TYPES: Final = {"float32": 1, "int64": 7, "bool": 9}


class OnnxGraphBuilder:
    """A network being written; values are called by name."""

    def __init__(self) -> None:
        self._nodes: list[bytes] = []
        self._constants: list[bytes] = []
        self._inputs: list[bytes] = []
        self._outputs: list[bytes] = []
        self._count = 0

    def input(self, name: str, shape: Sequence[int | str]) -> str:
        """Declare a float32 input; a text is a dimension that may be any size."""
        self._inputs.append(_encode_value_info(name, shape))
        return name

    def output(self, name: str, value: str, shape: Sequence[int | str]) -> None:
        """Declare a float32 output."""
        self._nodes.append(_encode_node("Identity", [value], [name], {}))
        self._outputs.append(_encode_value_info(name, shape))

    def constant(self, value: NDArray[Any]) -> str:
        """Add a weight; return its name."""
        name = self._name("w")
        array = np.ascontiguousarray(value)
        self._constants.append(
            b"".join(encode_integer(1, size) for size in array.shape)
            + encode_integer(2, _ELEMENT_TYPES[array.dtype.name])
            + _encode_text(8, name)
            + encode_bytes(9, array.tobytes())
        )
        return name

    def floats(self, *values: float) -> str:
        """Add a row of float32 numbers; return its name."""
        return self.constant(np.array(values, np.float32))

    def integers(self, *values: int) -> str:
        """Add a row of numbers that are no data: sizes, axes, positions; return its name."""
        return self.constant(np.array(values, np.int64))

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        """Add a computation with one output; return that."""
        return self.nodes(op, 1, *inputs, **attributes)[0]

    def nodes(self, op: str, outputs: int, *inputs: str, **attributes: Any) -> list[str]:
        """Add a computation with several outputs; return them."""
        names = [self._name("v") for _ in range(outputs)]
        self._nodes.append(_encode_node(op, inputs, names, attributes))
        return names

    def to_bytes(self) -> bytes:
        """Return the whole model."""
        graph = b"".join(
            [
                *(encode_bytes(1, node) for node in self._nodes),
                _encode_text(2, "wake"),
                *(encode_bytes(5, constant) for constant in self._constants),
                *(encode_bytes(11, value) for value in self._inputs),
                *(encode_bytes(12, value) for value in self._outputs),
            ]
        )
        opset = _encode_text(1, "") + encode_integer(2, OPSET)
        return encode_integer(1, IR_VERSION) + encode_bytes(7, graph) + encode_bytes(8, opset)

    def _name(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"


def _encode_node(op: str, inputs: Sequence[str], outputs: Sequence[str], attributes: Any) -> bytes:
    return b"".join(
        [
            *(_encode_text(1, name) for name in inputs),
            *(_encode_text(2, name) for name in outputs),
            _encode_text(4, op),
            *(
                encode_bytes(5, _encode_attribute(name, value))
                for name, value in attributes.items()
            ),
        ]
    )


def _encode_attribute(name: str, value: float | Sequence[int]) -> bytes:
    if isinstance(value, float):
        body = encode_float(2, value) + encode_integer(20, 1)
    elif isinstance(value, int):
        body = encode_integer(3, value) + encode_integer(20, 2)
    else:
        body = b"".join(encode_integer(8, number) for number in value) + encode_integer(20, 7)
    return _encode_text(1, name) + body


def _encode_value_info(name: str, shape: Sequence[int | str]) -> bytes:
    dimensions = b"".join(
        encode_bytes(1, _encode_text(2, size) if isinstance(size, str) else encode_integer(1, size))
        for size in shape
    )
    tensor = encode_integer(1, _ELEMENT_TYPES["float32"]) + encode_bytes(2, dimensions)
    return _encode_text(1, name) + encode_bytes(2, encode_bytes(1, tensor))


def _encode_text(field: int, value: str) -> bytes:
    return encode_bytes(field, value.encode())
