"""Recordings of any format decoded by the real child process."""

import asyncio
import os
import wave
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from wyoming_servers.core.errors import BadRequestError, InternalError
from wyoming_servers.media.decoder import (
    RecordingEnded,
    RecordingOpened,
    SilenceSkipped,
    decode_recording,
)
from wyoming_servers.media.recording_chunker import RecordingChunk

CLIP = Path(__file__).parents[2] / "data" / "librivox_0870.wav"


@pytest.fixture
def blockbuster() -> None:
    """The tests write small files on purpose."""


async def read(path: Path, **options) -> list:
    async with asyncio.timeout(60), decode_recording(path, **options) as events:
        return [event async for event in events]


def speech(rate: int = 44_100) -> np.ndarray:
    """Return the clip with two seconds of silence around it."""
    with wave.open(str(CLIP)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        times = np.arange(int(len(samples) * rate / file.getframerate())) / rate
        voice = np.interp(times * file.getframerate(), np.arange(len(samples)), samples)
    quiet = np.zeros(2 * rate)
    return np.concatenate([quiet, voice, quiet]).astype(np.int16)


@pytest.mark.parametrize(
    ("container", "codec", "video"),
    [
        ("wav", "pcm_s16le", False),
        ("mp3", "mp3", False),
        ("flac", "flac", False),
        ("ogg", "libopus", False),
        ("webm", "libopus", False),
        ("mp4", "aac", True),
        ("matroska", "ac3", True),
    ],
)
async def test_all_formats_give_the_same_speech(
    container, codec, video, encode, tmp_path: Path
) -> None:
    rate = 48_000
    path = tmp_path / "recording"
    path.write_bytes(encode(speech(rate), container=container, codec=codec, rate=rate, video=video))
    events = await read(path)
    chunks = [event for event in events if isinstance(event, RecordingChunk)]
    assert isinstance(events[0], RecordingOpened)
    assert isinstance(events[-1], RecordingEnded)
    assert events[-1].duration == pytest.approx(11.1, abs=0.2)
    assert 1.5 < chunks[0].start < 2.7
    assert 8.5 < chunks[-1].end < 9.7
    for chunk in chunks:
        assert len(chunk.pcm) / 32_000 == pytest.approx(chunk.end - chunk.start, abs=0.01)


async def test_decoding_can_start_at_a_position(tmp_path: Path, encode) -> None:
    path = tmp_path / "recording"
    path.write_bytes(encode(speech(), container="wav", codec="pcm_s16le"))
    whole = (await read(path, vad=False))[1]
    rest = (await read(path, skip=4.0, vad=False))[1]
    assert (rest.start, rest.end) == (4.0, whole.end)
    assert rest.pcm == whole.pcm[4 * 32_000 :]


async def test_long_silence_is_reported(tmp_path: Path, encode) -> None:
    path = tmp_path / "recording"
    quiet = np.zeros(35 * 16_000, np.int16)
    path.write_bytes(encode(quiet, container="wav", codec="pcm_s16le", rate=16_000))
    positions = [event.position for event in await read(path) if isinstance(event, SilenceSkipped)]
    assert len(positions) == 3
    assert positions == sorted(positions)


@pytest.mark.parametrize(
    "content",
    [b"\x00" * 4096, b"hello, this is no recording " * 100, os.urandom(20_000), b"RIFF\xff"],
    ids=["zeros", "text", "noise", "short"],
)
async def test_invalid_recording_is_rejected_with_the_reason(content, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(content)
    with pytest.raises(BadRequestError, match=r"decoded|no audio"):
        await read(path)


async def test_video_without_audio_is_rejected(tmp_path: Path, encode) -> None:
    path = tmp_path / "recording"
    path.write_bytes(encode(container="mp4", codec="", video=True))
    with pytest.raises(BadRequestError, match="no audio"):
        await read(path)


async def test_title_in_another_encoding_is_no_obstacle(tmp_path: Path, encode) -> None:
    data = encode(container="wav", codec="pcm_s16le")
    title = b"INFOINAM" + (6).to_bytes(4, "little") + "café ".encode("latin-1") + b"\0"
    chunks = b"WAVELIST" + len(title).to_bytes(4, "little") + title + data[12:]
    path = tmp_path / "recording"
    path.write_bytes(b"RIFF" + len(chunks).to_bytes(4, "little") + chunks)
    events = await read(path)
    assert isinstance(events[-1], RecordingEnded)


async def test_fault_of_the_decoder_is_not_blamed_on_the_recording(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="FileNotFoundError"):
        await read(tmp_path / "missing")


async def test_truncated_recording_gives_its_intact_part(tmp_path: Path, encode) -> None:
    path = tmp_path / "recording"
    data = encode(speech(), container="mp3", codec="mp3")
    path.write_bytes(data[: len(data) // 2] + os.urandom(3_000))
    events = await read(path)
    assert any(isinstance(event, RecordingChunk) for event in events)
    assert isinstance(events[-1], RecordingEnded)


async def test_playlist_opens_neither_files_nor_network(tmp_path: Path, encode) -> None:
    secret = tmp_path / "secret.ts"
    secret.write_bytes(encode(speech(), container="mpegts", codec="mp2"))
    asked = asyncio.Event()

    async def answer(_reader, writer) -> None:
        asked.set()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    targets = [str(secret), f"file://{secret}", f"http://127.0.0.1:{port}/x.ts"]
    for target in targets:
        playlist = tmp_path / "list.m3u8"
        playlist.write_text(
            f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n"
        )
        script = tmp_path / "list.ffconcat"
        script.write_text(f"ffconcat version 1.0\nfile '{target}'\n")
        for path in (playlist, script):
            with pytest.raises(BadRequestError):
                await read(path)
    assert not asked.is_set()
    server.close()
    await server.wait_closed()
    # The same list would be followed by a decoder that may open what it likes.
    with av.open(str(playlist.with_name("secret.ts"))) as container:
        assert container.streams.audio


async def test_decoder_gets_no_secret_and_low_priority(
    tmp_path: Path, encode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "s3cret")
    path = tmp_path / "recording"
    path.write_bytes(encode(np.tile(speech(), 4), container="wav", codec="pcm_s16le"))
    async with decode_recording(path) as events:
        await anext(events)
        (child,) = [
            child
            for child in psutil.Process().children()
            if "media.decoder_process" in " ".join(child.cmdline())
        ]
        assert "s3cret" not in str(child.environ())
        assert child.nice() >= 10


async def test_leaving_early_kills_the_decoder(tmp_path: Path, encode) -> None:
    path = tmp_path / "recording"
    path.write_bytes(encode(np.tile(speech(), 4), container="wav", codec="pcm_s16le"))
    async with decode_recording(path) as events:
        await anext(events)
        children = psutil.Process().children()
        assert [child for child in children if "media.decoder_process" in " ".join(child.cmdline())]
    left = [child for child in psutil.Process().children() if child in children]
    assert not left


async def test_crashed_decoder_is_a_bad_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nprintf 'it hurts' >&2\nkill -SEGV $$\n")
    broken.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(broken))
    with pytest.raises(BadRequestError, match="SIGSEGV"):
        await read(tmp_path / "recording")


async def test_decoder_memory_is_constant(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        for _ in range(120):
            file.writeframes(bytes(60 * 32_000))
    peaks = []
    async with decode_recording(path, vad=False) as events:
        chunks = 0
        async for event in events:
            chunks += isinstance(event, RecordingChunk)
            if chunks in (2, 120, 238):
                (child,) = [
                    child
                    for child in psutil.Process().children()
                    if "media.decoder_process" in " ".join(child.cmdline())
                ]
                peaks.append(child.memory_info().rss)
                chunks += 1
    assert max(peaks) - peaks[0] < 24 * 1024 * 1024
