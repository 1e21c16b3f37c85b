"""The Kokoro ONNX engine with its network; `script/setup kokoro` gets the files."""

from collections.abc import Iterator
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
from wyoming_servers.models.own_models import describe_path
from wyoming_servers.models.python_packages import RequirementChecker
from wyoming_servers.text.sample_sentences import sample_sentence

pytestmark = pytest.mark.component

FOLDER = Path(__file__).parents[4] / ".tools" / "kokoro"

SENTENCE = "The kitchen light is on, and the front door is locked, so you can go to bed now."


@pytest.fixture(scope="module")
def engine() -> Iterator[KokoroOnnxEngine]:
    graph, voices = FOLDER / "kokoro-v1.0.int8.onnx", FOLDER / "voices-v1.0.bin"
    assert graph.is_file(), "run `script/setup kokoro`"
    engine = KokoroOnnxEngine()
    files = {"model": str(graph), "voices": str(voices)}
    spec = ModelSpec("kokoro/onnx", Task.TTS, "kokoro-onnx", files=files)
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
    *("bf_emma", "ef_dora", "ff_siwis", "hf_alpha"),
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


def test_all_voices_are_reported_and_an_export_is_recognized(engine: KokoroOnnxEngine) -> None:
    (entry,) = describe_path(FOLDER)
    offers = builtin_catalog().get("kokoro/onnx").offers
    assert {offer.name for offer in entry.offers} == {offer.name for offer in offers}
    assert len(offers) == 54


def test_length_and_volume_are_those_of_the_request(engine: KokoroOnnxEngine) -> None:
    def pcm(**request: float) -> np.ndarray:
        session = engine.open({"text": SENTENCE, "voice": "af_heart", **request})
        return np.frombuffer(b"".join(output.payload for output in session.finish()), "<i2")

    normal, long, quiet = pcm(), pcm(length_scale=1.5), pcm(volume=0.5)
    assert len(long) / len(normal) == pytest.approx(1.5, rel=0.1)
    assert np.abs(quiet.astype(int)).max() < 0.7 * np.abs(normal.astype(int)).max()


def test_mix_of_voices_works(engine: KokoroOnnxEngine) -> None:
    assert 3.0 < _seconds(engine, "af_heart*0.7+am_adam*0.3", 1.0) < 6.0
