"""Whisper's short windows on a real card: the same words as its long ones, alone and together."""

import asyncio
import time
import wave
from pathlib import Path

import pytest
from gpu_scheduler import MIB, OpenScheduler, Report, RunningScheduler, whisper

from benchmarks.common.word_errors import word_errors

pytestmark = pytest.mark.gpu

DATA = Path(__file__).parents[2] / "data"
CLIPS = ("cards_001", "cards_003", "goforward", "digits_2934z", "librivox_0870", "librivox_0890")


@pytest.fixture(scope="session")
def real(request: pytest.FixtureRequest) -> Path:
    """The folder of whisper/tiny.en with its real weights."""
    folder: Path | None = request.config.getoption("--gpu-real")
    if folder is None:
        pytest.skip("--gpu-real names no model folder")
    return folder


def recording(name: str) -> bytes:
    """Return a recording with the silence that ends a turn."""
    with wave.open(str(DATA / f"{name}.wav")) as file:
        return file.readframes(file.getnframes()) + bytes(22_400)


async def transcribe(it: RunningScheduler, model: str, pcm: bytes) -> str:
    async with (
        it.coordinator.lease(model) as lease,
        lease.open({"language": "en"}, payload=pcm) as run,
    ):
        return str((await run.result())["text"])


async def test_short_windows_transcribe_like_long_ones_on_the_gpu(
    open_scheduler: OpenScheduler, real: Path, report: Report
) -> None:
    specs = (
        whisper("short", real, memory_bytes=700 * MIB),
        whisper("long", real, memory_bytes=700 * MIB, options={"short_window": False}),
    )
    async with open_scheduler(*specs) as it:
        transcripts: dict[str, list[str]] = {}
        seconds: dict[str, float] = {}
        for model in ("short", "long"):
            await it.coordinator.wait_ready(model)
            began = time.perf_counter()
            transcripts[model] = [await transcribe(it, model, recording(name)) for name in CLIPS]
            seconds[model] = (time.perf_counter() - began) / len(CLIPS)
        pairs = list(zip(transcripts["long"], transcripts["short"], strict=True))
        # One word of seventy may fall differently: the windows differ in their silence.
        assert sum(word_errors(long, short).edits for long, short in pairs) <= 1
        expected = [(DATA / f"{name}.txt").read_text(encoding="utf-8") for name in CLIPS]
        errors = [word_errors(*pair) for pair in zip(expected, transcripts["short"], strict=True)]
        assert sum(each.edits for each in errors) <= 0.15 * sum(each.words for each in errors)
        report.add(
            "Whisper tiny.en, windows as short as the speech",
            short_ms=round(seconds["short"] * 1_000),
            long_ms=round(seconds["long"] * 1_000),
        )


async def test_batched_utterances_transcribe_like_single_ones_on_the_gpu(
    open_scheduler: OpenScheduler, real: Path, report: Report
) -> None:
    async with open_scheduler(whisper("tiny.en", real, memory_bytes=700 * MIB)) as it:
        await it.coordinator.wait_ready("tiny.en")
        began = time.perf_counter()
        alone = [await transcribe(it, "tiny.en", recording(name)) for name in CLIPS]
        between = time.perf_counter()
        together = await asyncio.gather(
            *(transcribe(it, "tiny.en", recording(name)) for name in CLIPS)
        )
        ended = time.perf_counter()
        pairs = list(zip(alone, together, strict=True))
        # In float16 a sum depends on the shape of the batch in its last digit.
        assert sum(word_errors(*pair).edits for pair in pairs) <= 1
        report.add(
            "Whisper tiny.en, six utterances",
            one_after_the_other_ms=round((between - began) * 1_000),
            at_once_ms=round((ended - between) * 1_000),
        )
