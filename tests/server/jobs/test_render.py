"""Samples to files that players understand."""

import asyncio
from pathlib import Path

import av
import numpy as np
import pytest

from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import InternalError
from wyoming_servers.jobs.render import write_audio_file


def write(path: Path, rate: int, seconds: float) -> Path:
    time = np.arange(int(rate * seconds)) / rate
    path.write_bytes((8_000 * np.sin(2 * np.pi * 440 * time)).astype("<i2").tobytes())
    return path


def measure(path: Path) -> tuple[str, float, float]:
    """Return the codec, the length that the file says and the length that it has."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        said = float(stream.duration * stream.time_base)
        samples = sum(frame.samples for frame in container.decode(stream))
        return stream.codec_context.name, said, samples / stream.rate


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [("wav", "pcm_s16le", 22_050), ("flac", "flac", 22_050), ("mp3", "mp3float", 20_000)],
)
async def test_a_file_is_written_and_says_how_long_it_is(
    name: str, codec: str, rate: int, tmp_path: Path
) -> None:
    samples = await asyncio.to_thread(write, tmp_path / "x.pcm", rate, 3.0)
    target = tmp_path / f"x.{name}"
    await write_audio_file(samples, AudioFormat(rate), target, name)
    found, said, real = await asyncio.to_thread(measure, target)
    assert found == codec
    assert said == pytest.approx(3.0, abs=0.1)
    assert real == pytest.approx(3.0, abs=0.1)
    assert {path.name for path in await asyncio.to_thread(lambda: list(tmp_path.iterdir()))} == {
        "x.pcm",
        target.name,
    }


async def test_a_file_that_cannot_be_written_is_told_with_the_reason(tmp_path: Path) -> None:
    samples = await asyncio.to_thread(write, tmp_path / "x.pcm", 16_000, 0.1)
    with pytest.raises(InternalError, match="No such file or directory"):
        await write_audio_file(samples, AudioFormat(16_000), tmp_path / "nowhere" / "x.wav", "wav")


async def test_who_leaves_early_leaves_no_process(tmp_path: Path) -> None:
    samples = await asyncio.to_thread(write, tmp_path / "x.pcm", 16_000, 0.1)
    task = asyncio.create_task(
        write_audio_file(samples, AudioFormat(16_000), tmp_path / "x.wav", "wav")
    )
    await asyncio.sleep(0.1)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not (tmp_path / "x.wav").exists()
