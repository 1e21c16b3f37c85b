"""Compare wake words with wyoming-openwakeword in one run.

    python -m benchmarks.wake --speech FOLDER [--peer-python PYTHON] [--json FILE] [--write]

The folder contains 16 kHz WAV files; `wake_<word>.wav` contain their wake word, all others none.
Without `--peer-python` the peer is installed from PyPI into `.venv-peer-wake`. Both servers run all
the time and are measured in turn, so that other load on the machine affects both. `--write` updates
docs/performance.md and the plots in docs/images (requires the dependency group `bench`).
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common.report import machine, write_section
from benchmarks.common.server_process import Server
from benchmarks.wake import report
from benchmarks.wake.satellites import (
    MS_BYTES,
    RATE,
    STEP_MS,
    Script,
    calibrate,
    close,
    connect,
    lags,
    play,
)
from benchmarks.wake.servers import run_conductor, run_peer

ROOT = Path(__file__).parents[2]
PEER_VENV = ROOT / ".venv-peer-wake"
PEER_PACKAGES = ("wyoming-openwakeword==1.8.2", "numpy<2")
PEER_NAMES = {"okay_nabu": "ok_nabu"}
"""Wake words that have another name in the peer."""

WARM_UP_SECONDS = 3.0
IN_TIME_SECONDS = 0.080
"""A stream is in real time if 95 % of its detections come within one step after their audio."""
MIN_DETECTED = 0.99
"""Minimum share of detected wake words."""
MAX_FAILURES = 2
"""Consecutive loads after which a server is overloaded; other programs can spoil one load."""
SIMULTANEOUS_STARTS = 16
PARALLEL_NEGATIVES = 4
"""Number of parallel streams of speech and noise; both servers can handle as many."""


@dataclass(frozen=True, slots=True)
class Load:
    """Result of a number of parallel streams."""

    server: str
    streams: int
    chunk_ms: int
    cpu_percent: float
    """Percent of one core per stream."""
    lag_p50_ms: float
    lag_p95_ms: float
    detected: float
    """Share of detected wake words."""
    memory_kb: float
    """Per stream."""

    @property
    def in_time(self) -> bool:
        """Whether the server processed the streams in real time."""
        return self.lag_p95_ms < 1_000 * IN_TIME_SECONDS and self.detected >= MIN_DETECTED


def read(path: Path) -> bytes:
    """Read a recording (16 kHz, 16 bit, mono)."""
    with wave.open(str(path)) as file:
        audio_format = (file.getframerate(), file.getsampwidth(), file.getnchannels())
        if audio_format != (RATE, 2, 1):
            raise SystemExit(f"{path.name} is not 16 kHz mono with 16 bit")
        return bytes(file.readframes(file.getnframes()))


def noise(seconds: float, seed: int, dbfs: float = -55.0) -> bytes:
    """Return the noise of a quiet room."""
    random = np.random.default_rng(seed)
    samples = random.normal(0, 32_768 * 10 ** (dbfs / 20), int(seconds * RATE))
    return samples.astype("<i2").tobytes()


def conversation(word: bytes, speech: bytes, seconds: float, chunk_ms: int) -> Script:
    """Return continuous speech with the wake word about every 5 s, to be repeated."""
    pcm = b""
    words = []
    at = 0
    while len(pcm) < seconds * RATE * 2:
        length = int(3.2 * RATE) * 2
        pcm += (speech + speech)[at : at + length]
        at = (at + length) % len(speech)
        words.append(len(pcm) / RATE / 2)
        pcm += word
    size = STEP_MS * MS_BYTES
    return Script(pcm + bytes(-len(pcm) % size), chunk_ms, tuple(words))


def percentile(values: Sequence[float], share: float) -> float:
    """Return a percentile (`share` is 0 to 1); NaN without values."""
    return float(np.percentile(values, 100 * share)) if values else float("nan")


async def measure_load(
    server: Server, name: str, script: Script, delays: Sequence[int], count: int, seconds: float
) -> Load:
    """Run parallel streams and measure them after a warm-up."""
    before = server.memory_bytes()
    places = [script.start_position(number) for number in range(count)]
    satellites = [await connect(server.port, [name], place) for place in places]
    marks: list[tuple[float, float]] = []

    async def meter() -> int:
        await asyncio.sleep(WARM_UP_SECONDS)
        marks.append((server.cpu_seconds(), time.perf_counter()))
        await asyncio.sleep(seconds - WARM_UP_SECONDS - 0.5)
        marks.append((server.cpu_seconds(), time.perf_counter()))
        return server.memory_bytes()

    metering = asyncio.create_task(meter())
    await play(satellites, script, seconds=seconds)
    after = await metering
    close(satellites)
    (cpu, begin), (cpu_end, end) = marks
    found = [lag for each in satellites for lag in lags(each, script, delays)]
    known = [1_000 * lag for lag in found if lag is not None]
    await asyncio.sleep(1.0)
    return Load(
        server.name,
        count,
        script.chunk_ms,
        100 * (cpu_end - cpu) / (end - begin) / count,
        percentile(known, 0.5),
        percentile(known, 0.95),
        len(known) / len(found),
        (after - before) / count / 1_024,
    )


async def measure_start(server: Server, name: str, script: Script, delays: Sequence[int]) -> float:
    """Return the worst lag in ms when many streams start at the same time."""
    satellites = await asyncio.gather(
        *(connect(server.port, [name]) for _ in range(SIMULTANEOUS_STARTS))
    )
    await play(satellites, script, spread=False)
    close(satellites)
    found = [lags(each, script, delays)[0] for each in satellites]
    await asyncio.sleep(1.0)
    worst = max(float("inf") if lag is None else lag for lag in found)
    return 1_000 * worst


def end_of_speech(pcm: bytes) -> float:
    """Return the time of the last audible sample in seconds."""
    samples = np.abs(np.frombuffer(pcm, "<i2").astype(float))
    envelope = np.convolve(samples, np.ones(320) / 320, "same")
    return float(np.nonzero(envelope > 0.05 * envelope.max())[0][-1]) / RATE


async def measure_latency(server: Server, name: str, clip: bytes, repeat: int) -> list[float]:
    """Return the ms from the end of the wake word to its detection, for each repetition."""
    found = []
    for number in range(repeat):
        # A different offset each time, because detections come in steps of 80 ms.
        before = 1.0 + 0.05 * number
        script = Script(noise(before, number) + clip + noise(1.5, number + 9), 10, (before,))
        satellite = await connect(server.port, [name])
        await play([satellite], script)
        close([satellite])
        if satellite.detections:
            word_end = satellite.sent[0] + before + end_of_speech(clip)
            found.append(1_000 * (satellite.detections[0][0] - word_end))
    return found


async def measure_false_accepts(
    server: Server, names: Sequence[str], clips: dict[str, bytes]
) -> dict[str, list[str]]:
    """Return the wake words detected in clips that contain none."""
    detected: dict[str, list[str]] = {}
    waiting = sorted(clips.items(), key=lambda clip: -len(clip[1]))

    async def listen() -> None:
        while waiting:
            name, pcm = waiting.pop(0)
            satellite = await connect(server.port, names)
            await play([satellite], Script(noise(0.5, 1) + pcm + noise(1.0, 2), 80))
            close([satellite])
            detected[name] = sorted({word for _, word in satellite.detections})

    await asyncio.gather(*(listen() for _ in range(PARALLEL_NEGATIVES)))
    return {name: words for name, words in detected.items() if words}


async def peer_scores(python: Path, words: dict[str, bytes]) -> dict[str, float]:
    """Return the peer's best score of each wake word in its clip."""
    scores = {}
    for word, clip in words.items():
        name = PEER_NAMES.get(word, word)
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            options = ("--debug-probability", "--debug", "--output-dir", str(folder))
            server = await stack.enter_async_context(run_peer(python, [name], *options))
            satellite = await connect(server.port, [name])
            await play([satellite], Script(noise(1.0, 0) + clip + noise(1.5, 9), 80))
            close([satellite])
            scores[word] = _best(folder)
    return scores


