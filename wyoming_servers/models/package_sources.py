"""Files inside installed Python distributions, found without importing any of their code.

Every function here blocks on the disk, so call it in a thread.
"""

import base64
from collections.abc import Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from wyoming_servers.models.catalog import (
    FilePart,
    ModelEntry,
    ModelFile,
    PackageFolder,
)


def package_file(part: FilePart) -> Path | None:
    """Return a distribution's file, or None if that version is not installed or lacks it."""
    found = _find(part.package, part.version)
    path = Path(str(found.locate_file(part.path))) if found else None
    return path if path is not None and path.is_file() else None


def package_folder(source: PackageFolder) -> Path | None:
    """Return a distribution's folder, or None if that version is not installed."""
    found = _find(source.package, source.version)
    path = Path(str(found.locate_file(source.folder))) if found else None
    return path if path is not None and path.is_dir() else None


def file_parts(file: ModelFile, source: PackageFolder | None) -> list[Path]:
    """Return the files that make up `file`, in order: its parts, or one whole; empty: not here."""
    found = [package_file(part) for part in file.parts]
    if found and None not in found:
        return [path for path in found if path is not None]
    folder = package_folder(source) if source else None
    whole = folder / file.path if folder else None
    return [whole] if whole is not None and whole.is_file() else []


def package_version(package: str) -> str:
    """Return the version of an installed distribution; empty if it is not installed."""
    found = _find(package)
    return found.version if found else ""


def recorded_hashes(package: str, folder: str) -> Mapping[Path, str]:
    """Return the files of a distribution below `folder` with the sha256 its installer recorded."""
    found = _find(package)
    hashes: dict[Path, str] = {}
    for file in (found.files or []) if found else []:
        if file.is_relative_to(folder) and file.hash is not None and file.hash.mode == "sha256":
            # Base64 without its padding, as the wheel format has it.
            digest = base64.urlsafe_b64decode(file.hash.value + "=" * (-len(file.hash.value) % 4))
            hashes[Path(str(file.locate()))] = digest.hex()
    return hashes


def _find(package: str, version: str = "") -> Distribution | None:
    try:
        found = distribution(package)
    except PackageNotFoundError:
        return None
    return found if version in ("", found.version) else None


# Models that installed Python packages hold whole.


def is_embedded(entry: ModelEntry) -> bool:
    """Whether nothing of a model need come from elsewhere. Reads the disk."""
    if entry.library is not None:
        return bool(package_version(entry.library.package))
    folders = [
        folder
        for source in entry.sources
        if isinstance(source, PackageFolder) and (folder := package_folder(source)) is not None
    ]

    def is_here(path: str) -> bool:
        return any((folder / path).is_file() for folder in folders)

    return bool(entry.files) and all(
        is_here(file.path) or (file.parts and all(package_file(part) for part in file.parts))
        for file in entry.files
    )
