"""Wyoming framing: bytes to frames and back. No sockets; every length is bounded.

A frame on the wire is a header line, a data block and a payload:

    {"type": "audio-chunk", "data_length": 42, "payload_length": 960, "version": "…"}\\n
    <42 bytes: a JSON object> <960 bytes>

The header may contain data too, under "data"; the keys of the data block win. The public ports and
the pipe to a worker use the same framing.
"""

import json
from collections.abc import Iterator
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

    @property
    def pending(self) -> int:
        """Bytes that wait for the rest of their frame; at most the limits plus one feed."""
        return len(self._buffer)

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
        data = header.data
        if header.data_length:
            # The keys of the block win over the header's, as in the wyoming library.
            data = data | _parse_object(buffer[: header.data_length], "The data block")
        payload = b""
        if header.payload_length:
            with memoryview(buffer) as view:
                payload = bytes(view[header.data_length : end])
        # Deleting at the front only moves the start of a bytearray, so reading stays linear.
        del buffer[:end]
        self._header = None
        return Frame(header.type, data, payload)

    def eof(self) -> None:
        """Mark the end of the stream. Raises FramingError if it is inside a frame."""
        if self._header is not None or self._buffer:
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
        fields = _parse_object(line, "The header")
        kind = fields.get("type")
        if not isinstance(kind, str) or not kind:
            raise FramingError("The header has no `type`.")
        data = fields.get("data")
        if data is None:
            data = {}
        elif not isinstance(data, dict):
            raise FramingError("The header's `data` is not an object.")
        return _Header(
            kind,
            data,
            _length(fields, "data_length", self._limits.data),
            _length(fields, "payload_length", self._limits.payload),
        )


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
