"""The openWakeWord engine with real models and synthesized speech."""

import gc
import shutil
import tracemalloc
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    InternalError,
    LoadFailedError,
    ModelMissingError,
)
from wyoming_servers.engines.base import Output, SupportsBatchFeed
from wyoming_servers.engines.wake.openwakeword import (
    OpenWakeWordEngine,
    WakeSession,
)

pytestmark = pytest.mark.component

Synthesize = Callable[[str], bytes]
BUNDLED = ["alexa", "hey_jarvis", "hey_mycroft", "hey_rhasspy", "okay_nabu"]


@pytest.fixture(scope="module")
def engine() -> Iterable[OpenWakeWordEngine]:
    engine = OpenWakeWordEngine()
    engine.load(_spec(), Placement(), lambda phase, percent: None)
    engine.warm_up()
    yield engine
    engine.close()


def _spec(**files: str) -> ModelSpec:
    return ModelSpec("openwakeword", Task.WAKE, "openwakeword", files=files)


def _detect(
    session: WakeSession, audio: bytes, size: int = 2560, start: int | None = None
) -> list[Mapping[str, Any]]:
    outputs: list[Output] = []
    for at in range(0, len(audio), size):
        data = {} if start is None else {"timestamp": start + at / 32}
        outputs += session.feed(audio[at : at + size], data)
    session.close()
    return [output.data for output in outputs]


def test_load_reports_words_with_phrase_and_languages() -> None:
    info = OpenWakeWordEngine().load(_spec(), Placement(), lambda phase, percent: None)
    assert [word["name"] for word in info["words"]] == BUNDLED
    assert {"name": "hey_jarvis", "phrase": "hey jarvis", "languages": ["en"]} in info["words"]


@pytest.mark.parametrize("word", ["hey_jarvis", "alexa"])
def test_spoken_word_is_detected_once(
    engine: OpenWakeWordEngine, synthesize: Synthesize, word: str
) -> None:
    audio = synthesize(f"{word.replace('_', ' ').title()}!")
    (detection,) = _detect(engine.open({"refractory": 2.0}), audio)
    assert detection["word"] == word
    assert detection["score"] >= 0.5
    assert detection["timestamp"] is None
    assert 0 < detection["sample"] <= len(audio) // 2


@pytest.mark.parametrize(
    "text", ["Turn on the lights in the kitchen.", "What is the weather tomorrow?", "Hey, James!"]
)
def test_other_speech_is_not_detected(
    engine: OpenWakeWordEngine, synthesize: Synthesize, text: str
) -> None:
    assert _detect(engine.open({}), synthesize(text)) == []


def test_recorded_speech_is_not_detected(
    engine: OpenWakeWordEngine, recorded: Callable[[str], bytes]
) -> None:
    for name in ("cards_001", "goforward", "librivox_0870"):
        assert _detect(engine.open({}), recorded(name)) == []


def test_only_requested_words_are_detected(
    engine: OpenWakeWordEngine, synthesize: Synthesize
) -> None:
    assert _detect(engine.open({"words": ["alexa"]}), synthesize("Hey Jarvis!")) == []


def test_chunk_size_does_not_matter(engine: OpenWakeWordEngine, synthesize: Synthesize) -> None:
    audio = synthesize("Hey Jarvis!")
    request = {"words": ["hey_jarvis"], "refractory": 2.0}
    expected = _detect(engine.open(request), audio, 2560)
    for size in (333, 2048, len(audio)):  # 333: chunks that end within a sample
        assert _detect(engine.open(request), audio, size) == expected


@pytest.mark.parametrize("silence", [0, 1, 7])
def test_vad_gate_skips_silence_and_keeps_detections(
    engine: OpenWakeWordEngine,
    synthesize: Synthesize,
    monkeypatch: pytest.MonkeyPatch,
    silence: int,
) -> None:
    audio = bytes(32_000 * silence) + synthesize("Hey Jarvis!")
    request = {"refractory": 2.0}
    expected = _detect(engine.open(request), audio)
    assert [detection["word"] for detection in expected] == ["hey_jarvis"]
    steps = 0
    features = engine._extractor
    assert features is not None
    compute = features.step

    def count(states: Any, audio: Any) -> Any:
        nonlocal steps
        steps += 1
        return compute(states, audio)

    monkeypatch.setattr(features, "step", count)
    detections = _detect(engine.open({**request, "vad": True}), audio)
    assert [d["sample"] for d in detections] == [d["sample"] for d in expected]
    assert detections[0]["score"] == pytest.approx(expected[0]["score"], abs=0.001)
    assert steps < 60  # 2 s before and 1.2 s after the word, however long the silence


def test_detection_has_the_clients_timestamp(
    engine: OpenWakeWordEngine, synthesize: Synthesize
) -> None:
    request = {"words": ["hey_jarvis"], "refractory": 2.0}
    (detection,) = _detect(engine.open(request), synthesize("Hey Jarvis!"), 2048, start=70_000)
    assert detection["timestamp"] == round(70_000 + detection["sample"] / 16)


