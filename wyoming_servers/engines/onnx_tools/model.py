"""Reads and writes ONNX models: a model is a list of nodes and their initializers (weights).

`read_model` reads a file, `OnnxGraphBuilder` makes a new graph; both give an `OnnxModel`, which
`OnnxModel.encode` writes. Weights are never copied in memory, only referred to: a voice of 60 MB is
split without a second copy of it. Field numbers are those of onnx.proto3.

This module replaces the `onnx` package (18 MB, with protobuf and ml_dtypes), of which the server
would use a dozen fields. onnxruntime checks every model when it opens it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from wyoming_servers.engines.onnx_tools.protobuf import (
    RawField,
    encode_bytes,
    encode_float,
    encode_header,
    encode_integer,
    encode_text,
    field_bytes,
    field_integers,
    field_text,
    parse,
)

# ModelProto
_IR_VERSION, _GRAPH, _OPSET_IMPORT = 1, 7, 8
# OperatorSetIdProto
_OPSET_DOMAIN, _OPSET_VERSION = 1, 2
# GraphProto
_NODE, _GRAPH_NAME, _INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT, _SPARSE_INITIALIZER = (
    1, 2, 5, 11, 12, 15,
)  # fmt: skip
# NodeProto
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5
# AttributeProto
_NAME, _FLOAT_VALUE, _INTEGER, _SUBGRAPH, _INTEGERS, _SUBGRAPHS, _ATTRIBUTE_TYPE = (
    1, 2, 3, 6, 8, 11, 20,
)  # fmt: skip
_TYPE_FLOAT, _TYPE_INTEGER, _TYPE_INTEGERS = 1, 2, 7
# TensorProto
_DIMENSION, _ELEMENT_TYPE, _TENSOR_NAME, _RAW_DATA = 1, 2, 8, 9
# ValueInfoProto, TypeProto, TypeProto.Tensor, TensorShapeProto
_VALUE_NAME, _VALUE_TYPE, _TENSOR_TYPE, _VALUE_ELEMENT_TYPE, _VALUE_SHAPE = 1, 2, 1, 1, 2
_SHAPE_DIMENSION, _DIMENSION_SIZE, _DIMENSION_NAME = 1, 1, 2

FLOAT: Final = 1
INT64: Final = 7
"""Element types of TensorProto."""

_ELEMENT_TYPES: Final = {"float32": FLOAT, "int64": INT64, "bool": 9}

IR_VERSION: Final = 8
OPSET: Final = 17
"""Of models made by `OnnxGraphBuilder`."""


@dataclass(frozen=True, slots=True)
class OnnxAttribute:
    """An attribute of a node."""

    name: str
    integers: tuple[int, ...]
    """Its integer values; empty if it has values of another type."""
    nested: bool
    """Whether its value is a graph."""
    raw: RawField

    @classmethod
    def of(cls, name: str, value: float | Sequence[int]) -> Self:
        """Make an attribute of a float, an integer or a list of integers."""
        integers: tuple[int, ...] = ()
        if isinstance(value, float):
            body = encode_float(_FLOAT_VALUE, value) + encode_integer(_ATTRIBUTE_TYPE, _TYPE_FLOAT)
        elif isinstance(value, int):
            integers = (value,)
            body = encode_integer(_INTEGER, value) + encode_integer(_ATTRIBUTE_TYPE, _TYPE_INTEGER)
        else:
            integers = tuple(value)
            body = b"".join(encode_integer(_INTEGERS, number) for number in integers)
            body += encode_integer(_ATTRIBUTE_TYPE, _TYPE_INTEGERS)
        return cls(name, integers, nested=False, raw=encode_text(_NAME, name) + body)

    def with_integers(self, values: Iterable[int]) -> "OnnxAttribute":
        """Return a copy with another list of integers."""
        integers = tuple(values)
        kept = [field.raw for field in parse(memoryview(self.raw)) if field.number != _INTEGERS]
        raw = b"".join((*kept, *(encode_integer(_INTEGERS, value) for value in integers)))
        return OnnxAttribute(self.name, integers, self.nested, raw)


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """One operation; its inputs and outputs are names of values."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: tuple[OnnxAttribute, ...] = ()
    other_fields: tuple[RawField, ...] = ()

    def integers(self, name: str) -> tuple[int, ...] | None:
        """Return the integers of an attribute; None if the node does not have it."""
        return next((each.integers for each in self.attributes if each.name == name), None)

    def encode(self) -> RawField:
        """Return the NodeProto message."""
        return b"".join(
            (
                *(encode_text(_INPUT, name) for name in self.inputs),
                *(encode_text(_OUTPUT, name) for name in self.outputs),
                encode_text(_OPERATOR, self.operator),
                *(encode_bytes(_ATTRIBUTE, each.raw) for each in self.attributes),
                *self.other_fields,
            )
        )


