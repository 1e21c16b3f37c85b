"""Protocol buffers: a message is a row of fields, each with its number and a value.

What the engines read and write of them, without a library and without copying what is large.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

RawField = bytes | memoryview
"""A message, or a field with its number, as it stands in a file."""


class ProtobufField(NamedTuple):
    """One field of a message."""

    number: int
    value: int | memoryview
    raw: memoryview


def parse(message: memoryview) -> Iterator[ProtobufField]:
    """Yield a message's fields. Raises ValueError if it is none."""
    at = 0
    while at < len(message):
        begin = at
        tag, at = _read_varint(message, at)
        value: int | memoryview
        match tag & 7:
            case 0:
                value, at = _read_varint(message, at)
            case 2:
                size, at = _read_varint(message, at)
                value, at = message[at : at + size], at + size
            case 1 | 5 as kind:
                size = 8 if kind == 1 else 4
                value, at = message[at : at + size], at + size
            case _:
                raise ValueError("This is no ONNX file.")
        if at > len(message):
            raise ValueError("The ONNX file is cut off.")
        yield ProtobufField(tag >> 3, value, message[begin:at])


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
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


def field_integers(fields: Iterator[ProtobufField]) -> list[int]:
    """Return repeated whole numbers, one a field or all in one."""
    values: list[int] = []
    for field in fields:
        if isinstance(field.value, int):
            values.append(field.value)
            continue
        at = 0
        while at < len(field.value):
            value, at = _read_varint(field.value, at)
            values.append(value)
    return values


def field_bytes(field: ProtobufField) -> memoryview:
    """Return a field's text, bytes or message. Raises ValueError if it is a number."""
    if isinstance(field.value, int):
        raise ValueError("This is no ONNX file.")  # noqa: TRY004  (the file's fault)
    return field.value


def field_text(field: ProtobufField) -> str:
    """Return a field's text. Raises ValueError if it is none."""
    return str(field_bytes(field), "utf-8")


def _encode_varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # a negative number is written as two's complement
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_integer(field: int, value: int) -> bytes:
    """Return a field with a whole number."""
    return _encode_varint(field << 3) + _encode_varint(value)


def encode_float(field: int, value: float) -> bytes:
    """Return a field with a number of 32 bits."""
    return _encode_varint(field << 3 | 5) + struct.pack("<f", value)


def encode_bytes(field: int, value: RawField) -> bytes:
    """Return a field with a message, bytes or an encoded text."""
    return b"".join((encode_header(field, len(value)), value))


def encode_header(field: int, size: int) -> bytes:
    """Return what stands before so many bytes of a field."""
    return _encode_varint(field << 3 | 2) + _encode_varint(size)
