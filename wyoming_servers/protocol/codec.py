"""Wyoming framing: bytes to frames and back. No sockets; every length is bounded.

A frame on the wire is a header line, a data block and a payload:

    {"type": "audio-chunk", "data_length": 42, "payload_length": 960, "version": "…"}\\n
    <42 bytes: a JSON object> <960 bytes>

The header may contain data too, under "data"; the keys of the data block win. The public ports and
the pipe to a worker use the same framing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from wyoming_servers.core.errors import BadRequestError

WYOMING_VERSION: Final = "1.10.2"
"""Version of the Wyoming protocol that headers announce."""


class FramingError(BadRequestError):
    """Raised when bytes are not a frame, or a frame exceeds a limit; the stream cannot continue."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One Wyoming event, or one message of the worker protocol."""

    type: str
    data: dict[str, Any] = field(default_factory=dict)
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class FrameLimits:
    """Maximum bytes of each part of a frame from a peer."""

    header: int = 64 * 1024
    """The header line, without its line end. Old clients put the data in it."""
    data: int = 4 * 1024 * 1024
    payload: int = 4 * 1024 * 1024
    by_type: Mapping[str, "FrameLimits"] = field(default_factory=dict)
    """Limits of data and payload of some types, in place of the two above."""
    is_stranger: bool = False
    """Whether the peer may be anybody: data that takes more than `MAX_EXPANSION` times its bytes of
    memory is refused."""


MAX_EXPANSION: Final = 8
"""Bytes of memory that one byte from a stranger may cost."""

FREE_BYTES: Final = 64 * 1024
"""Memory per connection that is not measured against the bytes it has sent: objects of a few small
events always take more than eight times their size."""

_CLIENT_DATA: Final = 64 * 1024


def client_limits(event_bytes: int) -> FrameLimits:
    """Return the limits of events from clients: `event_bytes` for audio, names and texts.

    Only audio has a payload; a client that sends one with anything else is not read any further.
    """
    text = FrameLimits(data=event_bytes, payload=0)
    return FrameLimits(
        data=_CLIENT_DATA,
        payload=0,
        by_type={
            "audio-chunk": FrameLimits(data=_CLIENT_DATA, payload=event_bytes),
            "transcribe": text,
            "synthesize": text,
            "synthesize-chunk": text,
        },
        is_stranger=True,
    )


def encode_frame(frame: Frame) -> bytes:
    """Return the bytes of a frame.

    Raises TypeError or ValueError if the data cannot be JSON: a bug of the caller.
    """
    # ASCII, because a lone surrogate, which a client may send and get back, has no UTF-8 form.
    data = _DUMPS(frame.data) if frame.data else ""
    lengths = ""
    if data:
        lengths = f',"data_length":{len(data)}'
    if frame.payload:
        lengths += f',"payload_length":{len(frame.payload)}'
    # Formatted by hand, because every 10 ms of audio of every client needs a header.
    header = f'{{"type":{_QUOTE(frame.type)},"version":"{WYOMING_VERSION}"{lengths}}}\n'
    return b"".join(((header + data).encode("ascii"), frame.payload))


@dataclass(slots=True)
class _Header:
    """A parsed header line; its data and payload may not have arrived yet."""

    type: str
    data: dict[str, Any]
    data_length: int
    payload_length: int
    memory: int = 0
    """Estimate of the bytes that `data` takes."""


