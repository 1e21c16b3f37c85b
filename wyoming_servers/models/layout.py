"""Where files lie in the data folder, and nowhere else.

<data_dir>/models/<id>/<version>/…           a model's files
<data_dir>/models/<id>/<version>/receipt.json written last: the model is complete
<data_dir>/models/<id>/<version>/x.part       a download that is not finished
<data_dir>/models/<id>/<version>/cache/       files that an engine derived; may be deleted
<data_dir>/models/.locks/<id>                held by the process that changes a model's folder
<data_dir>/wake-words/                        the user's own wake words

Every function here blocks on the disk, so call it in a thread.
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
"""Beside the models and never deleted: a lock file that goes away guards nothing."""


@dataclass(frozen=True, slots=True)
class StoreLayout:
    """Paths below one data folder."""

    data_dir: Path

    @property
    def models(self) -> Path:
        """The folder of all models."""
        return self.data_dir / "models"

    def model(self, model: str) -> Path:
        """Return a model's folder. Raises BadRequestError for an id that leads elsewhere."""
        return _safe_join(self.models, model)

    def version(self, model: str, version: str) -> Path:
        """Return the folder of one version. Raises BadRequestError as `model`."""
        return _safe_join(self.model(model), version)

    def receipt(self, model: str, version: str) -> Path:
        """Return where a version's receipt is or will be."""
        return self.version(model, version) / RECEIPT_NAME

    def cache(self, model: str, version: str) -> Path:
        """Return the folder of files that an engine derives from a version."""
        return self.version(model, version) / _CACHE

    def lock(self, model: str) -> Path:
        """Return the file whose lock guards a model's folder between processes."""
        return (
            self.models
            / _LOCKS
            / self.model(model).relative_to(self.models).as_posix().replace("/", "--")
        )

    def file(self, folder: Path, path: str) -> Path:
        """Return a file of a model. Raises BadRequestError for a path that leads elsewhere."""
        return _safe_join(folder, path)

    def user_folder(self, name: str) -> Path:
        """Return a folder for the user's own files."""
        return _safe_join(self.data_dir, name)

    def versions(self, model: str) -> list[str]:
        """Return the versions of a model that were installed completely."""
        found = self.model(model).glob(f"*/{RECEIPT_NAME}")
        return sorted(path.parent.name for path in found)

    def remove_model(self, model: str) -> int:
        """Delete a model's folder; returns the bytes that frees."""
        folder = self.model(model)
        freed = _remove(folder)
        self._drop_empty(folder.parent)
        return freed

    def remove_version(self, model: str, version: str) -> int:
        """Delete one version; returns the bytes that frees."""
        return _remove(self.version(model, version))

    def remove_partial_downloads(self, model: str) -> int:
        """Delete a model's unfinished downloads; returns the bytes that frees."""
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
    """Return the size of all files below a folder; 0 if there is none."""
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
        raise BadRequestError(f"{name!r} is not a name of a model or of its file.")
    return folder.joinpath(*parts)
