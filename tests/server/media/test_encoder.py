"""Samples encoded into files and streams that players can read."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import InternalError
from wyoming_servers.media.encoder import StreamEncoder, encode_file
from wyoming_servers.media.formats import STREAM_FORMATS


def write_sine(path: Path, rate: int, seconds: float) -> Path:
    time = np.arange(int(rate * seconds)) / rate
    path.write_bytes((8_000 * np.sin(2 * np.pi * 440 * time)).astype("<i2").tobytes())
    return path


def encoders() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [child for child in children if "media.encoder_process" in " ".join(child.cmdline())]


def decoded_seconds(path: Path) -> float:
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        return sum(frame.samples for frame in container.decode(stream)) / stream.rate


def measure(path: Path) -> tuple[str, float, float]:
    """Return the codec, the duration in the header and that of the samples."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        declared = float(stream.duration * stream.time_base)
        samples = sum(frame.samples for frame in container.decode(stream))
        return stream.codec_context.name, declared, samples / stream.rate


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [("wav", "pcm_s16le", 22_050), ("flac", "flac", 22_050), ("mp3", "mp3float", 20_000)],
)
async def test_encoded_file_contains_its_duration(
    name: str, codec: str, rate: int, tmp_path: Path
) -> None:
    samples = await asyncio.to_thread(write_sine, tmp_path / "x.pcm", rate, 3.0)
    target = tmp_path / f"x.{name}"
    await encode_file(samples, AudioFormat(rate), target, name, partial=tmp_path / "partial")
    found, declared, decoded = await asyncio.to_thread(measure, target)
    assert found == codec
    assert declared == pytest.approx(3.0, abs=0.1)
    assert decoded == pytest.approx(3.0, abs=0.1)
    assert {path.name for path in await asyncio.to_thread(lambda: list(tmp_path.iterdir()))} == {
        "x.pcm",
        target.name,
    }


async def test_encoding_error_has_the_reason_of_the_child(tmp_path: Path) -> None:
    samples = await asyncio.to_thread(write_sine, tmp_path / "x.pcm", 16_000, 0.1)
    target = tmp_path / "missing" / "x.wav"
    with pytest.raises(InternalError, match="No such file or directory"):
        await encode_file(
            samples, AudioFormat(16_000), target, "wav", partial=target.with_suffix(".part")
        )


async def test_cancelled_encoding_leaves_neither_process_nor_file(tmp_path: Path) -> None:
    samples = await asyncio.to_thread(write_sine, tmp_path / "x.pcm", 16_000, 0.1)
    target, partial = tmp_path / "x.wav", tmp_path / "x.wav.part"
    task = asyncio.create_task(
        encode_file(samples, AudioFormat(16_000), target, "wav", partial=partial)
    )
    async with asyncio.timeout(10):
        while not (children := encoders()):  # noqa: ASYNC110  (a process has no event)
            await asyncio.sleep(0.002)
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert not target.exists()
    assert not any(child.is_running() for child in children)


@pytest.mark.parametrize("name", [*STREAM_FORMATS, "wav", "pcm"])
async def test_stream_encoder_yields_all_samples(name: str, tmp_path: Path) -> None:
    path = await asyncio.to_thread(write_sine, tmp_path / "x.pcm", 22_050, 2.0)
    pcm = await asyncio.to_thread(path.read_bytes)

    async def samples() -> AsyncIterator[bytes]:
        for start in range(0, len(pcm), 9_999):
            yield pcm[start : start + 9_999]

    async with StreamEncoder(name, samples(), AudioFormat(22_050)) as encoder:
        encoded = b"".join([data async for data in encoder])
    if name == "pcm":
        assert len(encoded) == pytest.approx(2 * 24_000 * 2, abs=200)
        return
    target = tmp_path / f"stream.{name}"
    await asyncio.to_thread(target.write_bytes, encoded)
    assert await asyncio.to_thread(decoded_seconds, target) == pytest.approx(2.0, abs=0.1)


async def test_stream_encoder_raises_the_error_of_its_samples() -> None:
    async def samples() -> AsyncIterator[bytes]:
        yield bytes(8_192)
        raise ZeroDivisionError

    async with StreamEncoder("mp3", samples(), AudioFormat(22_050)) as encoder:
        with pytest.raises(ZeroDivisionError):
            [data async for data in encoder]