class FrameDecoder:
    """Turns bytes as they arrive into frames.

    Feed the bytes of each read, then iterate over the complete frames. After a FramingError the
    position in the stream is lost: feed nothing more.
    """

    def __init__(self, limits: FrameLimits | None = None) -> None:
        self._limits = limits or FrameLimits()
        self._buffer = bytearray()
        self._searched = 0
        """Bytes at the start of the buffer that are known to contain no line end."""
        self._header: _Header | None = None
        self.frame_memory = 0
        """Estimate of the bytes of memory that the last frame takes, for frames of strangers."""

    @property
    def pending(self) -> int:
        """Bytes that wait for the rest of their frame; at most the limits plus one feed."""
        return len(self._buffer)

    @property
    def memory(self) -> int:
        """Bytes of memory that the unfinished frame takes."""
        return len(self._buffer) + (self._header.memory if self._header is not None else 0)

    @property
    def is_inside_frame(self) -> bool:
        """Whether the stream must not end here."""
        return self._header is not None or bool(self._buffer)

    def feed(self, data: bytes | bytearray | memoryview) -> None:
        """Add the next bytes of the stream."""
        self._buffer += data

    def __iter__(self) -> Iterator[Frame]:
        """Yield the complete frames. Raises FramingError."""
        while (frame := self.next()) is not None:
            yield frame

    def next(self) -> Frame | None:
        """Return the next frame, None if it is incomplete. Raises FramingError."""
        if self._header is None:
            line = self._take_line()
            if line is None:
                return None
            self._header = self._read_header(line)
        header, buffer = self._header, self._buffer
        end = header.data_length + header.payload_length
        if len(buffer) < end:
            return None
        data, memory = header.data, header.memory
        if header.data_length:
            block = buffer[: header.data_length]
            if self._limits.is_stranger:
                memory += _memory_of_json(block)
            # The keys of the block win over the header's, as in the wyoming library.
            data = data | _parse_object(block, "The data block")
        payload = b""
        if header.payload_length:
            with memoryview(buffer) as view:
                payload = bytes(view[header.data_length : end])
        # Deleting at the front only moves the start of a bytearray, so reading stays linear.
        del buffer[:end]
        self._header = None
        self.frame_memory = memory + len(payload) + _FRAME_OBJECTS
        return Frame(header.type, data, payload)

    def clear(self) -> None:
        """Free the memory of an unfinished frame; feed nothing more."""
        self._buffer.clear()
        self._header = None

    def eof(self) -> None:
        """Mark the end of the stream. Raises FramingError if it is inside a frame."""
        if self.is_inside_frame:
            raise FramingError("The connection ended in the middle of an event.")

    def _take_line(self) -> bytearray | None:
        """Remove the next header line from the buffer, if its end has arrived."""
        end = self._buffer.find(b"\n", self._searched)
        length = len(self._buffer) if end < 0 else end
        if length > self._limits.header:
            raise FramingError(f"The header line is longer than {self._limits.header} bytes.")
        if end < 0:
            self._searched = length
            return None
        line = self._buffer[:end]
        del self._buffer[: end + 1]
        self._searched = 0
        return line

    def _read_header(self, line: bytearray) -> _Header:
        memory = _memory_of_json(line) if self._limits.is_stranger else 0
        fields = _parse_object(line, "The header")
        kind = fields.get("type")
        if not isinstance(kind, str) or not kind:
            raise FramingError("The header has no `type`.")
        data = fields.get("data")
        if data is None:
            data = {}
        elif not isinstance(data, dict):
            raise FramingError("The header's `data` is not an object.")
        limits = self._limits.by_type.get(kind, self._limits)
        return _Header(
            kind,
            data,
            _length(fields, "data_length", limits.data),
            _length(fields, "payload_length", limits.payload),
            memory if data else 0,
        )


_FRAME_OBJECTS: Final = 256
"""Bytes of memory that a frame takes even if it is empty."""


def _memory_of_json(text: bytearray) -> int:
    """Return an upper bound, roughly, of the bytes that a JSON text takes when it is parsed.

    `[],` are three bytes and take 64. So the text is not parsed, and FramingError raised, if it
    takes far more than its length.
    """
    wide = not text.isascii() or b"\\u" in text
    values = (
        (88 if wide else 64) * (text.count(b",") + text.count(b":"))
        + 128 * text.count(b"[")
        + 256 * text.count(b"{")
    )
    if values > FREE_BYTES and values > (MAX_EXPANSION - 1) * len(text):
        raise FramingError("The event has too many values for its size.")
    # One character outside the basic plane makes all others of its string four bytes wide.
    return values + len(text) * (4 if wide and (b"\xf0" in text or b"\\ud" in text) else 1)


_DUMPS: Final = json.JSONEncoder(separators=(",", ":")).encode
_QUOTE: Final = json.encoder.encode_basestring_ascii
_LOADS: Final = json.JSONDecoder().raw_decode


def _parse_object(data: bytearray, what: str) -> dict[str, Any]:
    """Parse a JSON object. Raises FramingError."""
    try:
        text = data.decode("utf-8").strip()
        value, end = _LOADS(text)
    except (ValueError, RecursionError) as err:
        # UnicodeDecodeError is a ValueError; RecursionError comes from deeply nested lists.
        raise FramingError(f"{what} is not valid JSON.") from err
    if end != len(text):
        raise FramingError(f"{what} is not valid JSON: extra data follows it.")
    if not isinstance(value, dict):
        raise FramingError(f"{what} is not a JSON object.")
    return value


def _length(fields: dict[str, Any], name: str, limit: int) -> int:
    """Return a length; absent and null are 0. Raises FramingError."""
    value = fields.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise FramingError(f"The header's `{name}` is not a number of bytes.")
    if value > limit:
        raise FramingError(f"The header's `{name}` is {value}, over the limit of {limit} bytes.")
    return value
