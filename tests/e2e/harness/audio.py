"""Audio in the format of Assist: 16 kHz, mono, signed 16-bit samples."""

import asyncio
import wave
from pathlib import Path

import numpy as np
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.error import Error

RATE = 16_000
"""Samples per second."""


def silence(seconds: float) -> bytes:
    """Return digital silence."""
    return bytes(2 * int(RATE * seconds))


def seconds(pcm: bytes) -> float:
    """Return the length of audio."""
    return len(pcm) / 2 / RATE


def loudness(pcm: bytes) -> float:
    """Return the RMS of the samples; speech is above 500, silence is 0."""
    samples = np.frombuffer(pcm, dtype=np.int16).astype(np.float64)
    return float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0


def read_wav(path: Path) -> bytes:
    """Return the samples of a WAV file in the format above."""
    with wave.open(str(path), "rb") as file:
        if (file.getframerate(), file.getnchannels(), file.getsampwidth()) != (RATE, 1, 2):
            raise ValueError(f"{path.name} is not 16 kHz, mono, 16 bit")
        return file.readframes(file.getnframes())


def write_wav(path: Path, pcm: bytes) -> None:
    """Write samples in the format above to a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setframerate(RATE)
        file.setnchannels(1)
        file.setsampwidth(2)
        file.writeframes(pcm)


async def transcribe(host: str, port: int, pcm: bytes) -> str:
    """Transcribe audio with a Wyoming server."""
    audio_format = {"rate": RATE, "width": 2, "channels": 1}
    async with asyncio.timeout(60), AsyncTcpClient(host, port) as client:
        await client.write_event(Transcribe(language="en").event())
        await client.write_event(AudioStart(**audio_format).event())
        await client.write_event(AudioChunk(audio=pcm, **audio_format).event())
        await client.write_event(AudioStop().event())
        while (event := await client.read_event()) is not None:
            if Transcript.is_type(event.type):
                return Transcript.from_event(event).text
            if Error.is_type(event.type):
                raise AssertionError(f"Not transcribed: {Error.from_event(event)}")
    raise AssertionError("The server closed the connection without an answer")


async def decode(ffmpeg: Path, encoded: bytes) -> bytes:
    """Decode a file with ffmpeg."""
    process = await asyncio.create_subprocess_exec(
        *(str(ffmpeg), "-v", "error", "-i", "pipe:0"),
        *("-f", "s16le", "-ac", "1", "-ar", str(RATE), "pipe:1"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    pcm, errors = await process.communicate(encoded)
    if process.returncode != 0:
        raise AssertionError(f"ffmpeg: {errors.decode(errors='replace')[:300]}")
    return pcm
