"""Models of the load test: four of the fake engine, or four installed ones."""

import asyncio
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wyoming_servers.audio.vad import VoiceActivityDetector
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import (
    ModelSpec,
    Task,
    VoiceInfo,
)
from wyoming_servers.models.specs import model_specs
from wyoming_servers.models.store import ModelStore
from wyoming_servers.speech.asr.pipeline import VadAnalyzer
from wyoming_servers.speech.fake import LoudnessVad

MIB = 2**20

TTS_TEXT = "The kitchen light is on. It is twenty one degrees."

_LOUD = b"\x00\x40" * 16_000
"""One second that `LoudnessVad` takes for speech."""

_REAL = ("whisper/tiny.en", "whisper/base", "piper/en_US-joe-medium", "openwakeword")

_RECORDING = Path(__file__).parents[2] / "tests" / "data" / "goforward.wav"


@dataclass(frozen=True)
class Scenario:
    """Models, audio and memory budget of a load test."""

    models: tuple[ModelSpec, ...]
    sound: bytes
    """16 kHz speech."""
    activity: Callable[[], VadAnalyzer]
    budget: int
    """Bytes that suffice for two of the models, but not for three."""

    @property
    def specs(self) -> Mapping[str, ModelSpec]:
        """Models by id."""
        return {spec.id: spec for spec in self.models}

    def config(self, limit: float) -> Config:
        """Return a configuration with a request timeout of `limit` seconds."""
        first = {kind: spec for spec in reversed(self.models) for kind in [spec.task]}
        return Config.model_validate(
            {
                "asr": {"model": first[Task.ASR].id, "language": "en"},
                "tts": {"voice": first[Task.TTS].voices[0].name},
                "limits": {"request_timeout": limit},
            }
        )

    def request(self, spec: ModelSpec) -> dict[str, Any]:
        """Return the options of a background run of an ASR or wake word model."""
        if spec.task is Task.WAKE:
            return {"words": [spec.wake_words[0].name], "threshold": 0.5}
        return {"language": "en"}


def fake_scenario(keep_alive: float) -> Scenario:
    """Return two ASR and two TTS models of the fake engine, of different sizes and speeds."""

    def model(name: str, kind: Task, size: int, load: float, step: float) -> ModelSpec:
        return ModelSpec(
            name,
            kind,
            "fake",
            languages=("en",),
            voices=(VoiceInfo(name.partition("/")[2], languages=("en",)),)
            if kind is Task.TTS
            else (),
            memory_bytes=(size + 30) * MIB,
            keep_alive=keep_alive,
            options={"memory_bytes": size * MIB, "load_seconds": load, "chunk_seconds": step},
        )

    return Scenario(
        (
            model("asr/small", Task.ASR, 60, 0.3, 0.03),
            model("asr/large", Task.ASR, 90, 0.8, 0.08),
            model("tts/one", Task.TTS, 70, 0.4, 0.03),
            model("tts/two", Task.TTS, 80, 0.5, 0.05),
        ),
        _LOUD,
        LoudnessVad,
        budget=265 * MIB,
    )


def real_scenario(data_dir: Path | None, keep_alive: float) -> Scenario:
    """Return installed models with their real engines; installs missing ones."""
    config = Config() if data_dir is None else Config(data_dir=data_dir)
    config = config.model_copy(update={"data_dir": config.data_dir.expanduser().absolute()})

    async def install() -> Mapping[str, ModelSpec]:
        store = await ModelStore.open(config.data_dir)
        for model in _REAL:
            await store.ensure(model)
        return model_specs(config, store)

    specs = asyncio.run(install())
    models = tuple(replace(specs[name], keep_alive=keep_alive) for name in _REAL)
    with wave.open(str(_RECORDING)) as file:
        sound = file.readframes(file.getnframes())
    return Scenario(models, sound, VoiceActivityDetector, budget=450 * MIB)
