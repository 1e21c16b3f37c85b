"""Satellites: streams of audio in real time, and the times of the server's detections.

The lag of a detection is the time since the chunk that caused it was sent. Which chunk that is
depends on the server's models, so `calibrate` determines it with one slow stream. All satellites
send the same audio in a loop, but start at different positions, so that they do not all send the
wake word at the same time.
"""

import asyncio
import json
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

RATE = 16_000
MS_BYTES = RATE * 2 // 1_000
AUDIO = {"rate": RATE, "width": 2, "channels": 1}


def encode_event(kind: str, data: dict[str, Any] | None = None, payload: bytes = b"") -> bytes:
    """Encode a Wyoming event."""
    block = json.dumps(data).encode() if data else b""
    header: dict[str, Any] = {"type": kind, "version": "1.8.0"}
    if block:
        header["data_length"] = len(block)
    if payload:
        header["payload_length"] = len(payload)
    return json.dumps(header).encode() + b"\n" + block + payload


STEP_MS = 80
"""Satellites start at multiples of this, because servers process streams in such steps."""
CONTEXT_SECONDS = 3.0
"""Wake words so soon after the start are ignored: some servers need more audio first."""


@dataclass(frozen=True, slots=True)
class Script:
    """Audio that every satellite sends in a loop."""

    pcm: bytes
    chunk_ms: int
    words: tuple[float, ...] = ()
    """Start of each wake word in seconds."""

    @property
    def starts(self) -> list[int]:
        """Chunk in which each wake word starts."""
        return [int(at * 1_000 / self.chunk_ms) for at in self.words]

    def start_position(self, satellite: int) -> int:
        """Return the first chunk of a satellite; satellite 0 starts at the beginning."""
        chunks = len(self.pcm) // (self.chunk_ms * MS_BYTES)
        steps = STEP_MS // self.chunk_ms
        # The golden ratio distributes any number of satellites evenly.
        return int(satellite * 0.618 * chunks) % chunks // steps * steps

    def packets(self) -> list[bytes]:
        """Return one encoded event per chunk."""
        size = self.chunk_ms * MS_BYTES
        return [
            encode_event(
                "audio-chunk",
                AUDIO | {"timestamp": number * self.chunk_ms},
                self.pcm[at : at + size],
            )
            for number, at in enumerate(range(0, len(self.pcm) - size + 1, size))
        ]


@dataclass(slots=True)
class Satellite(asyncio.Protocol):
    """One stream to the server."""

    names: Sequence[str]
    first: int = 0
    """First chunk of the script."""
    sent: list[float] = field(default_factory=list)
    """Time at which each chunk was sent."""
    detections: list[tuple[float, str]] = field(default_factory=list)
    """Time and wake word of each detection."""
    failed: str = ""
    transport: Any = None
    _buffer: bytearray = field(default_factory=bytearray)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the detection."""
        self.transport = transport
        self.transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        self.transport.write(
            encode_event("detect", {"names": list(self.names)})
            + encode_event("audio-start", AUDIO | {"timestamp": 0})
        )

    def data_received(self, data: bytes) -> None:
        """Record detections and errors."""
        self._buffer += data
        while (end := self._buffer.find(b"\n")) >= 0:
            header = json.loads(self._buffer[:end])
            length = header.get("data_length") or 0
            if len(self._buffer) < end + 1 + length:
                return
            fields = (header.get("data") or {}) | json.loads(
                self._buffer[end + 1 : end + 1 + length] or b"{}"
            )
            del self._buffer[: end + 1 + length]
            if header["type"] == "detection":
                self.detections.append((time.perf_counter(), str(fields.get("name"))))
            elif header["type"] == "error":
                self.failed = str(fields.get("text"))

    def send(self, packet: bytes) -> None:
        """Send a chunk."""
        self.sent.append(time.perf_counter())
        self.transport.write(packet)


async def connect(port: int, names: Sequence[str], first: int = 0) -> Satellite:
    """Connect a satellite that starts with chunk `first` of the script."""
    loop = asyncio.get_running_loop()
    _, satellite = await loop.create_connection(lambda: Satellite(names, first), "127.0.0.1", port)
    return satellite


async def play(
    satellites: Sequence[Satellite],
    script: Script,
    *,
    seconds: float = 0.0,
    spread: bool = True,
    slow: float = 1.0,
) -> None:
    """Send the script from all satellites in real time, then wait for the last detections.

    With `spread` the satellites send one after the other. Without `seconds` the script is sent
    once. `slow` multiplies the duration of a chunk.
    """
    packets = script.packets()
    count = len(satellites)
    chunks = int(seconds * 1_000 / script.chunk_ms) or len(packets)
    period = script.chunk_ms / 1_000 * slow
    begin = time.perf_counter() + 0.05
    for number in range(chunks):
        for place, satellite in enumerate(satellites):
            due = begin + period * (number + (place / count if spread else 0.0))
            if (left := due - time.perf_counter()) > 0.0005:
                await asyncio.sleep(left)
            elif place % 8 == 0:
                await asyncio.sleep(0)  # read detections even when sending is late
            if not satellite.transport.is_closing():
                satellite.send(packets[(number + satellite.first) % len(packets)])
    await asyncio.sleep(1.0)


def close(satellites: Sequence[Satellite]) -> None:
    """Close the connections without audio-stop, as satellites do."""
    for satellite in satellites:
        satellite.transport.abort()


async def calibrate(port: int, name: str, script: Script) -> list[int]:
    """Return the number of chunks from the start of each wake word to its detection."""
    satellite = await connect(port, [name])
    # So slow that every chunk is processed before the next one is sent.
    await play([satellite], script, slow=max(1.0, 60 / script.chunk_ms))
    close([satellite])
    delays = []
    for number, (start, detected_at) in enumerate(_first_detections(satellite, script)):
        if detected_at is None:
            raise SystemExit(
                f"{name} was not detected at position {number + 1}: use another recording"
            )
        delays.append(int(np.searchsorted(satellite.sent, detected_at)) - 1 - start)
    return delays


def lags(satellite: Satellite, script: Script, delays: Sequence[int]) -> list[float | None]:
    """Return the lag of each detection in seconds; None for a missed wake word."""
    chunks = len(script.packets())
    by_start = dict(zip(script.starts, delays, strict=True))
    found: list[float | None] = []
    for start, detected_at in _first_detections(satellite, script):
        trigger_chunk = start + by_start[(start + satellite.first) % chunks]
        if start * script.chunk_ms < 1_000 * CONTEXT_SECONDS or trigger_chunk >= len(
            satellite.sent
        ):
            continue
        lag = None if detected_at is None else detected_at - satellite.sent[trigger_chunk]
        # A detection before its audio belongs to an earlier wake word: the server is far behind.
        found.append(None if lag is None or lag < -script.chunk_ms / 1_000 else lag)
    return found


def _first_detections(satellite: Satellite, script: Script) -> list[tuple[int, float | None]]:
    """Return the first chunk and the first detection of each wake word that was sent."""
    chunks = len(script.packets())
    starts = set(script.starts)
    sent_words = [
        number
        for number in range(len(satellite.sent))
        if (number + satellite.first) % chunks in starts
    ]
    found: list[tuple[int, float | None]] = []
    for start, end in zip(sent_words, [*sent_words[1:], len(satellite.sent)], strict=True):
        until = satellite.sent[end] if end < len(satellite.sent) else float("inf")
        times = (at for at, _ in satellite.detections if satellite.sent[start] <= at < until)
        found.append((start, next(times, None)))
    return found
