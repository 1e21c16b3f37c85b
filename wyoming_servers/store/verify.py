"""Whether the files of a model are still what was installed."""

import asyncio
import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from wyoming_servers.store.checksum import sha256_of
from wyoming_servers.store.progress import ProgressCallback, InstallProgress

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verification:
    """What checking a model's files against their hashes found."""

    model: str
    damaged: tuple[str, ...] = ()
    """Paths whose content is not what was installed, or that are gone."""

    @property
    def ok(self) -> bool:
        """Whether every file is as it was installed."""
        return not self.damaged


async def damaged_files(expected: dict[str, str], on_progress: ProgressCallback) -> list[str]:
    """Return the paths whose sha256 is another one, or that cannot be read."""
    sizes: dict[str, int | None] = {path: await asyncio.to_thread(_size_or_none, path) for path in expected}
    progress = InstallProgress("verify", sizes, on_progress)
    damaged = []
    for path, sha256 in expected.items():
        try:
            actual = await sha256_of(Path(path), partial(progress.at, path))
        except OSError as err:
            _LOGGER.warning("%s cannot be read: %s", path, err.strerror or err)
            actual = ""
        if actual != sha256:
            damaged.append(path)
    progress.finish()
    return damaged


def _size_or_none(path: str) -> int | None:
    found = Path(path)
    return found.stat().st_size if found.is_file() else None


def invalidate(receipt: Path, damaged: list[str]) -> None:
    receipt.unlink(missing_ok=True)
    for path in damaged:
        Path(path).unlink(missing_ok=True)
