"""SQLite files with migrations."""

from pathlib import Path

import pytest

from wyoming_servers.core.errors import LoadFailedError
from wyoming_servers.data_dir.database import open_database

FIRST = "CREATE TABLE one (a INTEGER)"
SECOND = "ALTER TABLE one ADD COLUMN b TEXT DEFAULT 'new'; INSERT INTO one (a) VALUES (7)"


async def rows(path: Path, *migrations: str) -> list[tuple[object, ...]]:
    connection = await open_database(path, migrations)
    try:
        return [tuple(row) for row in await connection.fetch("SELECT * FROM one")]
    finally:
        await connection.close()


async def test_open_database_creates_the_file_and_runs_missing_migrations(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "x.sqlite"
    assert await rows(path, FIRST) == []
    assert await rows(path, FIRST, SECOND) == [(7, "new")]
    assert await rows(path, FIRST, SECOND) == [(7, "new")]


async def test_open_database_refuses_a_newer_version(tmp_path: Path) -> None:
    await rows(tmp_path / "x", FIRST, SECOND)
    with pytest.raises(LoadFailedError, match="newer version"):
        await rows(tmp_path / "x", FIRST)


async def test_failed_migration_keeps_the_old_schema(tmp_path: Path) -> None:
    await rows(tmp_path / "x", FIRST)
    with pytest.raises(LoadFailedError):
        await rows(tmp_path / "x", FIRST, "CREATE TABLE two (a); SELECT nonsense FROM nowhere")
    assert await rows(tmp_path / "x", FIRST, SECOND) == [(7, "new")]


async def test_open_database_refuses_another_file_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"something else" * 1_000)
    with pytest.raises(LoadFailedError, match="Move the file away"):
        await rows(tmp_path / "x", FIRST)
