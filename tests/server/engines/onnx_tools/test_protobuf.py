"""Messages of protocol buffers are read as they were written."""

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


def test_a_message_is_read_as_it_was_written() -> None:
    message = encode_integer(1, 300) + encode_bytes(2, "né".encode()) + encode_float(3, 0.5)
    number, text, half = parse(memoryview(message))
    assert (number.number, number.value) == (1, 300)
    assert field_text(text) == "né"
    assert bytes(field_bytes(half)) == b"\x00\x00\x00\x3f"
    assert b"".join(field.raw for field in (number, text, half)) == message


def test_repeated_numbers_are_read_one_a_field_and_all_in_one() -> None:
    message = encode_integer(8, 5) + encode_bytes(8, b"\x01\xac\x02")
    assert field_integers(parse(memoryview(message))) == [5, 1, 300]


def test_a_negative_number_is_written_as_twos_complement() -> None:
    (field,) = parse(memoryview(encode_integer(1, -1)))
    assert field.value == 2**64 - 1


@pytest.mark.parametrize("message", [b"\x0a\x05abc", b"\x08", b"\x08" + b"\xff" * 11, b"\x0d\x00"])
def test_a_message_that_is_cut_off_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="cut off"):
        list(parse(memoryview(message)))


def test_a_number_has_no_content() -> None:
    (field,) = parse(memoryview(encode_integer(1, 1)))
    with pytest.raises(ValueError, match="ONNX"):
        field_bytes(field)
