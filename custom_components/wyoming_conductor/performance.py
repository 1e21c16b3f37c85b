"""Request statistics and the benchmark, for the services `get_metrics` and `benchmark`."""

import io
import math
import re
import statistics
import time
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from homeassistant.util.json import JsonObjectType, JsonValueType

from .api import ConductorClient, SynthesizedSpeech, Trace
from .event import CANCELLED

BENCHMARK_TEXT = "Please turn on the light in the kitchen and tell me how warm it is outside"

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "max": 1.0}


def statistics_by_model(traces: Iterable[Trace], since: datetime) -> list[JsonValueType]:
    """Return request counts and times of each model since `since`, most requests first.

    The times include successful requests only: a rejected request takes no time, and a timed out
    one always takes the full timeout.
    """
    by_model: dict[str, list[Trace]] = {}
    for trace in traces:
        if trace.ended_at >= since and trace.code != CANCELLED:
            by_model.setdefault(trace.model, []).append(trace)
    models = sorted(by_model, key=lambda model: -len(by_model[model]))
    return [_model_statistics(model, by_model[model]) for model in models]


def percentiles(values: Sequence[float]) -> JsonObjectType:
    """Return percentiles by the nearest-rank method; empty without values."""
    ordered = sorted(values)
    return {
        name: round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 4)
        for name, share in PERCENTILES.items()
        if ordered
    }


def _model_statistics(model: str, traces: list[Trace]) -> JsonObjectType:
    successful = [trace for trace in traces if not trace.code]
    stages = {name for trace in successful for name in trace.stages}
    return {
        "model": model,
        "kind": traces[0].kind,
        "requests": len(traces),
        "errors": len(traces) - len(successful),
        "seconds": percentiles([trace.seconds for trace in successful]),
        "stages": {
            name: percentiles([trace.stages[name] for trace in successful if name in trace.stages])
            for name in sorted(stages)
        },
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkRun:
    """One text, synthesized and transcribed again; times in seconds."""

    first_audio: float
    """Until the first audio arrived."""
    synthesis: float
    """Until all audio had arrived."""
    transcription: float
    audio: float
    """Length of the audio."""
    transcript: str

    def as_dict(self) -> dict[str, Any]:
        """Return the run for the service response."""
        return {
            "first_audio_seconds": round(self.first_audio, 3),
            "speak_seconds": round(self.synthesis, 3),
            "transcribe_seconds": round(self.transcription, 3),
            "audio_seconds": round(self.audio, 3),
            "transcript": self.transcript,
        }


async def run_benchmark(
    client: ConductorClient, count: int, *, text: str, voice: str | None, model: str | None
) -> dict[str, Any]:
    """Return `count` runs and their medians. Raises ConductorError.

    Every run uses new sentences, because the server caches synthesized speech by sentence.
    """
    runs = []
    for _ in range(count):
        number = time.time_ns() // 1_000_000 % 10_000
        runs.append(await _run_once(client, number_sentences(text, number), voice, model))
    audio = sum(run.audio for run in runs)
    return {
        "runs": [run.as_dict() for run in runs],
        "first_audio_seconds": _median([run.first_audio for run in runs]),
        "speak_seconds": _median([run.synthesis for run in runs]),
        "transcribe_seconds": _median([run.transcription for run in runs]),
        "speak_real_time_factor": _ratio(sum(run.synthesis for run in runs), audio),
        "transcribe_real_time_factor": _ratio(sum(run.transcription for run in runs), audio),
    }


def number_sentences(text: str, number: int) -> str:
    """Insert a number at the start of each sentence."""
    return re.sub(r"(^|[.!?:;]\s+)", rf"\g<1>{number} ", text)


async def _run_once(
    client: ConductorClient, text: str, voice: str | None, model: str | None
) -> BenchmarkRun:
    speech = await client.synthesize(text, voice)
    started = time.monotonic()
    transcript = await client.transcribe(_encode_wav(speech), model)
    return BenchmarkRun(
        first_audio=speech.first_audio_seconds,
        synthesis=speech.seconds,
        transcription=time.monotonic() - started,
        audio=speech.audio_seconds,
        transcript=transcript,
    )


def _encode_wav(speech: SynthesizedSpeech) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(speech.RATE)
        file.writeframes(speech.pcm)
    return buffer.getvalue()


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 3)


def _ratio(seconds: float, audio: float) -> float | None:
    return round(seconds / audio, 3) if audio else None
