"""ONNX files, read and written without a library: a network is a row of nodes and weights.

Weights are never copied, only pointed at. Field numbers are those of onnx.proto3.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wyoming_servers.engines.protobuf import (
    RawField,
    field_bytes,
    encode_bytes,
    encode_header,
    encode_integer,
    parse,
    field_text,
    field_integers,
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