def test_streams_in_a_batch_are_independent(
    engine: OpenWakeWordEngine, synthesize: Synthesize
) -> None:
    audios = [
        synthesize("Hey Jarvis!"),
        synthesize("Alexa!"),
        synthesize("Turn on the lights in the kitchen."),
    ]
    request = {"refractory": 2.0}
    alone = [_detect(engine.open(request), audio) for audio in audios]
    sessions = [engine.open(request) for _ in audios]
    batched: list[list[Mapping[str, Any]]] = [[] for _ in audios]
    for at in range(0, max(map(len, audios)), 2000):
        chunks = [
            (session, audio[at : at + 2000], {})
            for session, audio in zip(sessions, audios, strict=True)
        ]
        for detections, outputs in zip(batched, engine.feed_batch(chunks), strict=True):
            assert not isinstance(outputs, Exception)
            detections += [output.data for output in outputs]
    assert [[each["word"] for each in detections] for detections in batched] == [
        ["hey_jarvis"],
        ["alexa"],
        [],
    ]
    for ours, theirs in zip(batched, alone, strict=True):
        assert [d["sample"] for d in ours] == [d["sample"] for d in theirs]


def test_engine_supports_batch_feed(engine: OpenWakeWordEngine) -> None:
    assert isinstance(engine, SupportsBatchFeed)
    assert engine.feed_limit >= 16


def test_two_chunks_of_one_stream_in_a_batch_keep_their_order(
    engine: OpenWakeWordEngine, synthesize: Synthesize
) -> None:
    audio = synthesize("Hey Jarvis!")
    session = engine.open({"words": ["hey_jarvis"], "refractory": 2.0})
    half = len(audio) // 2
    first, second = engine.feed_batch([(session, audio[:half], {}), (session, audio[half:], {})])
    assert first == []
    assert not isinstance(second, Exception)
    assert [output.data["word"] for output in second] == ["hey_jarvis"]


def test_result_counts_the_samples(engine: OpenWakeWordEngine) -> None:
    session = engine.open({})
    assert list(session.feed(bytes(5_000), {})) == []
    ending = session.finish()
    with pytest.raises(StopIteration) as end:
        next(ending)
    assert end.value.value == {"samples": 2_500}


def test_unknown_word_is_rejected_with_the_known_words(engine: OpenWakeWordEngine) -> None:
    with pytest.raises(ModelMissingError, match=r"'computer'.*alexa, hey_jarvis"):
        engine.open({"words": ["alexa", "computer"]})


@pytest.mark.parametrize("timestamp", ["noon", float("nan"), [1]])
def test_invalid_timestamp_fails_its_stream_only(
    engine: OpenWakeWordEngine, synthesize: Synthesize, timestamp: object
) -> None:
    with pytest.raises(BadRequestError, match="timestamp"):
        list(engine.open({}).feed(bytes(2560), {"timestamp": timestamp}))
    request = {"words": ["alexa"], "refractory": 2.0}
    bad, good = engine.feed_batch(
        [
            (engine.open(request), synthesize("Alexa!"), {"timestamp": timestamp}),
            (engine.open(request), synthesize("Alexa!"), {}),
        ]
    )
    assert isinstance(bad, BadRequestError)
    assert not isinstance(good, Exception)
    assert [output.data["word"] for output in good] == ["alexa"]


def test_model_added_to_the_folder_later_is_detected(
    tmp_path: Path, synthesize: Synthesize
) -> None:
    engine = OpenWakeWordEngine()
    engine.load(_spec(models_dir=str(tmp_path)), Placement(), lambda phase, percent: None)
    with pytest.raises(ModelMissingError):
        engine.open({"words": ["my_jarvis"]})
    bundled = Path(str(files("pyopen_wakeword"))) / "models" / "hey_jarvis.tflite"
    shutil.copy(bundled, tmp_path / "my_jarvis_v2.tflite")
    (detection,) = _detect(
        engine.open({"words": ["my_jarvis"], "refractory": 2.0}), synthesize("Hey Jarvis!")
    )
    # The version in the name of the file is no part of the word.
    assert detection["word"] == "my_jarvis"


def test_damaged_custom_model_fails_only_requests_for_it(
    tmp_path: Path, synthesize: Synthesize, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "marvin.tflite").write_bytes(b"TFL3" * 20)
    engine = OpenWakeWordEngine()
    info = engine.load(_spec(models_dir=str(tmp_path)), Placement(), lambda phase, percent: None)
    assert [word["name"] for word in info["words"]] == BUNDLED
    assert "marvin.tflite" in caplog.text
    engine.warm_up()
    for _ in range(2):
        with pytest.raises(LoadFailedError, match="marvin"):
            engine.open({"words": ["marvin"]})
    assert [d["word"] for d in _detect(engine.open({"refractory": 2.0}), synthesize("Alexa!"))] == [
        "alexa"
    ]


def test_closed_streams_leave_no_memory(engine: OpenWakeWordEngine) -> None:
    def hear_a_little() -> None:
        session = engine.open({})
        list(session.feed(bytes(2560), {}))
        session.close()

    hear_a_little()
    gc.collect()
    tracemalloc.start()
    for _ in range(200):
        hear_a_little()
    gc.collect()
    left, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left < 100_000  # one stream is 45 KB


def test_engine_must_be_loaded_first() -> None:
    with pytest.raises(InternalError, match="before it was loaded"):
        OpenWakeWordEngine().open({})
