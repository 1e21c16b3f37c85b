"""Encodes and decodes protocol buffer messages without a schema and without copying large fields.

A message is a sequence of fields, each with a number and a value. The format is described at
https://protobuf.dev/programming-guides/encoding; groups (wire types 3 and 4) are not supported.
"""

import struct
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

RawField = bytes | memoryview
"""A message, or a field with its number, as encoded."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""Wire types."""

_MAX_VARINT_BITS: Final = 70
"""Ten bytes of seven bits hold any 64-bit number."""


class ProtobufField(NamedTuple):
    """One field of a message."""

    number: int
    value: int | memoryview
    raw: memoryview


def parse(message: memoryview) -> Iterator[ProtobufField]:
    """Yield a message's fields. Raises ValueError for malformed data."""
    at = 0
    while at < len(message):
        begin = at
        tag, at = _read_varint(message, at)
        value: int | memoryview
        match tag & 7:
            case 0:  # _VARINT
                value, at = _read_varint(message, at)
            case 2:  # _BYTES
                size, at = _read_varint(message, at)
                value, at = message[at : at + size], at + size
            case 1 | 5 as wire_type:  # _FIXED64, _FIXED32
                size = 8 if wire_type == _FIXED64 else 4
                value, at = message[at : at + size], at + size
            case _:
                raise ValueError("The data is not a protobuf message.")
        if at > len(message):
            raise ValueError("The protobuf message is truncated.")
        yield ProtobufField(tag >> 3, value, message[begin:at])


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    """Return the number at a position and the position after it."""
    value = shift = 0
    while at < len(message) and shift < _MAX_VARINT_BITS:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
    raise ValueError("The protobuf message is truncated.")


def field_integers(fields: Iterable[ProtobufField]) -> list[int]:
    """Return the values of a repeated signed 64-bit field, packed or not."""
    values: list[int] = []
    for field in fields:
        if isinstance(field.value, int):
            values.append(_signed(field.value))
            continue
        at = 0
        while at < len(field.value):
            value, at = _read_varint(field.value, at)
            values.append(_signed(value))
    return values


def _signed(value: int) -> int:
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value


def field_bytes(field: ProtobufField) -> memoryview:
    """Return a field's text, bytes or message. Raises ValueError if the field is a number."""
    if isinstance(field.value, int):
        # The data is at fault, not the caller.
        raise ValueError("The protobuf message has a number in place of bytes.")  # noqa: TRY004
    return field.value


def field_text(field: ProtobufField) -> str:
    """Return a field's text. Raises ValueError if the field is not UTF-8 text."""
    return str(field_bytes(field), "utf-8")


def _encode_varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers are encoded as two's complement
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def encode_integer(field: int, value: int) -> bytes:
    """Return a field with an integer."""
    return _encode_varint(field << 3 | _VARINT) + _encode_varint(value)


def encode_float(field: int, value: float) -> bytes:
    """Return a field with a 32-bit float."""
    return _encode_varint(field << 3 | _FIXED32) + struct.pack("<f", value)


def encode_text(field: int, value: str) -> bytes:
    """Return a field with a text."""
    return encode_bytes(field, value.encode())


def encode_bytes(field: int, value: RawField) -> bytes:
    """Return a field with bytes or an encoded message."""
    return b"".join((encode_header(field, len(value)), value))


def encode_header(field: int, size: int) -> bytes:
    """Return the header of a field with bytes of that size."""
    return _encode_varint(field << 3 | _BYTES) + _encode_varint(size)
