"""Stores registered webhooks, and all messages with their state, in SQLite."""

import json
import uuid
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from sqlite3 import Row
from typing import Final, Self

from wyoming_servers.core.errors import NotFoundError
from wyoming_servers.data_dir.database import Database, open_database
from wyoming_servers.data_dir.set_aside import DamagedFiles

_MIGRATIONS: Final = (
    """
    CREATE TABLE hooks (
        id TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        events TEXT NOT NULL,
        created REAL NOT NULL
    );
    CREATE TABLE deliveries (
        id TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        event TEXT NOT NULL,
        url TEXT NOT NULL,
        body TEXT NOT NULL,
        status TEXT NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        http_status INTEGER,
        error TEXT NOT NULL DEFAULT '',
        created REAL NOT NULL,
        completed REAL
    );
    CREATE INDEX deliveries_by_number ON deliveries (number);
    """,
)


class DeliveryStatus(StrEnum):
    """State of a message."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Webhook:
    """A registered address and the events it gets."""

    id: str
    url: str
    events: tuple[str, ...]
    """`job`, `model` or both."""
    created: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message to one address."""

    id: str
    event: str
    """Such as `job` or `model_ready`."""
    url: str
    body: str
    """JSON."""
    status: DeliveryStatus
    attempts: int
    http_status: int | None
    error: str
    created: float
    completed: float | None


class DeliveryStorage:
    """The database; create it with `open`, end it with `close`.

    Every method is one statement, and raises StorageError if the disk or the database refuses.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    @classmethod
    async def open(cls, path: Path, damaged: DamagedFiles | None = None) -> Self:
        """Open or create the file; a damaged one is set aside. Raises LoadFailedError."""
        return cls(await open_database(path, _MIGRATIONS, damaged))

    async def close(self) -> None:
        await self._database.close()

    async def add_webhook(self, url: str, events: tuple[str, ...], now: float) -> Webhook:
        """Register an address."""
        webhook = Webhook(str(uuid.uuid4()), url, events, now)
        await self._database.fetch(
            "INSERT INTO hooks VALUES (?, ?, ?, ?)", webhook.id, url, json.dumps(events), now
        )
        return webhook

    async def webhooks(self) -> list[Webhook]:
        """Return the registered webhooks, oldest first."""
        rows = await self._database.fetch("SELECT * FROM hooks ORDER BY created, id")
        return [
            Webhook(row["id"], row["url"], tuple(json.loads(row["events"])), row["created"])
            for row in rows
        ]

    async def remove_webhook(self, webhook: str) -> None:
        """Delete a registered webhook. Raises NotFoundError."""
        if not await self._database.fetch("DELETE FROM hooks WHERE id = ? RETURNING id", webhook):
            raise NotFoundError(f"webhook {webhook[:80]} not found")

    async def add(self, event: str, url: str, body: str, now: float, key: str = "") -> str | None:
        """Store a message and return its id; None if one with the same key exists."""
        rows = await self._database.fetch(
            "INSERT INTO deliveries (id, number, event, url, body, status, created) VALUES "
            "(?, (SELECT coalesce(max(number), 0) + 1 FROM deliveries), ?, ?, ?, 'pending', ?) "
            "ON CONFLICT (id) DO NOTHING RETURNING id",
            *(key or str(uuid.uuid4()), event, url, body, now),
        )
        return rows[0]["id"] if rows else None

    async def get(self, delivery: str) -> Delivery:
        """Return a message. Raises NotFoundError."""
        rows = await self._database.fetch("SELECT * FROM deliveries WHERE id = ?", delivery)
        if not rows:
            raise NotFoundError(f"delivery {delivery[:80]} not found")
        return _delivery_from_row(rows[0])

    async def latest(self, limit: int) -> list[Delivery]:
        """Return messages, newest first."""
        rows = await self._database.fetch(
            "SELECT * FROM deliveries ORDER BY number DESC LIMIT ?", limit
        )
        return [_delivery_from_row(row) for row in rows]

    async def pending_ids(self) -> list[str]:
        """Return the ids of messages that are not delivered yet, oldest first."""
        rows = await self._database.fetch(
            "SELECT id FROM deliveries WHERE status = 'pending' ORDER BY number"
        )
        return [row["id"] for row in rows]

    async def record_attempt(
        self,
        delivery: str,
        status: DeliveryStatus,
        *,
        attempts: int,
        http_status: int | None,
        error: str,
        completed: float | None,
    ) -> None:
        """Store the result of an attempt."""
        await self._database.fetch(
            "UPDATE deliveries SET status = ?, attempts = ?, http_status = ?, error = ?, "
            "completed = ? WHERE id = ?",
            *(status, attempts, http_status, error, completed, delivery),
        )

    async def prune(self, before: float) -> None:
        """Delete messages that ended before `before`, in seconds since 1970."""
        await self._database.fetch("DELETE FROM deliveries WHERE completed < ?", before)


def _delivery_from_row(row: Row) -> Delivery:
    values = {name: row[name] for name in row.keys() if name != "number"}  # noqa: SIM118
    return Delivery(**values | {"status": DeliveryStatus(row["status"])})