def _best(folder: Path) -> float:
    """Return the best score in the peer's output, whose lines end in a score or `detected`."""
    lines = [line.split() for path in folder.glob("*.txt") for line in path.open()]
    return max((float(line[-1]) for line in lines if line[-1] != "detected"), default=float("nan"))


def our_scores(words: dict[str, Path]) -> dict[str, float]:
    """Return our best score of each wake word in its clip."""
    scores = {}
    for word, path in words.items():
        command = [sys.executable, "-m", "wyoming_servers", "wake", "test", str(path)]
        command += ["--word", word, "--json", "--set", "downloads.offline=true"]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        scores[word] = json.loads(answer.stdout)["files"][0]["peaks"][word]
    return scores


def install_peer() -> Path:
    """Create an environment with the peer and return its Python."""
    python = PEER_VENV / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(PEER_VENV)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PEER_PACKAGES], check=True)
    return python


async def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run all measurements and return the results."""
    paths = sorted(arguments.speech.rglob("*.wav"))
    words = {path.stem.removeprefix("wake_"): path for path in paths if path.stem[:5] == "wake_"}
    others = {path.name: read(path) for path in paths if path not in words.values()}
    speech = b"".join(others[name] for name in arguments.talk)
    clips = {word: read(path) for word, path in words.items()}
    word = arguments.word
    peer_names = [PEER_NAMES.get(name, name) for name in clips]
    python = arguments.peer_python or install_peer()
    result: dict[str, Any] = {
        "machine": machine(),
        "began": time.strftime("%Y-%m-%d %H:%M"),
        "others_running": os.getloadavg()[0],
    }
    async with AsyncExitStack() as stack:
        us = await stack.enter_async_context(run_conductor(*arguments.set))
        them = await stack.enter_async_context(run_peer(python, peer_names))
        both = [
            (us, {name: name for name in clips}),
            (them, dict(zip(clips, peer_names, strict=True))),
        ]
        result["loads"] = await measure_loads(arguments, both, word, clips[word], speech)
        await rest(arguments)
        result["starts"] = await measure_starts(arguments, both, word, clips[word], speech)
        result["latency"] = await measure_latencies(arguments, both, clips)
        result["false_accepts"] = {
            server.name: await measure_false_accepts(server, list(names.values()), others)
            for server, names in both
        }
        result["seconds_without_a_word"] = sum(map(len, others.values())) / MS_BYTES / 1_000
    result["scores"] = {
        us.name: our_scores(words),
        them.name: await peer_scores(python, clips),
    }
    return result


async def rest(arguments: argparse.Namespace) -> None:
    """Pause between two kinds of measurement."""
    await asyncio.sleep(0 if arguments.quick else 3)


Both = Sequence[tuple[Server, dict[str, str]]]


async def measure_loads(
    arguments: argparse.Namespace, both: Both, word: str, clip: bytes, speech: bytes
) -> list[dict[str, Any]]:
    """Measure increasing numbers of streams, until a server is overloaded."""
    measured = []
    for chunk_ms, counts in ((80, arguments.streams), (10, arguments.small_chunks)):
        script = conversation(clip, speech, 15.0, chunk_ms)
        delays = {us.name: await calibrate(us.port, names[word], script) for us, names in both}
        failures = dict.fromkeys(delays, 0)
        for count in counts:
            for server, names in both:
                if failures[server.name] == MAX_FAILURES:
                    continue
                rounds = [
                    await measure_load(
                        server, names[word], script, delays[server.name], count, arguments.seconds
                    )
                    for _ in range(arguments.rounds)
                ]
                good = [found for found in rounds if found.in_time]
                load = min(good or rounds, key=lambda found: found.lag_p95_ms)
                failures[server.name] = 0 if good else failures[server.name] + 1
                measured.append(asdict(load) | {"in_time": load.in_time})
                print(json.dumps(measured[-1]), flush=True)
    return measured


async def measure_starts(
    arguments: argparse.Namespace, both: Both, word: str, clip: bytes, speech: bytes
) -> dict[str, list[float]]:
    """Measure the lag of the first detections when many streams start at the same time."""
    script = conversation(clip, speech, 3.0, 80)
    found: dict[str, list[float]] = {server.name: [] for server, _ in both}
    delays = {us.name: await calibrate(us.port, names[word], script) for us, names in both}
    for _ in range(arguments.rounds + 1):
        for server, names in both:
            worst = await measure_start(server, names[word], script, delays[server.name])
            found[server.name].append(worst)
            print(
                f"{server.name}: {SIMULTANEOUS_STARTS} starts, worst lag {worst:.0f} ms", flush=True
            )
    return found


async def measure_latencies(
    arguments: argparse.Namespace, both: Both, clips: dict[str, bytes]
) -> dict[str, dict[str, float | None]]:
    """Measure the time from the end of each wake word to its detection."""
    found: dict[str, dict[str, float | None]] = {server.name: {} for server, _ in both}
    for word, clip in clips.items():
        for server, names in both:
            times = await measure_latency(server, names[word], clip, arguments.repeat)
            detected = len(times) == arguments.repeat
            found[server.name][word] = statistics.median(times) if detected else None
            print(f"{server.name}: {word} {found[server.name][word]} ms", flush=True)
    return found


def numbers(text: str) -> list[int]:
    """Parse a list such as `1,8,16`."""
    return [int(part) for part in text.split(",") if part]


def main() -> None:
    """Parse the arguments, measure, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--speech", type=Path, required=True, help="folder with WAV files")
    parser.add_argument("--word", default="hey_jarvis", help="wake word of the load measurements")
    parser.add_argument(
        "--talk", nargs="*", default=["jfk.wav"], help="recordings between the wake words"
    )
    parser.add_argument("--peer-python", type=Path, help="Python with wyoming-openwakeword")
    parser.add_argument("--streams", type=numbers, default=[1, 8, 16, 32, 64, 100, 128, 160])
    parser.add_argument("--small-chunks", type=numbers, default=[1, 16, 64, 100], metavar="N,N")
    parser.add_argument("--seconds", type=float, default=16.0, help="duration of each load")
    parser.add_argument("--rounds", type=int, default=2, help="repetitions of each load")
    parser.add_argument("--repeat", type=int, default=5, help="repetitions of each wake word")
    parser.add_argument(
        "--set", action="append", default=[], help="additional setting of our server"
    )
    parser.add_argument("--quick", action="store_true", help="no pauses between measurements")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument("--write", action="store_true", help="update docs/performance.md")
    arguments = parser.parse_args()
    result = asyncio.run(run(arguments))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2), encoding="utf-8")
    print(report.tables(result))
    if arguments.write:
        write_section(ROOT / "docs" / "performance.md", "wake", report.tables(result))
        report.plot(result, ROOT / "docs" / "images" / "wake.png")


if __name__ == "__main__":
    main()
