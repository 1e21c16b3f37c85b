"""Speaks a text and has it transcribed again, as often as is asked, and tells how long it took."""

import io
import re
import statistics
import time
import wave
from dataclasses import dataclass
from typing import Any

from .api import ConductorClient, Speech

TEXT = "Please turn on the light in the kitchen and tell me how warm it is outside"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One text, there and back; times in seconds."""

    first_audio: float
    """Until the first sound."""
    speak: float
    """Until all of it."""
    transcribe: float
    audio: float
    """How long it takes to hear it."""
    transcript: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as a service answers."""
        return {
            "first_audio_seconds": round(self.first_audio, 3),
            "speak_seconds": round(self.speak, 3),
            "transcribe_seconds": round(self.transcribe, 3),
            "audio_seconds": round(self.audio, 3),
            "transcript": self.transcript,
        }


async def measure(
    client: ConductorClient, runs: int, *, words: str, voice: str | None, model: str | None
) -> dict[str, Any]:
    """Return each run and the medians. Raises ConductorError.

    What the server has spoken before it need not speak again, so each sentence of each run is new.
    """
    found = []
    for _ in range(runs):
        number = time.time_ns() // 1_000_000 % 10_000
        found.append(await _run(client, numbered(words, number), voice, model))
    audio = sum(run.audio for run in found)
    return {
        "runs": [run.as_dict() for run in found],
        "first_audio_seconds": _median([run.first_audio for run in found]),
        "speak_seconds": _median([run.speak for run in found]),
        "transcribe_seconds": _median([run.transcribe for run in found]),
        "speak_real_time_factor": _share(sum(run.speak for run in found), audio),
        "transcribe_real_time_factor": _share(sum(run.transcribe for run in found), audio),
    }


def numbered(words: str, number: int) -> str:
    """Return a text with a number at the beginning of each of its sentences."""
    return re.sub(r"(^|[.!?:;]\s+)", rf"\g<1>{number} ", words)


async def _run(client: ConductorClient, words: str, voice: str | None, model: str | None) -> Run:
    speech = await client.speak(words, voice)
    began = time.monotonic()
    transcript = await client.transcribe(_wav(speech), model)
    return Run(
        first_audio=speech.first_seconds,
        speak=speech.seconds,
        transcribe=time.monotonic() - began,
        audio=speech.audio_seconds,
        transcript=transcript,
    )


def _wav(speech: Speech) -> bytes:
    """Return the audio as a file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(speech.RATE)
        file.writeframes(speech.pcm)
    return buffer.getvalue()


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 3)


def _share(seconds: float, audio: float) -> float | None:
    return round(seconds / audio, 3) if audio else None
