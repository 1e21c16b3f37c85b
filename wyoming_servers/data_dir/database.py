"""Opens SQLite files with numbered schema migrations; each user of a database has its own file.

A statement either takes effect and survives a power cut, or raises StorageError and changes
nothing; that holds for cancelled callers too.
"""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from sqlite3 import Row
from typing import Any, Final

import aiosqlite

from wyoming_servers.core.errors import LoadFailedError, StorageError
from wyoming_servers.core.files import protect
from wyoming_servers.data_dir.set_aside import DamagedFiles

_BUSY_SECONDS: Final = 10.0
"""Time to wait while another process (a backup, the sqlite3 shell) has the file locked."""

_SETTINGS: Final = (
    "PRAGMA journal_mode = WAL",
    # What was acknowledged to a client must survive a power cut; there are few transactions.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
)

_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""Primary result codes that say that the content is wrong, not the disk or the permissions."""

# At debug level aiosqlite logs every statement with its values: private texts, URLs with tokens.
logging.getLogger("aiosqlite").setLevel(logging.INFO)


class DamagedFileError(LoadFailedError):
    """Raised when a file is no database of this version of the program."""


class Database:
    """One open file. Statements of several tasks run one after the other."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._lock = asyncio.Lock()
        """All statements share a connection; none may run inside another one's transaction."""

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        """Run one statement and return its rows. Raises StorageError, IntegrityError."""
        async with self._lock:
            return await self._execute(sql, *values)

    async def fetch_one(self, sql: str, *values: Any) -> Row | None:
        """Run one statement and return its first row, if any. Raises as `fetch`."""
        rows = await self.fetch(sql, *values)
        return rows[0] if rows else None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["Transaction"]:
        """Run the statements of the body as one; an error or a cancellation undoes all of them."""
        async with self._lock:
            try:
                await self._execute("BEGIN IMMEDIATE")
                yield Transaction(self)
                await self._execute("COMMIT")
            except BaseException:
                # A statement whose caller was cancelled still runs: always undo, after it.
                with contextlib.suppress(StorageError):
                    await self._execute("ROLLBACK")
                raise

    async def close(self) -> None:
        await self._connection.close()

    async def _execute(self, sql: str, *values: Any) -> list[Row]:
        with _storage_errors(self._path):
            # In one call: a statement whose rows are not read to the end is not committed.
            return list(await self._connection.execute_fetchall(sql, values))

    async def _execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        with _storage_errors(self._path):
            await self._connection.executemany(sql, rows)


class Transaction:
    """Statements of a transaction; all raise StorageError, IntegrityError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def fetch(self, sql: str, *values: Any) -> list[Row]:
        """Run one statement and return its rows."""
        return await self._database._execute(sql, *values)  # noqa: SLF001  (one module)

    async def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each row of values."""
        await self._database._execute_many(sql, rows)  # noqa: SLF001  (one module)


async def open_database(
    path: Path, migrations: Sequence[str], damaged: DamagedFiles | None = None
) -> Database:
    """Open or create the file and run the missing migrations; rows can be read by column name.

    A migration is an SQL script. Its index is its number, so only append new ones. A damaged file,
    or one of a newer version, is set aside and replaced by an empty one if `damaged` is given.
    Raises LoadFailedError for a file that cannot be used.
    """
    try:
        return await _open(path, migrations)
    except DamagedFileError as err:
        if damaged is None:
            raise
        try:
            await damaged.set_aside(path, err.message)
        except OSError as failure:
            raise LoadFailedError(f"{path} cannot be renamed: {failure}.") from err
        return await _open(path, migrations)


async def _open(path: Path, migrations: Sequence[str]) -> Database:
    connection: aiosqlite.Connection | None = None
    try:
        await asyncio.to_thread(_prepare_file, path)
        if await asyncio.to_thread(path.is_dir):
            raise DamagedFileError(f"{path.name} is a folder, not a database.")
        connection = await aiosqlite.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.row_factory = sqlite3.Row
        for setting in _SETTINGS:
            await connection.execute(setting)
        await _check(connection, path)
        await _migrate(connection, path, migrations)
    except (OSError, sqlite3.Error, MemoryError) as err:
        await _close(connection)
        hint = "Check permissions and disk. Move the file away to start with an empty one."
        message = f"{path} cannot be used: {err}."
        if _is_damage(err):
            raise DamagedFileError(message, hint=hint) from err
        raise LoadFailedError(message, hint=hint) from err
    except BaseException:
        await _close(connection)
        raise
    return Database(connection, path)


async def _close(connection: aiosqlite.Connection | None) -> None:
    if connection is not None:
        with contextlib.suppress(sqlite3.Error):
            await connection.close()


async def _check(connection: aiosqlite.Connection, path: Path) -> None:
    rows = list(await connection.execute_fetchall("PRAGMA quick_check(1)"))
    if [tuple(row) for row in rows] != [("ok",)]:
        raise DamagedFileError(f"{path} is damaged: {rows[0][0] if rows else 'no result'}.")


def _prepare_file(path: Path) -> None:
    """Make the folder, and keep other users from a file of an older version."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        protect(path)


async def _migrate(connection: aiosqlite.Connection, path: Path, migrations: Sequence[str]) -> None:
    rows = list(await connection.execute_fetchall("PRAGMA user_version"))
    version = int(rows[0][0])
    if version > len(migrations):
        raise DamagedFileError(
            f"{path} was written by a newer version of this program.",
            hint="Update it again, or move the file away.",
        )
    for number in range(version, len(migrations)):
        # Script and number in one transaction: a crash leaves the old schema.
        await connection.executescript(
            f"BEGIN IMMEDIATE; {migrations[number]}; PRAGMA user_version = {number + 1}; COMMIT;"
        )


def _is_damage(err: Exception) -> bool:
    """Whether the content of the file is wrong: not a full disk, a lock or a permission."""
    code = getattr(err, "sqlite_errorcode", None)
    # SQLITE_ERROR: the schema is not the one that the number of the version promises.
    return code is not None and (code & 0xFF in _DAMAGED or code == sqlite3.SQLITE_ERROR)


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except (sqlite3.Error, MemoryError) as err:
        raise StorageError(f"{path.name} cannot be read or written: {err}.") from err
