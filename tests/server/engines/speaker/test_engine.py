"""The embedding engine with the embedded model, and its features."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wyoming_servers.core.domain import ModelSpec, Placement, Task
from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines.speaker.engine import SpeakerEngine
from wyoming_servers.engines.speaker.features import FRAME, HOP, FeatureStream, feature_config
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.models.manifest import PackageFolder
from wyoming_servers.models.python_packages import package_folder


def test_features_are_the_same_however_the_audio_is_cut() -> None:
    audio = np.random.default_rng(1).normal(0, 0.1, 16_000).astype(np.float32)
    for name in ("mel40", "fbank80"):
        whole, cut = FeatureStream(feature_config(name)), FeatureStream(feature_config(name))
        whole.add(audio)
        for start in range(0, len(audio), 333):
            cut.add(audio[start : start + 333])
        assert len(whole.features) == (len(audio) - FRAME) // HOP + 1
        assert np.allclose(whole.features, cut.features, atol=1e-4)
        assert np.allclose(whole.levels, cut.levels, atol=1e-4)


def test_features_of_a_tone_peak_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 1_000 * np.arange(8_000) / 16_000).astype(np.float32)
    found = {}
    for name in ("mel40", "fbank80"):
        stream = FeatureStream(feature_config(name))
        stream.add(tone * 0.5)
        found[name] = int(stream.features.mean(axis=0).argmax())
        assert stream.levels.mean() == pytest.approx(-9.03, abs=0.1)
    # 1 kHz is 15.0 of 45.2 on Slaney's scale, and 1000 of 2840 on HTK's.
    assert found["mel40"] in (12, 13)
    assert found["fbank80"] in (27, 28)


def no_progress(_phase: str, _percent: int) -> None:
    """Nobody looks at it."""


@pytest.fixture(scope="module")
def engine() -> SpeakerEngine:
    pytest.importorskip("onnxruntime")
    entry = builtin_catalog().get("speaker/voicefilter")
    (source,) = entry.sources
    assert isinstance(source, PackageFolder)
    folder = package_folder(source)
    assert folder is not None
    engine = SpeakerEngine()
    report = engine.load(
        _spec(folder / entry.files[0].path, **entry.options), Placement(), no_progress
    )
    assert report == {"dimensions": 256, "step": 12_800}
    engine.warm_up()
    return engine


def _spec(model: Path, **options: Any) -> ModelSpec:
    files = {"model": str(model)}
    return ModelSpec("speaker/voicefilter", Task.SPEAKER, "speaker", files=files, options=options)


def _embed(engine: SpeakerEngine, pcm: bytes, step: int = 960) -> tuple[list[np.ndarray], float]:
    session = engine.open({})
    outputs = []
    for start in range(0, len(pcm), step):
        outputs += session.feed(pcm[start : start + step], {})
    run = session.finish()
    try:
        while True:
            outputs.append(next(run))
    except StopIteration as end:
        result = end.value
    session.close()
    return [np.frombuffer(output.payload, "<f4") for output in outputs], result["seconds"]


@pytest.mark.component
def test_engine_tells_voices_apart(
    engine: SpeakerEngine, synthesize: Callable[[str], bytes], recorded: Callable[[str], bytes]
) -> None:
    one = _embed(engine, synthesize("What is the weather going to be like tomorrow?"))[0][-1]
    two = _embed(engine, synthesize("Turn on the lights in the kitchen, please."))[0][-1]
    other = _embed(engine, recorded("librivox_0870"))[0][-1]
    assert np.linalg.norm(one) == pytest.approx(1.0, abs=1e-5)
    assert one @ two > 0.75
    assert one @ other < 0.65


@pytest.mark.component
def test_embedding_is_there_when_a_pause_begins(
    engine: SpeakerEngine, synthesize: Callable[[str], bytes]
) -> None:
    speech = synthesize("What is the weather going to be like tomorrow?")[16_000:-32_000]
    session = engine.open({})
    outputs = []
    for start in range(0, len(speech), 960):
        outputs += session.feed(speech[start : start + 960], {})
    outputs += session.feed(bytes(16_000), {})
    paused = np.frombuffer(outputs[-1].payload, "<f4")
    final = [*session.finish()]
    assert paused @ np.frombuffer(final[-1].payload, "<f4") > 0.97
    # However the audio is cut, the voice is the same.
    whole, _ = _embed(engine, speech + bytes(16_000), step=len(speech) + 16_000)
    assert whole[-1] @ np.frombuffer(final[-1].payload, "<f4") > 0.99


@pytest.mark.component
def test_short_speech_and_silence(
    engine: SpeakerEngine, synthesize: Callable[[str], bytes]
) -> None:
    speech = synthesize("Turn on the lights in the kitchen, please.")
    long = _embed(engine, speech)[0][-1]
    begin = 16_000 + 9_600
    short, seconds = _embed(engine, speech[begin : begin + 16_000])
    assert 0.3 < seconds < 0.6
    assert short[-1] @ long > 0.6
    assert _embed(engine, b"") == ([], 0.0)


@pytest.mark.component
def test_damaged_model_cannot_be_loaded(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    damaged = tmp_path / "model.onnx"
    damaged.write_bytes(b"no graph")
    with pytest.raises(LoadFailedError, match="cannot be loaded"):
        SpeakerEngine().load(_spec(damaged), Placement(), no_progress)
    with pytest.raises(LoadFailedError, match="no speaker features named"):
        SpeakerEngine().load(_spec(damaged, features="other"), Placement(), no_progress)
