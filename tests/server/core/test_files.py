"""Small files that are replaced at once."""

import os
from pathlib import Path

import pytest

from wyoming_servers.core.errors import CapacityError
from wyoming_servers.core.files import (
    remove_file,
    write_private,
)


def test_a_file_is_replaced_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_private(path, "old")
    write_private(path, "new é")
    assert path.read_text("utf-8") == "new é"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in path.parent.iterdir()] == ["file"]


def test_the_old_text_stays_where_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    write_private(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CapacityError, match="No space left"):
        write_private(path, "new")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_file_that_is_gone_need_not_be_removed(tmp_path: Path) -> None:
    remove_file(tmp_path / "nothing")
    with pytest.raises(CapacityError):
        remove_file(tmp_path)
