"""ONNX files, read and written without a library: a network is a row of nodes and weights.

Weights are never copied, only pointed at. Field numbers are those of onnx.proto3.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

Raw = bytes | memoryview
"""A message, or a field with its number, as it stands in a file."""

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
        kept = [field.raw for field in _fields(memoryview(self.raw)) if field.number != _INTEGERS]
        raw = b"".join((*kept, *(_number(_INTEGERS, value) for value in numbers)))
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
                *(_block(_INPUT, name.encode()) for name in self.inputs),
                *(_block(_OUTPUT, name.encode()) for name in self.outputs),
                _block(_OPERATOR, self.operator.encode()),
                *(_block(_ATTRIBUTE, each.raw) for each in self.attributes),
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
        kept = [field.raw for field in _fields(memoryview(self.raw)) if field.number != _DIMENSION]
        raw = b"".join((*(_number(_DIMENSION, size) for size in shape), *kept))
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
                graph += [_head(number, len(message)), message]
        return b"".join([*self.head, _head(_GRAPH, sum(map(len, graph))), *graph])


def read(model: bytes) -> Network:
    """Read a file. Raises ValueError if it is no ONNX file."""
    head: list[Raw] = []
    graph = memoryview(b"")
    for field in _fields(memoryview(model)):
        if field.number == _GRAPH:
            graph = _view(field)
        else:
            head.append(field.raw)
    found: dict[int, list[memoryview]] = {}
    for field in _fields(graph):
        if field.number == _SPARSE:
            raise ValueError("The ONNX file has sparse weights.")
        if field.number in (_NODE, _INITIALIZER, _GRAPH_INPUT, _GRAPH_OUTPUT):
            found.setdefault(field.number, []).append(_view(field))
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
    tensor = _block(_TENSOR_TYPE, _number(_ELEMENT_TYPE, element))
    return _block(_NAME, name.encode()) + _block(_VALUE_TYPE, tensor)


def integers(name: str, values: Sequence[int]) -> Weight:
    """Return a constant row of whole numbers."""
    data = b"".join(value.to_bytes(8, "little", signed=True) for value in values)
    raw = (
        _number(_DIMENSION, len(values))
        + _number(_ELEMENT, INT64)
        + _block(_TENSOR_NAME, name.encode())
        + _block(_DATA, data)
    )
    return Weight(name, (len(values),), raw)


def _node(message: memoryview) -> Node:
    texts: dict[int, list[str]] = {_INPUT: [], _OUTPUT: [], _OPERATOR: []}
    attributes: list[Attribute] = []
    rest: list[Raw] = []
    for field in _fields(message):
        if field.number in texts:
            texts[field.number].append(_text(field))
        elif field.number == _ATTRIBUTE:
            attributes.append(_attribute(_view(field)))
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
    fields = list(_fields(message))
    return Attribute(
        name=_name(message),
        numbers=tuple(_numbers(field for field in fields if field.number in (_INTEGER, _INTEGERS))),
        nested=any(field.number in (_SUBGRAPH, _SUBGRAPHS) for field in fields),
        raw=message,
    )


def _weight(message: memoryview) -> Weight:
    fields = list(_fields(message))
    return Weight(
        name=next((_text(field) for field in fields if field.number == _TENSOR_NAME), ""),
        shape=tuple(_numbers(field for field in fields if field.number == _DIMENSION)),
        raw=message,
    )


def _name(message: memoryview) -> str:
    """Return the name of an attribute, an input or an output."""
    return next((_text(field) for field in _fields(message) if field.number == _NAME), "")


# Protocol buffers: a message is a row of fields, each with its number and a value.


class _Field(NamedTuple):
    """One field of a message."""

    number: int
    value: int | memoryview
    raw: memoryview


def _fields(message: memoryview) -> Iterator[_Field]:
    """Yield a message's fields. Raises ValueError if it is none."""
    at = 0
    while at < len(message):
        begin = at
        tag, at = _varint(message, at)
        value: int | memoryview
        match tag & 7:
            case 0:
                value, at = _varint(message, at)
            case 2:
                size, at = _varint(message, at)
                value, at = message[at : at + size], at + size
            case 1 | 5 as kind:
                size = 8 if kind == 1 else 4
                value, at = message[at : at + size], at + size
            case _:
                raise ValueError("This is no ONNX file.")
        if at > len(message):
            raise ValueError("The ONNX file is cut off.")
        yield _Field(tag >> 3, value, message[begin:at])


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return a number and where it ends."""
    value = shift = 0
    while at < len(message) and shift < 70:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
    raise ValueError("The ONNX file is cut off.")


def _numbers(fields: Iterator[_Field]) -> list[int]:
    """Return repeated whole numbers, one a field or all in one."""
    values: list[int] = []
    for field in fields:
        if isinstance(field.value, int):
            values.append(field.value)
            continue
        at = 0
        while at < len(field.value):
            value, at = _varint(field.value, at)
            values.append(value)
    return values


def _view(field: _Field) -> memoryview:
    """Return a field's text, bytes or message. Raises ValueError if it is a number."""
    if isinstance(field.value, int):
        raise ValueError("This is no ONNX file.")  # noqa: TRY004  (the file's fault)
    return field.value


def _text(field: _Field) -> str:
    return str(_view(field), "utf-8")


def _encoded(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _number(field: int, value: int) -> bytes:
    return _encoded(field << 3) + _encoded(value)


def _block(field: int, value: Raw) -> bytes:
    return b"".join((_head(field, len(value)), value))


def _head(field: int, size: int) -> bytes:
    return _encoded(field << 3 | 2) + _encoded(size)
