"""Frames survive any split of the stream, and no input exceeds the limits."""

import json
import sys
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyoming_servers.protocol.codec import (
    Frame,
    FrameDecoder,
    FrameLimits,
    FramingError,
    client_limits,
    encode_frame,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
frames = st.builds(
    Frame,
    type=st.text(min_size=1),
    data=st.dictionaries(st.text(), json_values, max_size=4),
    payload=st.binary(max_size=200),
)


def read(data: bytes, limits: FrameLimits | None = None) -> list[Frame]:
    decoder = FrameDecoder(limits)
    decoder.feed(data)
    return list(decoder)


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


@given(st.lists(frames, max_size=5), st.lists(st.integers(0, 400), max_size=20))
def test_frames_are_decoded_however_the_stream_is_split(sent: list[Frame], cuts: list[int]) -> None:
    stream = b"".join(encode_frame(frame) for frame in sent)
    places = sorted({min(cut, len(stream)) for cut in cuts} | {0, len(stream)})
    decoder, received = FrameDecoder(), []
    for start, end in pairwise(places):
        decoder.feed(stream[start:end])
        received.extend(decoder)
    assert received == sent
    assert decoder.pending == 0
    decoder.eof()


def test_decoder_accepts_one_byte_at_a_time() -> None:
    frame = Frame("audio-chunk", {"rate": 16_000}, b"\x00\n\xff" * 10)
    decoder, received = FrameDecoder(), []
    for byte in encode_frame(frame):
        decoder.feed(bytes([byte]))
        received.extend(decoder)
    assert received == [frame]


def test_data_is_encoded_in_the_data_block() -> None:
    header, _, rest = encode_frame(Frame("ping", {"text": "é"}, b"xy")).partition(b"\n")
    fields = json.loads(header)
    assert fields["type"] == "ping"
    assert "data" not in fields
    assert fields["payload_length"] == 2
    assert json.loads(rest[: fields["data_length"]]) == {"text": "é"}
    assert isinstance(fields["version"], str)


def test_lengths_of_empty_parts_are_omitted() -> None:
    assert set(json.loads(encode_frame(Frame("describe")))) == {"type", "version"}


def test_data_block_wins_over_the_header() -> None:
    block = b'{"a": 2, "b": 3}'
    stream = line(type="t", data={"a": 1, "c": 4}, data_length=len(block)) + block
    assert read(stream) == [Frame("t", {"a": 2, "b": 3, "c": 4})]


def test_null_counts_as_absent() -> None:
    assert read(line(type="t", data=None, data_length=None, payload_length=None)) == [Frame("t")]


def test_lone_surrogate_survives_the_round_trip() -> None:
    (frame,) = read(b'{"type": "t", "data": {"text": "\\ud800"}}\n')
    assert read(encode_frame(frame)) == [frame]


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"garbage\n", "JSON"),
        (b"\n", "JSON"),
        (b'{"type": "t"} {}\n', "JSON"),
        (b"\xff\xfe\n", "JSON"),
        (b"[]\n", "object"),
        (b"[" * 50_000 + b"\n", "JSON"),
        (b'{"type": "t", "payload_length": ' + b"9" * 5_000 + b"}\n", "JSON"),
        (line(data={}), "type"),
        (line(type=7), "type"),
        (line(type=""), "type"),
        (line(type="t", data=[]), "data"),
        (line(type="t", data_length="7"), "data_length"),
        (line(type="t", data_length=1.0), "data_length"),
        (line(type="t", data_length=True), "data_length"),
        (line(type="t", data_length=-1), "data_length"),
        (line(type="t", payload_length=-1), "payload_length"),
        (line(type="t", payload_length=4 * 2**30), "payload_length"),
        (line(type="t", data_length=2**40), "data_length"),
        (line(type="t", data_length=2) + b"[]", "object"),
        (line(type="t", data_length=4) + b"nope", "JSON"),
    ],
)
def test_invalid_frame_is_rejected_with_the_reason(stream: bytes, reason: str) -> None:
    with pytest.raises(FramingError, match=reason) as caught:
        read(stream)
    assert caught.value.code == "BAD_REQUEST"


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_header_line_over_the_limit_is_rejected_before_its_end(end: bytes) -> None:
    with pytest.raises(FramingError, match="100"):
        read(b'{"type": "' + b"x" * 100 + end, FrameLimits(header=100))


def test_length_over_the_limit_is_rejected_before_its_bytes_arrive() -> None:
    with pytest.raises(FramingError, match="payload_length"):
        read(line(type="t", payload_length=11), FrameLimits(payload=10))
    with pytest.raises(FramingError, match="data_length"):
        read(line(type="t", data_length=11), FrameLimits(data=10))


