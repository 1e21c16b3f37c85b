"""Small secrets in files that are their owner's alone."""

import os
from pathlib import Path

from wyoming_servers.core.files import PRIVATE_MODE


def create_secret(path: Path, text: str) -> None:
    """Create the file whole or not at all; if another process was faster, its text stays.

    Blocks on the disk; raises OSError.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE), "w"
        ) as file:
            file.write(text + "\n")
        try:
            os.link(draft, path)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)


def read_or_create_secret(path: Path, new: str) -> str:
    """Return the secret in the file, which is made with `new` in it if there is none.

    Rights that let others read it are taken away. Blocks on the disk; raises OSError and
    UnicodeDecodeError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        create_secret(path, new)
    if path.stat().st_mode & 0o077:
        path.chmod(PRIVATE_MODE)
    return path.read_text(encoding="utf-8").strip()
