"""Sound as Assist hears it: 16 kHz, one channel, signed 16-bit samples."""

import asyncio
from pathlib import Path

import numpy as np
import soxr
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error
from wyoming.tts import Synthesize

RATE = 16_000
"""Samples a second."""

_LOUD = 150
"""Quieter samples are the silence that a voice puts around its words."""


def silence(seconds: float) -> bytes:
    """Return digital silence."""
    return bytes(2 * int(RATE * seconds))


def seconds(pcm: bytes) -> float:
    """Return how long the sound is."""
    return len(pcm) / 2 / RATE


def loudness(pcm: bytes) -> float:
    """Return the root mean square of the samples; speech is above 500, silence is 0."""
    samples = np.frombuffer(pcm, dtype=np.int16).astype(np.float64)
    return float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0


async def speak(host: str, port: int, text: str) -> bytes:
    """Let a Wyoming server say a text; return it without the silence around it."""
    rate, pcm = RATE, bytearray()
    async with asyncio.timeout(60), AsyncTcpClient(host, port) as client:
        await client.write_event(Synthesize(text=text).event())
        while (event := await client.read_event()) is not None:
            if AudioStop.is_type(event.type):
                break
            if Error.is_type(event.type):
                raise AssertionError(f"The voice failed: {Error.from_event(event)}")
            if AudioStart.is_type(event.type):
                rate = AudioStart.from_event(event).rate
            elif AudioChunk.is_type(event.type):
                pcm += AudioChunk.from_event(event).audio
    samples = soxr.resample(np.frombuffer(bytes(pcm), dtype=np.int16), rate, RATE)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _LOUD)
    if not loud.size:
        raise AssertionError(f"The voice said nothing for {text!r}")
    margin = RATE // 40
    return bytes(samples[max(0, loud[0] - margin) : loud[-1] + margin].tobytes())


async def decode(ffmpeg: Path, encoded: bytes) -> bytes:
    """Return the sound in a file of any format that ffmpeg knows."""
    process = await asyncio.create_subprocess_exec(
        *(str(ffmpeg), "-v", "error", "-i", "pipe:0"),
        *("-f", "s16le", "-ac", "1", "-ar", str(RATE), "pipe:1"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    pcm, faults = await process.communicate(encoded)
    if process.returncode != 0:
        raise AssertionError(f"ffmpeg: {faults.decode(errors='replace')[:300]}")
    return pcm
