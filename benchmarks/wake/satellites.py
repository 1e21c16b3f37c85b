"""Satellites: streams of audio in real time, and when the server answers them.

The lag of an answer is the time from sending the chunk that decides it. Which chunk that is
depends on the server's networks, so it is found out first, with one stream at a slow pace
(`calibrate`). All satellites hear the same audio in a circle, but begin at different places in it,
so that not all of them hear the word in the same moment.
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
    """Return a Wyoming event as bytes."""
    block = json.dumps(data).encode() if data else b""
    header: dict[str, Any] = {"type": kind, "version": "1.8.0"}
    if block:
        header["data_length"] = len(block)
    if payload:
        header["payload_length"] = len(payload)
    return json.dumps(header).encode() + b"\n" + block + payload


STEP_MS = 80
"""Satellites begin at multiples of it, because servers cut their streams into such steps."""
CONTEXT_SECONDS = 3.0
"""A word so soon after a stream begins does not count: some servers need to hear more first."""


@dataclass(frozen=True, slots=True)
class Script:
    """What every satellite hears, in a circle."""

    pcm: bytes
    chunk_ms: int
    words: tuple[float, ...] = ()
    """Where a wake word begins, in seconds."""

    @property
    def starts(self) -> list[int]:
        """The chunk in which each word begins."""
        return [int(at * 1_000 / self.chunk_ms) for at in self.words]

    def place(self, satellite: int) -> int:
        """Return the chunk with which a satellite begins; the first one at the beginning."""
        chunks = len(self.pcm) // (self.chunk_ms * MS_BYTES)
        steps = STEP_MS // self.chunk_ms
        # The golden ratio spreads any number of them evenly.
        return int(satellite * 0.618 * chunks) % chunks // steps * steps

    def packets(self) -> list[bytes]:
        """Return the events with the audio, one for each chunk."""
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
    """One stream."""

    names: Sequence[str]
    first: int = 0
    """The chunk of the script it begins with."""
    sent: list[float] = field(default_factory=list)
    """When each chunk was sent."""
    heard: list[tuple[float, str]] = field(default_factory=list)
    """When each detection came, and of which word."""
    failed: str = ""
    transport: Any = None
    _buffer: bytearray = field(default_factory=bytearray)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen."""
        self.transport = transport
        self.transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        self.transport.write(
            encode_event("detect", {"names": list(self.names)})
            + encode_event("audio-start", AUDIO | {"timestamp": 0})
        )

    def data_received(self, data: bytes) -> None:
        """Note detections and errors."""
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
                self.heard.append((time.perf_counter(), str(fields.get("name"))))
            elif header["type"] == "error":
                self.failed = str(fields.get("text"))

    def send(self, packet: bytes) -> None:
        """Send the next chunk."""
        self.sent.append(time.perf_counter())
        self.transport.write(packet)


async def connect(port: int, names: Sequence[str], first: int = 0) -> Satellite:
    """Connect one satellite, which begins with chunk `first` of the script."""
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
    """Send the script to all in real time, each a little after the other; then let them answer.

    Without `seconds` it is sent once. With `slow` a chunk takes so many times as long.
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
                await asyncio.sleep(0)  # when late, too, answers are read as they come
            if not satellite.transport.is_closing():
                satellite.send(packets[(number + satellite.first) % len(packets)])
    await asyncio.sleep(1.0)


def close(satellites: Sequence[Satellite]) -> None:
    """Leave without a word, as satellites do."""
    for satellite in satellites:
        satellite.transport.abort()


async def calibrate(port: int, name: str, script: Script) -> list[int]:
    """Return, for each word, how many chunks after its first the deciding one comes."""
    satellite = await connect(port, [name])
    # At a pace at which every chunk is answered before the next one is sent.
    await play([satellite], script, slow=max(1.0, 60 / script.chunk_ms))
    close([satellite])
    delays = []
    for number, (start, came) in enumerate(_first_detections(satellite, script)):
        if came is None:
            raise SystemExit(f"{name} was not heard the {number + 1}. time: take another recording")
        delays.append(int(np.searchsorted(satellite.sent, came)) - 1 - start)
    return delays


def lags(satellite: Satellite, script: Script, delays: Sequence[int]) -> list[float | None]:
    """Return the seconds each word took from its deciding chunk; None for one not heard in time."""
    chunks = len(script.packets())
    by_start = dict(zip(script.starts, delays, strict=True))
    found: list[float | None] = []
    for start, came in _first_detections(satellite, script):
        decided = start + by_start[(start + satellite.first) % chunks]
        if start * script.chunk_ms < 1_000 * CONTEXT_SECONDS or decided >= len(satellite.sent):
            continue
        lag = None if came is None else came - satellite.sent[decided]
        # What comes before its own audio belongs to a word long before: the server is far behind.
        found.append(None if lag is None or lag < -script.chunk_ms / 1_000 else lag)
    return found


def _first_detections(satellite: Satellite, script: Script) -> list[tuple[int, float | None]]:
    """Return, for each time a word was said, its first chunk and when it was heard first."""
    chunks = len(script.packets())
    starts = set(script.starts)
    said = [
        number
        for number in range(len(satellite.sent))
        if (number + satellite.first) % chunks in starts
    ]
    found: list[tuple[int, float | None]] = []
    for start, end in zip(said, [*said[1:], len(satellite.sent)], strict=True):
        until = satellite.sent[end] if end < len(satellite.sent) else float("inf")
        times = (at for at, _ in satellite.heard if satellite.sent[start] <= at < until)
        found.append((start, next(times, None)))
    return found
