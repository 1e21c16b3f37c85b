"""Atomic replacement of files."""

import os
import stat
import threading
from pathlib import Path

import pytest

from wyoming_servers.core.errors import CapacityError
from wyoming_servers.core.files import atomic_path, atomic_write, remove_file, write_private


def names(folder: Path) -> list[str]:
    return sorted(found.name for found in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("content", ["new é", b"\x00\xff"])
def test_atomic_write_replaces_the_file_and_creates_its_folder(
    tmp_path: Path, content: str | bytes
) -> None:
    path = tmp_path / "deep" / "file"
    atomic_write(path, "old")
    atomic_write(path, content)
    assert path.read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert names(path.parent) == ["file"]


def test_atomic_write_sets_the_mode(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        atomic_write(tmp_path / "public", "x")
        atomic_write(tmp_path / "private", "x", mode=0o600)
    finally:
        os.umask(before)
    assert mode(tmp_path / "public") == 0o644
    assert mode(tmp_path / "private") == 0o600


def test_atomic_write_syncs_the_file_before_the_rename_and_the_folder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    atomic_write(path, "old")
    synced: list[tuple[str, str]] = []
    real = os.fsync

    def record(descriptor: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file"
        synced.append((kind, path.read_text()))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    atomic_write(path, "new")
    assert synced == [("file", "old"), ("folder", "new")]


def test_atomic_write_skips_the_sync_for_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: int) -> None:
        raise AssertionError("fsync")

    monkeypatch.setattr(os, "fsync", forbidden)
    atomic_write(tmp_path / "file", "x", durable=False)
    assert (tmp_path / "file").read_text() == "x"


def test_atomic_write_keeps_the_old_file_where_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    atomic_write(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        atomic_write(path, "new")
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_atomic_write_accepts_a_file_system_without_folder_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def unsupported(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", unsupported)
    atomic_write(tmp_path / "file", "x")
    assert (tmp_path / "file").read_text() == "x"


def test_atomic_write_by_several_threads_leaves_one_whole_content(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [str(number) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=atomic_write, args=(path, text)) for text in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in contents
    assert names(tmp_path) == ["file"]


def test_atomic_write_takes_the_longest_file_name(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    atomic_write(path, "x")
    assert path.read_text() == "x"


def test_atomic_path_is_deleted_when_the_body_raises(tmp_path: Path) -> None:
    path = tmp_path / "file"
    atomic_write(path, "old")

    def fail(temporary: Path) -> None:
        temporary.write_text("new")
        raise KeyError

    with pytest.raises(KeyError), atomic_path(path) as temporary:
        fail(temporary)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file"]


def test_write_private_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_private(path, "old")
    write_private(path, "new é")
    assert path.read_text("utf-8") == "new é"
    assert mode(path) == 0o600


def test_write_private_raises_capacity_error_where_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CapacityError, match="No space left"):
        write_private(tmp_path / "file", "new")


def test_remove_file_ignores_a_missing_file_and_reports_other_failures(tmp_path: Path) -> None:
    remove_file(tmp_path / "nothing")
    with pytest.raises(CapacityError):
        remove_file(tmp_path)
