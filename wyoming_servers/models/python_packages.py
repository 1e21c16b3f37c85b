"""Finds models and requirements in installed Python distributions, without importing their code.

A requirement is written `fugashi` for a distribution, or `unidic:unidic/dicdir/mecabrc` for a file
below the folder that contains the distribution. ` or ` separates alternatives. All functions block
on the disk: call them in a thread.
"""

import base64
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from wyoming_servers.core.engine_info import find_engine
from wyoming_servers.models.manifest import FilePart, ModelEntry, ModelFile, PackageFolder


def package_file(part: FilePart) -> Path | None:
    """Return a file of a distribution, or None if version or file are not installed."""
    found = _find(part.package, part.version)
    path = Path(str(found.locate_file(part.path))) if found else None
    return path if path is not None and path.is_file() else None


def package_folder(source: PackageFolder) -> Path | None:
    """Return a folder of a distribution, or None if the version is not installed."""
    found = _find(source.package, source.version)
    path = Path(str(found.locate_file(source.folder))) if found else None
    return path if path is not None and path.is_dir() else None


def file_parts(file: ModelFile, source: PackageFolder | None) -> list[Path]:
    """Return the parts of a file in order, or the whole file; empty if it is not installed."""
    found = [package_file(part) for part in file.parts]
    if found and None not in found:
        return [path for path in found if path is not None]
    folder = package_folder(source) if source else None
    whole = folder / file.path if folder else None
    return [whole] if whole is not None and whole.is_file() else []


def package_version(package: str) -> str:
    """Return the version of a distribution; empty if it is not installed."""
    found = _find(package)
    return found.version if found else ""


def recorded_hashes(package: str, folder: str) -> Mapping[Path, str]:
    """Return the files below a folder of a distribution with the SHA-256 in its RECORD."""
    found = _find(package)
    hashes: dict[Path, str] = {}
    for file in (found.files or []) if found else []:
        if file.is_relative_to(folder) and file.hash is not None and file.hash.mode == "sha256":
            # The wheel format omits the base64 padding.
            digest = base64.urlsafe_b64decode(file.hash.value + "=" * (-len(file.hash.value) % 4))
            hashes[Path(str(file.locate()))] = digest.hex()
    return hashes


def _find(package: str, version: str = "") -> Distribution | None:
    try:
        found = distribution(package)
    except PackageNotFoundError:
        return None
    return found if version in ("", found.version) else None


def is_embedded(entry: ModelEntry) -> bool:
    """Whether installed packages contain the whole model."""
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


class RequirementChecker:
    """Checks each requirement once; create a new checker to look again. Blocks on the disk."""

    def __init__(self) -> None:
        self._results: dict[str, bool] = {}

    def missing(self, engine: str, requirements: Iterable[str] = ()) -> tuple[str, ...]:
        """Return which requirements of an engine, and which of `requirements`, are not met."""
        info = find_engine(engine)
        every = (*(info.requirements if info else ()), *requirements)
        return tuple(requirement for requirement in every if not self._check(requirement))

    def _check(self, requirement: str) -> bool:
        if requirement not in self._results:
            self._results[requirement] = any(map(_is_installed, requirement.split(" or ")))
        return self._results[requirement]


def installed_version(requirement: str) -> str:
    """Return the version of the first alternative that is installed; empty if there is none."""
    for alternative in requirement.split(" or "):
        try:
            return distribution(alternative.partition(":")[0]).version
        except PackageNotFoundError:
            continue
    return ""


def _is_installed(requirement: str) -> bool:
    package, _, file = requirement.partition(":")
    try:
        found = distribution(package)
    except PackageNotFoundError:
        return False
    return not file or Path(str(found.locate_file(file))).is_file()
