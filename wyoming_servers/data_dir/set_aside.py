"""Sets damaged files aside, so that the server starts whatever it finds in its data directory.

Speech needs none of the files that the server writes. One that is damaged, or of a newer version,
is renamed to `NAME.broken-YYYYMMDD-HHMMSS` and replaced by an empty one. Nothing is deleted. The
event `file_set_aside`, the log and `/health` tell the user.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import FileSetAside
from wyoming_servers.core.files import fsync_folder

_COMPANIONS: Final = ("-wal", "-shm", "-journal")
"""Suffixes of the files that belong to an SQLite file: its content is wrong without them."""


@dataclass(frozen=True, slots=True)
class DamagedFile:
    """A file or folder that was set aside."""

    path: Path
    moved_to: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path} was set aside as {self.moved_to.name}: {self.reason}"


class DamagedFiles:
    """Sets files aside, and remembers them until the server stops."""

    def __init__(self, bus: EventBus, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock
        self._found: list[DamagedFile] = []

    def problems(self) -> list[str]:
        """Return one sentence for each file that was set aside since the start."""
        return [str(file) for file in self._found]

    async def set_aside(self, path: Path, reason: str) -> None:
        """Rename a file or folder, and report it. Raises OSError."""
        moved_to = await asyncio.to_thread(rename_damaged, path, self._clock.wall())
        self.report(DamagedFile(path, moved_to, reason))

    def report(self, file: DamagedFile) -> None:
        """Report a file that was renamed already."""
        self._found.append(file)
        self._bus.publish(
            FileSetAside(path=str(file.path), moved_to=str(file.moved_to), reason=file.reason)
        )

    async def check(self, path: Path, is_valid: Callable[[bytes], bool], reason: str) -> None:
        """Set a small file aside if its content is not valid; it may be missing. Raises OSError."""
        try:
            content = await asyncio.to_thread(path.read_bytes)
        except FileNotFoundError:
            return
        except IsADirectoryError:
            await self.set_aside(path, "It is a folder, but the server needs a file there.")
            return
        if not is_valid(content):
            await self.set_aside(path, reason)

    async def make_folder(self, folder: Path) -> None:
        """Create a folder; a file with this name is set aside. Raises OSError."""
        try:
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        except FileExistsError:
            await self.set_aside(folder, "It is a file, but the server needs a folder there.")
            await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)


def rename_damaged(path: Path, wall: float) -> Path:
    """Rename a file or folder to `NAME.broken-YYYYMMDD-HHMMSS` (UTC); return the new path.

    The companions of an SQLite file are renamed with it. Blocks on the disk; raises OSError.
    """
    moment = datetime.fromtimestamp(wall, UTC).strftime("%Y%m%d-%H%M%S")
    target = path.with_name(f"{path.name}.broken-{moment}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.broken-{moment}-{number}")
    path.rename(target)
    for suffix in _COMPANIONS:
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(target.with_name(target.name + suffix))
    fsync_folder(path.parent)
    return target
