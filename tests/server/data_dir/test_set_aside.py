"""Damaged files are renamed, never deleted, and reported."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import FileSetAside
from wyoming_servers.data_dir.database import open_database
from wyoming_servers.data_dir.set_aside import DamagedFiles, rename_damaged

SCHEMA = "CREATE TABLE one (a INTEGER)"

pytestmark = pytest.mark.usefixtures("no_blockbuster")


@pytest.fixture
def no_blockbuster(blockbuster) -> None:
    """These tests read folders themselves."""
    blockbuster.deactivate()


@pytest.fixture
def bus(clock: FakeClock) -> EventBus:
    return EventBus(clock)


@pytest.fixture
def damaged(bus: EventBus, clock: FakeClock) -> DamagedFiles:
    return DamagedFiles(bus, clock)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_renamed_file_has_the_time_in_its_name(tmp_path: Path) -> None:
    for content in ("first", "second"):
        (tmp_path / "x").write_text(content)
        rename_damaged(tmp_path / "x", 0.0)
    assert names(tmp_path) == ["x.broken-19700101-000000", "x.broken-19700101-000000-2"]
    assert (tmp_path / "x.broken-19700101-000000").read_text() == "first"


def test_companions_of_a_database_are_renamed_with_it(tmp_path: Path) -> None:
    for name in ("x", "x-wal", "x-shm"):
        (tmp_path / name).write_text(name)
    moved = rename_damaged(tmp_path / "x", 0.0)
    assert names(tmp_path) == [moved.name, f"{moved.name}-shm", f"{moved.name}-wal"]


@pytest.mark.parametrize("content", [b"something else" * 1_000, bytes(8_192)])
async def test_damaged_database_is_replaced_and_reported(
    content: bytes, tmp_path: Path, damaged: DamagedFiles, bus: EventBus
) -> None:
    path = tmp_path / "x.sqlite"
    path.write_bytes(content)
    with bus.subscribe() as events:
        database = await open_database(path, [SCHEMA], damaged)
        (event,) = [item.event for item in events.drain()]
    assert isinstance(event, FileSetAside)
    assert await asyncio.to_thread(Path(event.moved_to).read_bytes) == content
    assert await database.fetch("SELECT * FROM one") == []
    await database.close()
    (problem,) = damaged.problems()
    assert str(path) in problem


async def test_newer_database_is_set_aside_whole(tmp_path: Path, damaged: DamagedFiles) -> None:
    path = tmp_path / "x.sqlite"
    database = await open_database(path, [SCHEMA, "INSERT INTO one VALUES (7)"])
    await database.close()
    await (await open_database(path, [SCHEMA], damaged)).close()
    (moved,) = (tmp_path / name for name in names(tmp_path) if name.count(".broken-"))
    with closing(sqlite3.connect(moved)) as kept:
        assert kept.execute("SELECT a FROM one").fetchall() == [(7,)]


async def test_locked_database_is_not_set_aside(
    tmp_path: Path, damaged: DamagedFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wyoming_servers.data_dir.database._BUSY_SECONDS", 0.05)
    path = tmp_path / "x.sqlite"
    await (await open_database(path, [SCHEMA])).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(LoadFailedError, match="locked"):
            await open_database(path, [SCHEMA, "CREATE TABLE two (a)"], damaged)
    assert damaged.problems() == []
    assert path.exists()


async def test_file_in_the_place_of_a_folder_is_set_aside(
    tmp_path: Path, damaged: DamagedFiles
) -> None:
    (tmp_path / "uploads").write_text("x")
    await damaged.make_folder(tmp_path / "uploads")
    assert (tmp_path / "uploads").is_dir()
    assert len(names(tmp_path)) == 2


async def test_valid_and_missing_files_stay(tmp_path: Path, damaged: DamagedFiles) -> None:
    (tmp_path / "token").write_text("secret")
    for name in ("token", "missing"):
        await damaged.check(tmp_path / name, lambda content: content == b"secret", "wrong")
    assert names(tmp_path) == ["token"]
    assert damaged.problems() == []
