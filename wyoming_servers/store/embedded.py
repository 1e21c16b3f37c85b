"""Models that installed Python packages hold whole."""

from wyoming_servers.store.catalog import ModelEntry, PackageFolder
from wyoming_servers.store.packages import package_version, package_file, package_folder


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
