"""Paths of models in the data directory.

<data_dir>/models/<id>/<version>/…           files of a model
<data_dir>/models/<id>/<version>/receipt.json written last: marks a complete model
<data_dir>/models/<id>/<version>/x.part       partial download
<data_dir>/models/<id>/<version>/cache/       files derived by the engine; may be deleted
<data_dir>/models/.locks/<id>                locked by the process that changes the folder
<data_dir>/wake-words/                        custom wake words

All functions that read or delete files block: call them in a thread.
"""

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wyoming_servers.core.errors import BadRequestError

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
