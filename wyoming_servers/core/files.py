"""Small private files that are replaced at once: a reader sees the old text or the new one."""

import os
from pathlib import Path
from typing import Final

from wyoming_servers.core.errors import CapacityError

PRIVATE_MODE: Final = 0o600


def write_private(path: Path, text: str) -> None:
    """Write a file, its folder too if needed; only its owner may read it.

    A crash leaves the old or the new text. Blocks on the disk; raises CapacityError if it refuses.
    """
    try:
        _write_private(path, text)
    except OSError as err:
        raise _capacity_error(path, err) from err


def remove_file(path: Path) -> None:
    """Delete a file if it is there. Blocks on the disk; raises CapacityError if it refuses."""
    try:
        path.unlink(missing_ok=True)
    except OSError as err:
        raise _capacity_error(path, err) from err


def _capacity_error(path: Path, err: OSError) -> CapacityError:
    return CapacityError(
        f"{path} cannot be written: {err.strerror or err}.",
        hint="Free some space there, and check that the server may write.",
    )


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_MODE),
            "w",
            encoding="utf-8",
        ) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
