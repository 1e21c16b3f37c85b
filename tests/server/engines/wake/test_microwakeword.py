"""The microWakeWord engine with real models and synthesized speech."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import psutil
import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    LoadFailedError,
    ModelMissingError,
)
from wyoming_servers.engines.base import Output, create_engine
from wyoming_servers.engines.wake.microwakeword import (
    MicroWakeWordEngine,
    MicroWakeWordSession,
    relative_score,
)

pytestmark = pytest.mark.component

Synthesize = Callable[[str], bytes]
MODELS = Path(str(files("pymicro_wakeword"))) / "models"


def _load(**files: str) -> tuple[MicroWakeWordEngine, Mapping[str, Any]]:
    engine = create_engine("microwakeword")
    assert isinstance(engine, MicroWakeWordEngine)
    spec = ModelSpec("microwakeword", Task.WAKE, "microwakeword", files=files)
    return engine, engine.load(spec, Placement(), lambda phase, percent: None)


@pytest.fixture(scope="module")
def engine() -> MicroWakeWordEngine:
    engine, _ = _load()
    engine.warm_up()
    return engine


def _detect(
    session: MicroWakeWordSession, audio: bytes, size: int = 2560
) -> list[Mapping[str, Any]]:
    outputs: list[Output] = []
    for at in range(0, len(audio), size):
        outputs += session.feed(audio[at : at + size], {"timestamp": 1_000 + at / 32})
    session.close()
    return [output.data for output in outputs]


def test_load_reports_words_with_phrase_and_languages() -> None:
    _, info = _load()
    names = [word["name"] for word in info["words"]]
    assert names == ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"]
    assert {"name": "alexa", "phrase": "alexa", "languages": ["en"]} in info["words"]
    (nabu,) = (word for word in info["words"] if word["name"] == "okay_nabu")
    assert "de" in nabu["languages"]


@pytest.mark.parametrize("word", ["hey_jarvis", "alexa"])
def test_spoken_word_is_detected_once(
    engine: MicroWakeWordEngine, synthesize: Synthesize, word: str
) -> None:
    audio = synthesize(f"{word.replace('_', ' ').title()}!")
    (detection,) = _detect(engine.open({"refractory": 2.0}), audio)
    assert detection["word"] == word
    assert detection["score"] >= 0.5
    assert detection["timestamp"] == round(1_000 + detection["sample"] / 16)
    assert 0 < detection["sample"] <= len(audio) // 2


def test_chunk_size_does_not_matter(engine: MicroWakeWordEngine, synthesize: Synthesize) -> None:
    audio, request = synthesize("Hey Jarvis!"), {"words": ["hey_jarvis"], "refractory": 2.0}
    (expected,) = _detect(engine.open(request), audio)
    for size in (333, len(audio)):
        (detection,) = _detect(engine.open(request), audio, size)
        assert detection["sample"] == expected["sample"]


@pytest.mark.parametrize("text", ["Turn on the lights in the kitchen.", "Hey, James!"])
def test_other_speech_is_not_detected(
    engine: MicroWakeWordEngine, synthesize: Synthesize, text: str
) -> None:
    assert _detect(engine.open({}), synthesize(text)) == []


def test_recorded_speech_is_not_detected(
    engine: MicroWakeWordEngine, recorded: Callable[[str], bytes]
) -> None:
    for name in ("cards_001", "goforward", "librivox_0870"):
        assert _detect(engine.open({}), recorded(name)) == []


def test_relative_score_of_the_cutoff_is_one_half() -> None:
    assert relative_score(0.9, 0.9) == 0.5
    assert relative_score(0.0, 0.9) == 0.0
    assert relative_score(1.0, 0.9) == 1.0
    assert relative_score(0.45, 0.9) == pytest.approx(0.25)
    assert relative_score(0.95, 0.9) == pytest.approx(0.75)


def test_result_counts_the_samples(engine: MicroWakeWordEngine) -> None:
    session = engine.open({"words": ["alexa"]})
    assert list(session.feed(bytes(5_000), {})) == []
    ending = session.finish()
    with pytest.raises(StopIteration) as end:
        next(ending)
    assert end.value.value == {"samples": 2_500}
    session.close()


def test_unknown_word_is_rejected_with_the_known_words(engine: MicroWakeWordEngine) -> None:
    with pytest.raises(ModelMissingError, match=r"'computer'.*alexa, hey_jarvis"):
        engine.open({"words": ["computer"]})


def test_invalid_timestamp_is_rejected(engine: MicroWakeWordEngine) -> None:
    session = engine.open({"words": ["alexa"]})
    with pytest.raises(BadRequestError, match="timestamp"):
        list(session.feed(bytes(320), {"timestamp": "noon"}))
    session.close()


def test_model_added_to_the_folder_later_is_detected(
    tmp_path: Path, synthesize: Synthesize
) -> None:
    engine, _ = _load(models_dir=str(tmp_path))
    shutil.copy(MODELS / "alexa.tflite", tmp_path / "alexa.tflite")
    shutil.copy(MODELS / "alexa.json", tmp_path / "my_alexa.json")
    (detection,) = _detect(
        engine.open({"words": ["my_alexa"], "refractory": 2.0}), synthesize("Alexa!")
    )
    assert detection["word"] == "my_alexa"


@pytest.mark.parametrize("model", [b"", b"TFL3", b"0000TFL3" + bytes(range(200))])
def test_damaged_custom_model_fails_only_requests_for_it(
    tmp_path: Path, model: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    facts = json.loads((MODELS / "alexa.json").read_text())
    (tmp_path / "marvin.json").write_text(json.dumps({**facts, "model": "marvin.tflite"}))
    (tmp_path / "marvin.tflite").write_bytes(model)
    (tmp_path / "empty.json").write_text("")
    engine, _ = _load(models_dir=str(tmp_path))
    engine.warm_up()
    assert "marvin" in caplog.text
    for word in ("marvin", "empty"):
        with pytest.raises(LoadFailedError, match=word):
            engine.open({"words": [word]})


def test_closed_streams_leave_no_memory(engine: MicroWakeWordEngine) -> None:
    def come_and_go(times: int) -> int:
        for _ in range(times):
            session = engine.open({"words": ["alexa", "okay_nabu"]})
            list(session.feed(bytes(2560), {}))
            session.close()
        return int(psutil.Process(os.getpid()).memory_info().rss)

    before = come_and_go(20)
    # 100 streams that stayed would be 50 MB.
    assert come_and_go(100) - before < 10_000_000
