"""A voice's network rewritten for one thread: the same numbers, about a tenth sooner.

onnxruntime has fast kernels for convolutions with few channels, but only for images. A row of
samples is an image of height one, so such convolutions get two more axes. With several threads it
does not pay, because those kernels divide their work by rows.

Field numbers are those of onnx.proto3. What is not understood stays as it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

MAX_CHANNELS: Final = 128
"""With more, the kernels for rows of samples are as fast."""

BLOCK: Final = 16
"""The fast kernels work on so many channels at once."""

_GRAPH, _NODE, _INITIALIZER = 7, 1, 5
_INPUT, _OUTPUT, _OPERATOR, _ATTRIBUTE = 1, 2, 4, 5
_DIMENSION, _ELEMENT, _TENSOR_NAME, _RAW = 1, 2, 8, 9
_ATTRIBUTE_NAME, _INTEGER, _INTEGERS = 1, 3, 8
_INT64: Final = 7

_TO_IMAGE: Final = "wyoming_servers.to_image"
_TO_ROW: Final = "wyoming_servers.to_row"


class _Field(NamedTuple):
    """One field of a message."""

    number: int
    value: int | memoryview
    raw: memoryview
    """As it stands in the message, with its number."""


_Parts = list[bytes | memoryview]
"""What stands one behind the other; the weights in it are not copied."""


def for_one_thread(model: bytes) -> bytes:
    """Return the same network as an ONNX file for a session with one thread.

    Raises ValueError if it is no ONNX file.
    """
    parts: _Parts = []
    for field in _fields(memoryview(model)):
        if field.number == _GRAPH:
            graph = _graph(_view(field))
            parts += [_head(_GRAPH, sum(map(len, graph))), *graph]
        else:
            parts.append(field.raw)
    return b"".join(parts)


def _graph(graph: memoryview) -> _Parts:
    fields = list(_fields(graph))
    weights = {
        name: shape
        for field in fields
        if field.number == _INITIALIZER
        for name, shape in (_shape(_view(field)),)
        if len(shape) == 3
    }
    changed: set[str] = set()
    parts: _Parts = []
    for field in fields:
        if field.number == _NODE:
            parts += _node(field, weights, changed, len(parts))
    if not changed:
        return [graph]
    for field in fields:
        if field.number == _INITIALIZER and _shape(_view(field))[0] in changed:
            parts.append(_block(_INITIALIZER, _image_weight(_view(field))))
        elif field.number != _NODE:
            parts.append(field.raw)
    parts.append(_block(_INITIALIZER, _integers(_TO_IMAGE, (0, 0, 1, -1))))
    parts.append(_block(_INITIALIZER, _integers(_TO_ROW, (0, 0, -1))))
    return parts


def _node(
    node: _Field, weights: Mapping[str, Sequence[int]], changed: set[str], number: int
) -> _Parts:
    """Return a node, between two others if it becomes one for images."""
    fields = list(_fields(_view(node)))
    inputs = [_text(field) for field in fields if field.number == _INPUT]
    operator = [_text(field) for field in fields if field.number == _OPERATOR]
    attributes = {
        name: (field, values)
        for field in fields
        if field.number == _ATTRIBUTE
        for name, values in (_attribute(_view(field)),)
    }
    weight = inputs[1] if len(inputs) > 1 else ""
    if (
        operator != ["Conv"]
        or weight not in weights
        or not _has_few_channels(weights[weight])
        or "auto_pad" in attributes
        or attributes.get("group", (None, [1]))[1] != [1]
    ):
        return [node.raw]
    changed.add(weight)
    output = next(_text(field) for field in fields if field.number == _OUTPUT)
    image, answer = f"{_TO_IMAGE}.{number}", f"{_TO_ROW}.{number}"
    given = [image, *inputs[1:]]
    written: _Parts = [_block(_INPUT, name.encode()) for name in given]
    written.append(_block(_OUTPUT, answer.encode()))
    for field in fields:
        if field.number == _ATTRIBUTE:
            written.append(_block(_ATTRIBUTE, _image_attribute(_view(field))))
        elif field.number not in (_INPUT, _OUTPUT):
            written.append(field.raw)
    return [
        _reshape(inputs[0], _TO_IMAGE, image),
        _block(_NODE, b"".join(written)),
        _reshape(answer, _TO_ROW, output),
    ]


def _has_few_channels(shape: Sequence[int]) -> bool:
    """Whether [to, from, width] is of a convolution that gains."""
    return all(BLOCK <= size <= MAX_CHANNELS and size % BLOCK == 0 for size in shape[:2])


def _reshape(value: str, shape: str, result: str) -> bytes:
    return _block(
        _NODE,
        _block(_INPUT, value.encode())
        + _block(_INPUT, shape.encode())
        + _block(_OUTPUT, result.encode())
        + _block(_OPERATOR, b"Reshape"),
    )


def _image_attribute(attribute: memoryview) -> bytes | memoryview:
    name, values = _attribute(attribute)
    match name, values:
        case "pads", [before, after]:
            image = [0, before, 0, after]
        case "dilations" | "strides" | "kernel_shape", [value]:
            image = [1, value]
        case _:
            return attribute
    kept = b"".join(field.raw for field in _fields(attribute) if field.number != _INTEGERS)
    return kept + b"".join(_number(_INTEGERS, value) for value in image)


def _attribute(attribute: memoryview) -> tuple[str, list[int]]:
    """Return an attribute's name and its whole numbers."""
    fields = list(_fields(attribute))
    name = next((_text(field) for field in fields if field.number == _ATTRIBUTE_NAME), "")
    return name, _numbers(field for field in fields if field.number in (_INTEGER, _INTEGERS))


def _shape(tensor: memoryview) -> tuple[str, list[int]]:
    """Return a tensor's name and its dimensions."""
    fields = list(_fields(tensor))
    name = next((_text(field) for field in fields if field.number == _TENSOR_NAME), "")
    return name, _numbers(field for field in fields if field.number == _DIMENSION)


def _image_weight(tensor: memoryview) -> bytes:
    """Return a weight [to, from, width] as [to, from, 1, width]."""
    to, from_, width = _shape(tensor)[1]
    shape = b"".join(_number(_DIMENSION, size) for size in (to, from_, 1, width))
    return shape + b"".join(field.raw for field in _fields(tensor) if field.number != _DIMENSION)


def _integers(name: str, values: Sequence[int]) -> bytes:
    """Return a constant row of whole numbers."""
    return (
        _number(_DIMENSION, len(values))
        + _number(_ELEMENT, _INT64)
        + _block(_TENSOR_NAME, name.encode())
        + _block(_RAW, b"".join(value.to_bytes(8, "little", signed=True) for value in values))
    )


# Protocol buffers: a message is a row of fields, each with its number and a value.


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


def _block(field: int, value: bytes | memoryview) -> bytes:
    return b"".join((_head(field, len(value)), value))


def _head(field: int, size: int) -> bytes:
    return _encoded(field << 3 | 2) + _encoded(size)
