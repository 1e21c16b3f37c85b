"""Files of jobs: samples over restarts, quotas, and files that disappear meanwhile."""

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import AudioFormat
from wyoming_servers.core.errors import BusyError, InternalError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.data_dir.set_aside import DamagedFiles
from wyoming_servers.jobs.files import JobFiles, PcmTrack, folder_bytes

AUDIO = AudioFormat(1_000)
LINE = b"\x01\x00" * 100


async def content(path: Path) -> bytes:
    return await asyncio.to_thread(path.read_bytes)


async def test_track_has_lines_at_their_times_with_silence_between(tmp_path: Path) -> None:
    track = PcmTrack(tmp_path / "x.pcm", 10_000)
    await track.resume(None, 0.0)
    assert await track.write_at(LINE, AUDIO, 0.5, 0.0) == 0.6
    assert await track.write_at(LINE, AUDIO, 0.6, 0.6) == 0.7
    assert await content(tmp_path / "x.pcm") == bytes(1_000) + 2 * LINE


async def test_track_replaces_what_an_interrupted_run_wrote(tmp_path: Path) -> None:
    path = tmp_path / "x.pcm"
    await PcmTrack(path, 10_000).write_at(3 * LINE, AUDIO, 0.0, 0.0)
    again = PcmTrack(path, 10_000)
    await again.resume(AUDIO, 0.1)
    assert await again.write_at(LINE, AUDIO, 0.2, 0.1) == pytest.approx(0.3)
    assert await content(path) == LINE + bytes(200) + LINE


async def test_track_detects_missing_samples(tmp_path: Path) -> None:
    with pytest.raises(InternalError, match="is missing"):
        await PcmTrack(tmp_path / "x.pcm", 10_000).resume(AUDIO, 0.1)


async def test_tracks_share_a_quota(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "other.wav").write_bytes, bytes(500))
    with pytest.raises(BusyError):
        await PcmTrack(tmp_path / "x.pcm", 600).write_at(LINE, AUDIO, 0.0, 0.0)
    await PcmTrack(tmp_path / "x.pcm", 700).write_at(LINE, AUDIO, 0.0, 0.0)


async def test_silence_of_a_track_counts_as_disk_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cue at 24:00:00 in a file of 39 bytes."""
    usage = shutil._ntuple_diskusage(10**12, 0, 170_000_000)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    track = PcmTrack(tmp_path / "x.pcm", 10**12)
    with pytest.raises(BusyError, match="disk is nearly full"):
        await track.write_at(LINE, AUDIO, 86_400.0, 0.0)
    assert not (tmp_path / "x.pcm").exists()


async def test_orphan_removal_ignores_files_that_disappear(
    tmp_path: Path, bus: EventBus, clock: FakeClock
) -> None:
    files = JobFiles(tmp_path)
    await files.prepare(DamagedFiles(bus, clock))
    # Listed, but not found afterwards, as a file that is deleted in between.
    await asyncio.to_thread((files.uploads / "gone").symlink_to, tmp_path / "missing")
    old = files.uploads / "old"
    await asyncio.to_thread(old.write_bytes, b"")
    await asyncio.to_thread(os.utime, old, (1, 1))
    await files.remove_orphans(set(), set())
    assert not old.exists()


async def test_folder_size_ignores_files_that_disappear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("gone", "here"):
        await asyncio.to_thread((tmp_path / name).write_bytes, bytes(100))
    real_stat = Path.stat

    def stat_once(path: Path, **options: bool) -> os.stat_result:
        status = real_stat(path, **options)
        if path.name == "gone":
            path.unlink()
        return status

    monkeypatch.setattr(Path, "stat", stat_once)
    assert await asyncio.to_thread(folder_bytes, tmp_path) in (100, 200)
