"""Samples on the disk, over restarts."""

import asyncio
from pathlib import Path

import pytest

from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import BusyError, InternalError
from wyoming_servers.jobs.files import PcmTrack

AUDIO = AudioFormat(1_000)
WORD = b"\x01\x00" * 100


async def content(path: Path) -> bytes:
    return await asyncio.to_thread(path.read_bytes)


async def test_lines_stand_at_their_times_with_silence_between(tmp_path: Path) -> None:
    track = PcmTrack(tmp_path / "x.pcm", 10_000)
    await track.resume(None, 0.0)
    assert await track.write_at(WORD, AUDIO, 0.5, 0.0) == 0.6
    assert await track.write_at(WORD, AUDIO, 0.6, 0.6) == 0.7
    assert await content(tmp_path / "x.pcm") == bytes(1_000) + 2 * WORD


async def test_what_a_run_wrote_before_it_died_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.pcm"
    await PcmTrack(path, 10_000).write_at(3 * WORD, AUDIO, 0.0, 0.0)
    again = PcmTrack(path, 10_000)
    await again.resume(AUDIO, 0.1)
    assert await again.write_at(WORD, AUDIO, 0.2, 0.1) == pytest.approx(0.3)
    assert await content(path) == WORD + bytes(200) + WORD


async def test_samples_that_are_gone_are_noticed(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="is gone"):
        await PcmTrack(tmp_path / "x.pcm", 10_000).resume(AUDIO, 0.1)


async def test_all_that_was_made_shares_a_quota(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "other.wav").write_bytes, bytes(500))
    with pytest.raises(BusyError):
        await PcmTrack(tmp_path / "x.pcm", 600).write_at(WORD, AUDIO, 0.0, 0.0)
    await PcmTrack(tmp_path / "x.pcm", 700).write_at(WORD, AUDIO, 0.0, 0.0)
