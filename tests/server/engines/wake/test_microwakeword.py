"""The second wake word engine, with its real models and speech made by a real voice."""

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
from wyoming_servers.engines.base import Output
from wyoming_servers.engines.registry import create
from wyoming_servers.engines.wake.microwakeword import (
    MicroWakeWordEngine,
    MicroWakeWordSession,
    relative_score,
)

pytestmark = pytest.mark.component

Say = Callable[[str], bytes]
MODELS = Path(str(files("pymicro_wakeword"))) / "models"


def _load(**files: str) -> tuple[MicroWakeWordEngine, Mapping[str, Any]]:
    engine = create("microwakeword")
    assert isinstance(engine, MicroWakeWordEngine)
    spec = ModelSpec("microwakeword", Task.WAKE, "microwakeword", files=files)
    return engine, engine.load(spec, Placement(), lambda phase, percent: None)


@pytest.fixture(scope="module")
def engine() -> MicroWakeWordEngine:
    engine, _ = _load()
    engine.warm_up()
    return engine


def _hear(session: MicroWakeWordSession, audio: bytes, size: int = 2560) -> list[Mapping[str, Any]]:
    heard: list[Output] = []
    for at in range(0, len(audio), size):
        heard += session.feed(audio[at : at + size], {"timestamp": 1_000 + at / 32})
    session.close()
    return [output.data for output in heard]


def test_loading_tells_every_word_with_its_phrase_and_languages() -> None:
    _, info = _load()
    names = [word["name"] for word in info["words"]]
    assert names == ["alexa", "hey_jarvis", "hey_mycroft", "okay_nabu"]
    assert {"name": "alexa", "phrase": "alexa", "languages": ["en"]} in info["words"]
    (nabu,) = (word for word in info["words"] if word["name"] == "okay_nabu")
    assert "de" in nabu["languages"]


@pytest.mark.parametrize("word", ["hey_jarvis", "alexa"])
def test_a_spoken_word_is_detected_once_and_no_other(
    engine: MicroWakeWordEngine, say: Say, word: str
) -> None:
    audio = say(f"{word.replace('_', ' ').title()}!")
    (detection,) = _hear(engine.open({"refractory": 2.0}), audio)
    assert detection["word"] == word
    assert detection["score"] >= 0.5
    assert detection["timestamp"] == round(1_000 + detection["sample"] / 16)
    assert 0 < detection["sample"] <= len(audio) // 2


def test_the_size_of_the_pieces_changes_nothing(engine: MicroWakeWordEngine, say: Say) -> None:
    audio, request = say("Hey Jarvis!"), {"words": ["hey_jarvis"], "refractory": 2.0}
    (expected,) = _hear(engine.open(request), audio)
    for size in (333, len(audio)):
        (found,) = _hear(engine.open(request), audio, size)
        assert found["sample"] == expected["sample"]


@pytest.mark.parametrize("text", ["Turn on the lights in the kitchen.", "Hey, James!"])
def test_other_speech_is_not_detected(engine: MicroWakeWordEngine, say: Say, text: str) -> None:
    assert _hear(engine.open({}), say(text)) == []


def test_recorded_speech_is_not_detected(
    engine: MicroWakeWordEngine, recorded: Callable[[str], bytes]
) -> None:
    for name in ("cards_001", "goforward", "librivox_0870"):
        assert _hear(engine.open({}), recorded(name)) == []


def test_half_is_the_score_from_which_the_maker_believes_a_model() -> None:
    assert relative_score(0.9, 0.9) == 0.5
    assert relative_score(0.0, 0.9) == 0.0
    assert relative_score(1.0, 0.9) == 1.0
    assert relative_score(0.45, 0.9) == pytest.approx(0.25)
    assert relative_score(0.95, 0.9) == pytest.approx(0.75)


def test_the_result_counts_the_samples(engine: MicroWakeWordEngine) -> None:
    session = engine.open({"words": ["alexa"]})
    assert list(session.feed(bytes(5_000), {})) == []
    ending = session.finish()
    with pytest.raises(StopIteration) as end:
        next(ending)
    assert end.value.value == {"samples": 2_500}
    session.close()


def test_an_unknown_word_is_refused_naming_those_there_are(engine: MicroWakeWordEngine) -> None:
    with pytest.raises(ModelMissingError, match=r"'computer'.*alexa, hey_jarvis"):
        engine.open({"words": ["computer"]})


def test_a_bad_timestamp_is_refused(engine: MicroWakeWordEngine) -> None:
    session = engine.open({"words": ["alexa"]})
    with pytest.raises(BadRequestError, match="timestamp"):
        list(session.feed(bytes(320), {"timestamp": "noon"}))
    session.close()


def test_a_model_put_into_the_folder_later_is_heard(tmp_path: Path, say: Say) -> None:
    engine, _ = _load(models_dir=str(tmp_path))
    shutil.copy(MODELS / "alexa.tflite", tmp_path / "alexa.tflite")
    shutil.copy(MODELS / "alexa.json", tmp_path / "my_alexa.json")
    (detection,) = _hear(engine.open({"words": ["my_alexa"], "refractory": 2.0}), say("Alexa!"))
    assert detection["word"] == "my_alexa"


@pytest.mark.parametrize("model", [b"", b"TFL3", b"0000TFL3" + bytes(range(200))])
def test_a_broken_model_of_the_user_stops_only_those_who_ask_for_it(
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


def test_streams_that_come_and_go_leave_nothing(engine: MicroWakeWordEngine) -> None:
    def come_and_go(times: int) -> int:
        for _ in range(times):
            session = engine.open({"words": ["alexa", "okay_nabu"]})
            list(session.feed(bytes(2560), {}))
            session.close()
        return int(psutil.Process(os.getpid()).memory_info().rss)

    before = come_and_go(20)
    # 100 streams that stayed would be 50 MB.
    assert come_and_go(100) - before < 10_000_000
