"""Measure Kokoro on this CPU: voices, a mix, speeds, first audio and real-time factor.

    python -m benchmarks.tts.kokoro --model GRAPH.onnx --voices VOICES [--rounds 5] [--all]
                                [--docs docs/performance.md]

`--all` also synthesizes with every voice of the file and reports which ones work with the installed
packages. The engine runs in this process; the text is segmented as for a client.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np

from benchmarks.common.report import (
    machine,
    write_section,
)
from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.engines.kokoro.engine import KokoroOnnxEngine
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.text.sample_sentences import sample_sentence
from wyoming_servers.text.segment import Segmenter

_VOICES = (
    *("af_heart", "am_michael", "bf_emma", "ef_dora"),
    *("ff_siwis", "hf_alpha", "if_sara", "pf_dora"),
)
_MIX = "af_heart*0.7+am_michael*0.3"
_SPEEDS = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
_RATE = 24_000
_AUDIBLE = 1_000
"""16-bit peak that silence and faint noise do not reach."""


class LoadedEngine:
    """A loaded engine with the languages of its voices."""

    def __init__(self, model: Path, voices: Path) -> None:
        self._engine = KokoroOnnxEngine()
        files = {"model": str(model), "voices": str(voices)}
        spec = ModelSpec("kokoro/onnx", Task.TTS, "kokoro-onnx", files=files)
        began = time.perf_counter()
        self._engine.load(spec, Placement(), lambda phase, percent: None)
        self._engine.warm_up()
        self.load_seconds = time.perf_counter() - began
        entry = builtin_catalog().get("kokoro/onnx")
        self.languages = {offer.name: offer.languages[0] for offer in entry.offers}

    def text(self, voice: str) -> str:
        """Return the sample text of a voice's language."""
        return sample_sentence(self.languages[voice.partition("*")[0]])

    def synthesize(self, text: str, voice: str, speed: float = 1.0) -> tuple[float, float, float]:
        """Return the seconds until the first audio, until the end, and of the audio itself."""
        segmenter = Segmenter(self.languages[voice.partition("*")[0]])
        began = time.perf_counter()
        first, samples = 0.0, 0
        for segment in (*segmenter.feed(text), *segmenter.finish()):
            session = self._engine.open({"text": segment.text, "voice": voice, "speed": speed})
            for output in session.finish():
                first = first or time.perf_counter() - began
                samples += len(output.payload) // 2
                if np.abs(np.frombuffer(output.payload, "<i2").astype(int)).max() < _AUDIBLE:
                    raise ValueError(f"{voice} is silent")
        return first, time.perf_counter() - began, samples / _RATE


def measure_voices(bench: LoadedEngine, rounds: int) -> list[str]:
    """Measure a voice of each language without further requirements, and a mix."""
    rows = [
        "| voice | language | speech (s) | first audio (ms) | real-time factor |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    results: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(rounds):
        for voice in (*_VOICES, _MIX):
            results.setdefault(voice, []).append(bench.synthesize(bench.text(voice), voice))
    for voice, runs in results.items():
        first, total, seconds = (statistics.median(column) for column in zip(*runs, strict=True))
        language = bench.languages[voice.partition("*")[0]]
        rows.append(
            f"| {voice} | {language} | {seconds:.1f} | {first * 1_000:.0f} "
            f"| {total / seconds:.2f} |"
        )
    return rows


def measure_speeds(bench: LoadedEngine) -> list[str]:
    """Compare the length of speech at each speed with the requested length."""
    rows = [
        "| voice | " + " | ".join(f"{speed:g}" for speed in _SPEEDS) + " |",
        "| --- |" + " ---: |" * len(_SPEEDS),
    ]
    for voice in ("af_heart", "bf_emma", "ef_dora", _MIX):
        lengths = {speed: bench.synthesize(bench.text(voice), voice, speed)[2] for speed in _SPEEDS}
        ratios = (lengths[speed] * speed / lengths[1.0] for speed in _SPEEDS)
        rows.append(f"| {voice} | " + " | ".join(f"{ratio:.2f}" for ratio in ratios) + " |")
    return rows


def check_all_voices(bench: LoadedEngine) -> str:
    """Synthesize with every voice; return which ones work."""
    silent = {}
    for voice in bench.languages:
        try:
            bench.synthesize(bench.text(voice), voice)
        except (ConductorError, ValueError) as err:
            silent[voice] = str(err)
    able = len(bench.languages) - len(silent)
    text = f"{able} of {len(bench.languages)} voices work with the installed packages."
    for reason in dict.fromkeys(silent.values()):
        names = ", ".join(voice for voice, why in silent.items() if why == reason)
        text += f" Not {names}: {reason}"
    return text


def main() -> None:
    """Parse the arguments, measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--docs", type=Path)
    args = parser.parse_args()
    bench = LoadedEngine(args.model, args.voices)
    conditions = f"Medians of {args.rounds} rounds on {machine()}"
    rows = [
        f"{conditions}; loaded and warm after {bench.load_seconds:.1f} s.",
        "",
        *measure_voices(bench, args.rounds),
        "",
        "Length of speech at each speed, multiplied by the speed, relative to its length at 1:",
        "",
        *measure_speeds(bench),
    ]
    if args.all:
        rows += ["", check_all_voices(bench)]
    print("\n".join(rows))
    if args.docs:
        write_section(args.docs, "kokoro", "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