def test_length_of_exactly_the_limit_is_accepted() -> None:
    header = line(type="t", payload_length=10)
    assert read(header + b"x" * 10, FrameLimits(header=len(header) - 1, payload=10)) == [
        Frame("t", {}, b"x" * 10)
    ]


def test_frames_before_an_error_are_returned() -> None:
    decoder = FrameDecoder()
    decoder.feed(encode_frame(Frame("one")) + b"garbage\n")
    assert decoder.next() == Frame("one")
    with pytest.raises(FramingError):
        decoder.next()


@pytest.mark.parametrize("cut", [1, 30, -1])
def test_end_inside_a_frame_is_an_error(cut: int) -> None:
    decoder = FrameDecoder()
    decoder.feed(encode_frame(Frame("audio-chunk", {"rate": 1}, b"xyz"))[:cut])
    assert decoder.next() is None
    with pytest.raises(FramingError, match="ended"):
        decoder.eof()


def test_end_between_a_header_and_its_payload_is_an_error() -> None:
    decoder = FrameDecoder()
    decoder.feed(line(type="t", payload_length=5))
    assert decoder.next() is None
    assert decoder.pending == 0
    with pytest.raises(FramingError):
        decoder.eof()


def test_encoding_data_that_is_not_json_raises() -> None:
    with pytest.raises(TypeError):
        encode_frame(Frame("t", {"a": object()}))


CLIENT = client_limits(1_000_000)


@pytest.mark.parametrize(
    ("type_", "lengths"),
    [
        ("audio-chunk", {"payload_length": 1_000_000}),
        ("audio-chunk", {"data_length": 65_536}),
        ("transcribe", {"data_length": 1_000_000}),
        ("synthesize", {"data_length": 1_000_000}),
        ("synthesize-chunk", {"data_length": 1_000_000}),
        ("something-new", {"data_length": 65_536}),
    ],
)
def test_client_limits_accept_each_type_up_to_its_limit(
    type_: str, lengths: dict[str, int]
) -> None:
    assert FrameDecoder(CLIENT).pending == 0
    assert read(line(type=type_, **lengths), CLIENT) == []
    over = {name: value + 1 for name, value in lengths.items()}
    with pytest.raises(FramingError, match="over the limit"):
        read(line(type=type_, **over), CLIENT)


@pytest.mark.parametrize("type_", ["transcribe", "synthesize", "describe", "something-new"])
def test_client_limits_allow_a_payload_for_audio_alone(type_: str) -> None:
    with pytest.raises(FramingError, match="payload_length"):
        read(line(type=type_, payload_length=1), CLIENT)


@pytest.mark.parametrize(
    "names",
    [
        b"[]," * 10_000 + b"[]",
        b"{}," * 10_000 + b"{}",
        b'"a",' * 20_000 + b'"a"',
        b"[" * 900 + b"]" * 900 + b"," + b"1.5," * 30_000 + b"1",
    ],
)
def test_data_that_takes_far_more_memory_than_its_size_is_not_parsed(names: bytes) -> None:
    data = b'{"transcript_names": [' + names + b"]}"
    frame = line(type="transcribe", data_length=len(data)) + data
    with pytest.raises(FramingError, match="too many values"):
        read(frame, CLIENT)
    assert read(frame)  # a worker may send it


@pytest.mark.parametrize("name", ["Kitchen light", "K\u00fcchenlicht", "\u53a8\u623f\u706f\u5149"])
def test_large_vocabularies_are_accepted(name: str) -> None:
    data = json.dumps({"transcript_names": [name] * 5_000}, ensure_ascii=False).encode()
    (frame,) = read(line(type="transcribe", data_length=len(data)) + data, CLIENT)
    assert len(frame.data["transcript_names"]) == 5_000


def test_memory_of_frames_is_estimated_from_above() -> None:
    decoder = FrameDecoder(CLIENT)
    names = [f"name {number}" for number in range(1_000)]
    data = json.dumps({"transcript_names": names}).encode()
    decoder.feed(line(type="transcribe", data_length=len(data)) + data)
    assert decoder.next() is not None
    assert decoder.frame_memory >= sum(sys.getsizeof(name) + 8 for name in names)
    assert decoder.frame_memory <= 2 * sum(sys.getsizeof(name) + 8 for name in names)


def test_header_with_data_counts_as_memory_while_its_payload_is_awaited() -> None:
    decoder = FrameDecoder(CLIENT)
    decoder.feed(line(type="audio-chunk", data={"rate": 16_000}, payload_length=10))
    assert decoder.next() is None
    assert (decoder.pending, decoder.is_inside_frame) == (0, True)
    assert decoder.memory > 100
    decoder.clear()
    assert (decoder.memory, decoder.is_inside_frame) == (0, False)
