"""Sound as Assist hears it: 16 kHz, one channel, signed 16-bit samples."""

import asyncio
import wave
from pathlib import Path

import numpy as np
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error

RATE = 16_000
"""Samples a second."""


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


def read_wav(path: Path) -> bytes:
    """Return the samples of a WAV file that has our format."""
    with wave.open(str(path), "rb") as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise ValueError(f"{path.name} is not 16 kHz, mono, 16 bit")
        return file.readframes(file.getnframes())


async def understand(host: str, port: int, pcm: bytes) -> str:
    """Return what a Wyoming speech-to-text server hears."""
    shape = {"rate": RATE, "width": 2, "channels": 1}
    async with asyncio.timeout(60), AsyncTcpClient(host, port) as client:
        await client.write_event(Transcribe(language="en").event())
        await client.write_event(AudioStart(**shape).event())
        await client.write_event(AudioChunk(audio=pcm, **shape).event())
        await client.write_event(AudioStop().event())
        while (event := await client.read_event()) is not None:
            if Transcript.is_type(event.type):
                return Transcript.from_event(event).text
            if Error.is_type(event.type):
                raise AssertionError(f"Not understood: {Error.from_event(event)}")
    raise AssertionError("The server left without an answer")


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
