"""Secrets in files that only their owner can read, such as the API token."""

import os
from pathlib import Path

from wyoming_servers.core.files import PRIVATE_MODE


def create_secret(path: Path, text: str) -> None:
    """Create a file atomically; if it exists already, its text stays.

    Blocks on the disk. Raises OSError.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE), "w"
        ) as file:
            file.write(text + "\n")
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        temporary.unlink(missing_ok=True)


def read_or_create_secret(path: Path, new: str) -> str:
    """Return the secret in a file, which is created with `new` if it does not exist.

    Permissions of other users are removed. Blocks on the disk. Raises OSError, UnicodeDecodeError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        create_secret(path, new)
    if path.stat().st_mode & 0o077:
        path.chmod(PRIVATE_MODE)
    return path.read_text(encoding="utf-8").strip()