@dataclass(frozen=True, slots=True)
class Initializer:
    """A constant tensor."""

    name: str
    shape: tuple[int, ...]
    raw: RawField

    @classmethod
    def of(cls, name: str, value: NDArray[Any]) -> Self:
        """Make an initializer of a float32, int64 or bool array."""
        array = np.ascontiguousarray(value)
        raw = b"".join(
            (
                *(encode_integer(_DIMENSION, size) for size in array.shape),
                encode_integer(_ELEMENT_TYPE, _ELEMENT_TYPES[array.dtype.name]),
                encode_text(_TENSOR_NAME, name),
                encode_bytes(_RAW_DATA, array.tobytes()),
            )
        )
        return cls(name, array.shape, raw)

    def reshaped(self, shape: tuple[int, ...]) -> "Initializer":
        """Return the same numbers in another shape."""
        kept = [field.raw for field in parse(memoryview(self.raw)) if field.number != _DIMENSION]
        raw = b"".join((*(encode_integer(_DIMENSION, size) for size in shape), *kept))
        return Initializer(self.name, shape, raw)


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A model with one graph, its nodes in the order of computation."""

    nodes: tuple[OnnxNode, ...]
    initializers: Mapping[str, Initializer]
    inputs: Mapping[str, RawField]
    """ValueInfoProto messages by name."""
    outputs: Mapping[str, RawField]
    other_fields: tuple[RawField, ...] = ()
    """Fields of ModelProto other than the graph: versions, operator sets."""

    def encode(self) -> bytes:
        """Return the file's content. Shapes of intermediate values (`value_info`) are omitted."""
        graph: list[RawField] = []
        for number, messages in (
            (_NODE, [node.encode() for node in self.nodes]),
            (_GRAPH_NAME, [b"network"]),
            (_INITIALIZER, [initializer.raw for initializer in self.initializers.values()]),
            (_GRAPH_INPUT, self.inputs.values()),
            (_GRAPH_OUTPUT, self.outputs.values()),
        ):
            for message in messages:
                graph += [encode_header(number, len(message)), message]
        return b"".join([*self.other_fields, encode_header(_GRAPH, sum(map(len, graph))), *graph])


def read_model(data: bytes) -> OnnxModel:
    """Read a file's content. Raises ValueError if it is not an ONNX model this module supports."""
    try:
        return _parse_model(memoryview(data))
    except ValueError as err:
        raise ValueError(f"The file cannot be read as an ONNX model: {err}") from err


def _parse_model(message: memoryview) -> OnnxModel:
    other_fields: list[RawField] = []
    graph = memoryview(b"")
    for field in parse(message):
        if field.number == _GRAPH:
            graph = field_bytes(field)
        else:
            other_fields.append(field.raw)
    messages: dict[int, list[memoryview]] = {}
    for field in parse(graph):
        if field.number == _SPARSE_INITIALIZER:
            raise ValueError("Sparse weights are not supported.")
        if field.number in (_NODE, _INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT):
            messages.setdefault(field.number, []).append(field_bytes(field))
    initializers = [_parse_initializer(message) for message in messages.get(_INITIALIZER, ())]
    return OnnxModel(
        nodes=tuple(_parse_node(message) for message in messages.get(_NODE, ())),
        initializers={initializer.name: initializer for initializer in initializers},
        inputs={_parse_name(message): message for message in messages.get(_GRAPH_INPUT, ())},
        outputs={_parse_name(message): message for message in messages.get(_GRAPH_OUTPUT, ())},
        other_fields=tuple(other_fields),
    )


