"""Opens SQLite files with numbered schema migrations; each user of a database has its own file."""

import asyncio
import logging
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import aiosqlite

from wyoming_servers.core.errors import LoadFailedError

_BUSY_SECONDS: Final = 10.0
"""Time to wait while another process (a backup, the sqlite3 shell) has the file locked."""

_SETTINGS: Final = (
    "PRAGMA journal_mode = WAL",
    # With WAL, a killed process loses nothing; a power cut may lose the last transactions.
    "PRAGMA synchronous = NORMAL",
    "PRAGMA foreign_keys = ON",
)

# At debug level aiosqlite logs every statement with its values: private texts, URLs with tokens.
logging.getLogger("aiosqlite").setLevel(logging.INFO)


async def open_database(path: Path, migrations: Sequence[str]) -> aiosqlite.Connection:
    """Open or create the file and run the missing migrations; rows can be read by column name.

    A migration is an SQL script. Its index is its number, so only append new ones. Raises
    LoadFailedError for an unusable file, such as one of a newer version.
    """
    connection: aiosqlite.Connection | None = None
    try:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
        connection = await aiosqlite.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        for setting in _SETTINGS:
            await connection.execute(setting)
        await _migrate(connection, path, migrations)
    except (OSError, sqlite3.Error) as err:
        if connection is not None:
            await connection.close()
        raise LoadFailedError(
            f"{path} cannot be used: {err}.",
            hint="Check permissions and disk. Move the file away to start with an empty one.",
        ) from err
    except BaseException:
        if connection is not None:
            await connection.close()
        raise
    return connection


async def _migrate(connection: aiosqlite.Connection, path: Path, migrations: Sequence[str]) -> None:
    async with connection.execute("PRAGMA user_version") as cursor:
        row = await cursor.fetchone()
    version = 0 if row is None else int(row[0])
    if version > len(migrations):
        raise LoadFailedError(
            f"{path} was written by a newer version of this program.",
            hint="Update it again, or move the file away.",
        )
    for number in range(version, len(migrations)):
        # Script and number in one transaction: a crash leaves the old schema.
        await connection.executescript(
            f"BEGIN IMMEDIATE; {migrations[number]}; PRAGMA user_version = {number + 1}; COMMIT;"
        )
