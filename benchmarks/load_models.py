"""The models of the load test: four of the fake engine, or four that are installed."""

import asyncio
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wyoming_servers.audio.vad import VoiceActivity
from wyoming_servers.config.schema import Config
from wyoming_servers.domain import Kind, ModelSpec, Offer
from wyoming_servers.pipelines.asr import Activity
from wyoming_servers.pipelines.fake import LoudActivity
from wyoming_servers.store.specs import model_specs
from wyoming_servers.store.store import ModelStore

MIB = 2**20

SPOKEN = "The kitchen light is on. It is twenty one degrees."

_LOUD = b"\x00\x40" * 16_000
"""A second that `LoudActivity` takes for speech."""

_REAL = ("whisper/tiny.en", "whisper/base", "piper/en_US-joe-medium", "openwakeword")

_RECORDING = Path(__file__).parents[1] / "tests" / "data" / "goforward.wav"


@dataclass(frozen=True)
class Stage:
    """Everything that differs between fake and real models."""

    models: tuple[ModelSpec, ...]
    sound: bytes
    """16 kHz speech."""
    activity: Callable[[], Activity]
    budget: int
    """Bytes that hold two of the models, and no three."""

    @property
    def specs(self) -> Mapping[str, ModelSpec]:
        """The models by id."""
        return {spec.id: spec for spec in self.models}

    def config(self, limit: float) -> Config:
        """Return a configuration in which requests end after `limit` seconds."""
        first = {kind: spec for spec in reversed(self.models) for kind in [spec.kind]}
        return Config.model_validate(
            {
                "asr": {"model": first[Kind.ASR].id, "language": "en"},
                "tts": {"voice": first[Kind.TTS].offers[0].name},
                "limits": {"request": limit},
            }
        )

    def request(self, spec: ModelSpec) -> dict[str, Any]:
        """Return what a run that is opened directly asks of a model that listens."""
        if spec.kind is Kind.WAKE:
            return {"words": [spec.offers[0].name], "threshold": 0.5}
        return {"language": "en"}


def fake_stage(keep_alive: float) -> Stage:
    """Two models that hear and two voices, of different sizes and speeds."""

    def model(name: str, kind: Kind, size: int, load: float, step: float) -> ModelSpec:
        return ModelSpec(
            name,
            kind,
            "fake",
            languages=("en",),
            offers=(Offer(name.partition("/")[2], languages=("en",)),) if kind is Kind.TTS else (),
            memory_bytes=(size + 30) * MIB,
            keep_alive=keep_alive,
            options={"memory_bytes": size * MIB, "load_seconds": load, "chunk_seconds": step},
        )

    return Stage(
        (
            model("asr/small", Kind.ASR, 60, 0.3, 0.03),
            model("asr/large", Kind.ASR, 90, 0.8, 0.08),
            model("tts/one", Kind.TTS, 70, 0.4, 0.03),
            model("tts/two", Kind.TTS, 80, 0.5, 0.05),
        ),
        _LOUD,
        LoudActivity,
        budget=265 * MIB,
    )


def real_stage(data_dir: Path | None, keep_alive: float) -> Stage:
    """Installed models with their real engines; they are installed if they can be."""
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
    return Stage(models, sound, VoiceActivity, budget=450 * MIB)
