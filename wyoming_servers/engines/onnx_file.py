"""ONNX files, read and written without a library: a network is a row of nodes and weights.

Weights are never copied, only pointed at. Field numbers are those of onnx.proto3.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wyoming_servers.engines.protobuf import (
    Raw,
    content,
    encode_block,
    encode_head,
    encode_number,
    parse,
    text_of,
    whole_numbers,
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
class Attribute:
    """A setting of a node."""

    name: str
    numbers: tuple[int, ...]
    """Those that are whole."""
    nested: bool
    """Whether it is a network of its own."""
    raw: Raw

    def with_numbers(self, values: Iterable[int]) -> "Attribute":
        """Return it with another row of whole numbers."""
        numbers = tuple(values)
        kept = [field.raw for field in parse(memoryview(self.raw)) if field.number != _INTEGERS]
        raw = b"".join((*kept, *(encode_number(_INTEGERS, value) for value in numbers)))
        return Attribute(self.name, numbers, self.nested, raw)


@dataclass(frozen=True, slots=True)
class Node:
    """One operation; values are called by name."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: tuple[Attribute, ...] = ()
    rest: tuple[Raw, ...] = ()
    """Its other fields."""

    def numbers(self, name: str) -> tuple[int, ...] | None:
        """Return the whole numbers of an attribute, None if it is not given."""
        return next((each.numbers for each in self.attributes if each.name == name), None)

    def encoded(self) -> Raw:
        """Return its message."""
        return b"".join(
            (
                *(encode_block(_INPUT, name.encode()) for name in self.inputs),
                *(encode_block(_OUTPUT, name.encode()) for name in self.outputs),
                encode_block(_OPERATOR, self.operator.encode()),
                *(encode_block(_ATTRIBUTE, each.raw) for each in self.attributes),
                *self.rest,
            )
        )


@dataclass(frozen=True, slots=True)
class Weight:
    """A constant."""

    name: str
    shape: tuple[int, ...]
    raw: Raw

    def reshaped(self, shape: tuple[int, ...]) -> "Weight":
        """Return the same numbers in another shape."""
        kept = [field.raw for field in parse(memoryview(self.raw)) if field.number != _DIMENSION]
        raw = b"".join((*(encode_number(_DIMENSION, size) for size in shape), *kept))
        return Weight(self.name, shape, raw)


@dataclass(frozen=True, slots=True)
class Network:
    """What is computed, in order, and from what."""

    nodes: tuple[Node, ...]
    weights: Mapping[str, Weight]
    inputs: Mapping[str, Raw]
    """What must be given, by name."""
    outputs: Mapping[str, Raw]
    head: tuple[Raw, ...] = ()
    """Fields of the file beside the network."""

    def encoded(self) -> bytes:
        """Return the file. Fields that say only what a value is like are not among it."""
        graph: list[Raw] = []
        for number, messages in (
            (_NODE, [node.encoded() for node in self.nodes]),
            (_GRAPH_NAME, [b"network"]),
            (_INITIALIZER, [weight.raw for weight in self.weights.values()]),
            (_GRAPH_INPUT, self.inputs.values()),
            (_GRAPH_OUTPUT, self.outputs.values()),
        ):
            for message in messages:
                graph += [encode_head(number, len(message)), message]
        return b"".join([*self.head, encode_head(_GRAPH, sum(map(len, graph))), *graph])


def read(model: bytes) -> Network:
    """Read a file. Raises ValueError if it is no ONNX file."""
    head: list[Raw] = []
    graph = memoryview(b"")
    for field in parse(memoryview(model)):
        if field.number == _GRAPH:
            graph = content(field)
        else:
            head.append(field.raw)
    found: dict[int, list[memoryview]] = {}
    for field in parse(graph):
        if field.number == _SPARSE:
            raise ValueError("The ONNX file has sparse weights.")
        if field.number in (_NODE, _INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT):
            found.setdefault(field.number, []).append(content(field))
    weights = [_weight(message) for message in found.get(_INITIALIZER, ())]
    return Network(
        nodes=tuple(_node(message) for message in found.get(_NODE, ())),
        weights={weight.name: weight for weight in weights},
        inputs={_name(message): message for message in found.get(_GRAPH_INPUT, ())},
        outputs={_name(message): message for message in found.get(_GRAPH_OUTPUT, ())},
        head=tuple(head),
    )


def value(name: str, element: int = FLOAT) -> Raw:
    """Return how a network declares a value of any shape that goes in or out."""
    tensor = encode_block(_TENSOR_TYPE, encode_number(_ELEMENT_TYPE, element))
    return encode_block(_NAME, name.encode()) + encode_block(_VALUE_TYPE, tensor)


def integers(name: str, values: Sequence[int]) -> Weight:
    """Return a constant row of whole numbers."""
    data = b"".join(value.to_bytes(8, "little", signed=True) for value in values)
    raw = (
        encode_number(_DIMENSION, len(values))
        + encode_number(_ELEMENT, INT64)
        + encode_block(_TENSOR_NAME, name.encode())
        + encode_block(_DATA, data)
    )
    return Weight(name, (len(values),), raw)


def _node(message: memoryview) -> Node:
    texts: dict[int, list[str]] = {_INPUT: [], _OUTPUT: [], _OPERATOR: []}
    attributes: list[Attribute] = []
    rest: list[Raw] = []
    for field in parse(message):
        if field.number in texts:
            texts[field.number].append(text_of(field))
        elif field.number == _ATTRIBUTE:
            attributes.append(_attribute(content(field)))
        else:
            rest.append(field.raw)
    return Node(
        operator="".join(texts[_OPERATOR]),
        inputs=tuple(texts[_INPUT]),
        outputs=tuple(texts[_OUTPUT]),
        attributes=tuple(attributes),
        rest=tuple(rest),
    )


def _attribute(message: memoryview) -> Attribute:
    fields = list(parse(message))
    return Attribute(
        name=_name(message),
        numbers=tuple(
            whole_numbers(field for field in fields if field.number in (_INTEGER, _INTEGERS))
        ),
        nested=any(field.number in (_SUBGRAPH, _SUBGRAPHS) for field in fields),
        raw=message,
    )


def _weight(message: memoryview) -> Weight:
    fields = list(parse(message))
    return Weight(
        name=next((text_of(field) for field in fields if field.number == _TENSOR_NAME), ""),
        shape=tuple(whole_numbers(field for field in fields if field.number == _DIMENSION)),
        raw=message,
    )


def _name(message: memoryview) -> str:
    """Return the name of an attribute, an input or an output."""
    return next((text_of(field) for field in parse(message) if field.number == _NAME), "")