def value_info(
    name: str, element_type: int = FLOAT, shape: Sequence[int | str] | None = None
) -> RawField:
    """Return the declaration of an input or output.

    A text in `shape` names a dimension of any size; without a shape every tensor is accepted.
    """
    tensor = encode_integer(_VALUE_ELEMENT_TYPE, element_type)
    if shape is not None:
        dimensions = b"".join(
            encode_bytes(
                _SHAPE_DIMENSION,
                encode_text(_DIMENSION_NAME, size)
                if isinstance(size, str)
                else encode_integer(_DIMENSION_SIZE, size),
            )
            for size in shape
        )
        tensor += encode_bytes(_VALUE_SHAPE, dimensions)
    value_type = encode_bytes(_TENSOR_TYPE, tensor)
    return encode_text(_VALUE_NAME, name) + encode_bytes(_VALUE_TYPE, value_type)


class OnnxGraphBuilder:
    """Builds a model node by node; values are referred to by name."""

    def __init__(self) -> None:
        self._nodes: list[OnnxNode] = []
        self._initializers: dict[str, Initializer] = {}
        self._inputs: dict[str, RawField] = {}
        self._outputs: dict[str, RawField] = {}
        self._count = 0

    def input(self, name: str, shape: Sequence[int | str]) -> str:
        """Declare a float32 input; a text in the shape is a dimension of any size."""
        self._inputs[name] = value_info(name, FLOAT, shape)
        return name

    def output(self, name: str, value: str, shape: Sequence[int | str]) -> None:
        """Declare a float32 output that is equal to `value`."""
        self._nodes.append(OnnxNode("Identity", (value,), (name,)))
        self._outputs[name] = value_info(name, FLOAT, shape)

    def constant(self, value: NDArray[Any]) -> str:
        """Add an initializer; return its name."""
        name = self._new_name("w")
        self._initializers[name] = Initializer.of(name, value)
        return name

    def floats(self, *values: float) -> str:
        """Add a float32 vector; return its name."""
        return self.constant(np.array(values, np.float32))

    def integers(self, *values: int) -> str:
        """Add an int64 vector, such as a shape, axes or positions; return its name."""
        return self.constant(np.array(values, np.int64))

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output; return the output's name."""
        name = self._new_name("v")
        made = tuple(OnnxAttribute.of(key, value) for key, value in attributes.items())
        self._nodes.append(OnnxNode(operator, inputs, (name,), made))
        return name

    def model(self) -> OnnxModel:
        """Return the model."""
        opset = encode_text(_OPSET_DOMAIN, "") + encode_integer(_OPSET_VERSION, OPSET)
        return OnnxModel(
            tuple(self._nodes),
            self._initializers,
            self._inputs,
            self._outputs,
            (encode_integer(_IR_VERSION, IR_VERSION), encode_bytes(_OPSET_IMPORT, opset)),
        )

    def encode(self) -> bytes:
        """Return the model as the content of a file."""
        return self.model().encode()

    def _new_name(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"


def _parse_node(message: memoryview) -> OnnxNode:
    texts: dict[int, list[str]] = {_INPUT: [], _OUTPUT: [], _OPERATOR: []}
    attributes: list[OnnxAttribute] = []
    other_fields: list[RawField] = []
    for field in parse(message):
        if field.number in texts:
            texts[field.number].append(field_text(field))
        elif field.number == _ATTRIBUTE:
            attributes.append(_parse_attribute(field_bytes(field)))
        else:
            other_fields.append(field.raw)
    return OnnxNode(
        operator="".join(texts[_OPERATOR]),
        inputs=tuple(texts[_INPUT]),
        outputs=tuple(texts[_OUTPUT]),
        attributes=tuple(attributes),
        other_fields=tuple(other_fields),
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
    """Return the name of an attribute, an input or an output; all have it in the same field."""
    return next((field_text(field) for field in parse(message) if field.number == _NAME), "")
