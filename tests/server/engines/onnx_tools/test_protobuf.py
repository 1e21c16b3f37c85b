"""Protocol buffer messages are encoded and decoded without a schema."""

import pytest

from wyoming_servers.engines.onnx_tools.protobuf import (
    encode_bytes,
    encode_float,
    encode_integer,
    field_bytes,
    field_integers,
    field_text,
    parse,
)


def test_message_is_parsed_as_encoded() -> None:
    message = encode_integer(1, 300) + encode_bytes(2, "né".encode()) + encode_float(3, 0.5)
    number, text, half = parse(memoryview(message))
    assert (number.number, number.value) == (1, 300)
    assert field_text(text) == "né"
    assert bytes(field_bytes(half)) == b"\x00\x00\x00\x3f"
    assert b"".join(field.raw for field in (number, text, half)) == message


def test_repeated_integers_are_read_packed_and_unpacked() -> None:
    message = encode_integer(8, 5) + encode_bytes(8, b"\x01\xac\x02")
    assert field_integers(parse(memoryview(message))) == [5, 1, 300]


def test_negative_integer_is_encoded_as_twos_complement() -> None:
    (field,) = parse(memoryview(encode_integer(1, -1)))
    assert field.value == 2**64 - 1


@pytest.mark.parametrize("message", [b"\x0a\x05abc", b"\x08", b"\x08" + b"\xff" * 11, b"\x0d\x00"])
def test_truncated_message_is_rejected(message: bytes) -> None:
    with pytest.raises(ValueError, match="truncated"):
        list(parse(memoryview(message)))


def test_integer_field_has_no_bytes() -> None:
    (field,) = parse(memoryview(encode_integer(1, 1)))
    with pytest.raises(ValueError, match="number in place of bytes"):
        field_bytes(field)
