"""The Smart Turn engine with its model, and its features."""

from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest

from wyoming_servers.audio import wav
from wyoming_servers.core.domain import ModelSpec, Placement, Task
from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.engines.turn.engine import SmartTurnEngine
from wyoming_servers.engines.turn.features import log_mel
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.models.manifest import PackageFolder

pytestmark = pytest.mark.component

RECORDINGS = Path(__file__).parents[3] / "data"
IN_A_CLAUSE = 2.13
"""Seconds of the recording after which a word ends in the middle of a sentence."""


def load(model: Path) -> SmartTurnEngine:
    engine = SmartTurnEngine()
    spec = ModelSpec("smart-turn", Task.TURN, "smart-turn", files={"model": str(model)})
    engine.load(spec, Placement(), lambda phase, percent: None)
    engine.warm_up()
    return engine


@pytest.fixture(scope="module")
def engine() -> Iterator[SmartTurnEngine]:
    entry = builtin_catalog().get("smart-turn")
    source = next(it for it in entry.sources if isinstance(it, PackageFolder))
    found = distribution(source.package)
    engine = load(Path(str(found.locate_file(f"{source.folder}/{entry.files[0].path}"))))
    yield engine
    engine.close()


def probability(engine: SmartTurnEngine, pcm: bytes) -> float:
    session = engine.open({})
    for start in range(0, len(pcm), 3_201):  # splits samples, too
        session.feed(pcm[start : start + 3_201], {})
    run = session.finish()
    with pytest.raises(StopIteration) as end:
        next(run)
    session.close()
    return float(end.value.value["probability"])


def test_finished_sentence_is_told_from_one_that_goes_on(engine: SmartTurnEngine) -> None:
    pcm = wav.read(RECORDINGS / "librivox_0870.wav").speech()
    silence = bytes(6_400)
    assert probability(engine, pcm + silence) > 0.9
    assert probability(engine, pcm[: 2 * int(IN_A_CLAUSE * 16_000)] + silence) < 0.3


def test_only_the_last_eight_seconds_count(engine: SmartTurnEngine) -> None:
    pcm = wav.read(RECORDINGS / "goforward.wav").speech()
    padded = bytes(16 * 16_000 - len(pcm)) + pcm
    noise = np.random.default_rng(0).integers(-9_000, 9_000, 30 * 16_000).astype("<i2").tobytes()
    assert probability(engine, noise + padded) == probability(engine, padded)


def test_audio_of_no_length_is_judged(engine: SmartTurnEngine) -> None:
    assert 0.0 <= probability(engine, b"") <= 1.0


def test_features_are_those_of_whisper() -> None:
    extractor = pytest.importorskip("faster_whisper.feature_extractor").FeatureExtractor()
    audio = np.random.default_rng(1).normal(0.0, 0.1, 9 * 16_000).astype(np.float32)
    heard = audio[-8 * 16_000 :]
    heard = (heard - heard.mean()) / np.sqrt(heard.var() + 1e-7)
    expected = extractor(heard, padding=0)[:, :800]
    assert np.abs(log_mel(audio) - expected).max() < 1e-4


def test_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    silero = next(Path(str(distribution("faster-whisper").locate_file("."))).glob(
        "faster_whisper/assets/silero*.onnx"
    ))  # fmt: skip
    with pytest.raises(LoadFailedError, match="no Smart Turn model"):
        load(silero)
