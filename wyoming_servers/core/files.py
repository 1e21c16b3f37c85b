"""Files that are replaced atomically, and private files such as secrets.

A reader, or a crash, finds the old content or the new one, never a mixture. All functions block on
the disk: call them in a thread.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wyoming_servers.core.errors import CapacityError

PRIVATE_MODE: Final = 0o600
"""Permissions of files that only the server's user may read."""

_DEFAULT_MODE: Final = 0o666
"""Permissions of all other files before the umask, as `open` has them."""

_FOLDER_SYNC_UNSUPPORTED: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})
"""What file systems without `fsync` for folders answer (some network and FUSE mounts)."""


def atomic_write(
    path: Path, content: str | bytes, *, mode: int = _DEFAULT_MODE, durable: bool = True
) -> None:
    """Replace a file, creating its folder if needed; text is written as UTF-8.

    With `durable` the content and the new directory entry are on the disk when this returns.
    Without it a power cut may lose the change, which is right for caches. Raises OSError and
    leaves the old file in place.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    with atomic_path(path, mode=mode, durable=durable) as temporary:
        temporary.write_bytes(data)


@contextmanager
def atomic_path(path: Path, *, mode: int = _DEFAULT_MODE, durable: bool = True) -> Iterator[Path]:
    """Yield an empty temporary file in the same folder, which replaces `path` on leaving.

    The temporary file has a unique name, so that two writers never share one, and is deleted if
    the body raises. `durable` as for `atomic_write`. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Hidden, and independent of the length of the target's name.
    temporary = path.with_name(f".tmp-{secrets.token_hex(8)}")
    os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
    try:
        yield temporary
        if durable:
            _fsync(temporary)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        _fsync_folder(path.parent)


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read. Raises CapacityError if the disk refuses."""
    try:
        atomic_write(path, text, mode=PRIVATE_MODE)
    except OSError as err:
        raise _capacity_error(path, err) from err


def remove_file(path: Path) -> None:
    """Delete a file if it exists. Raises CapacityError if the disk refuses."""
    try:
        path.unlink(missing_ok=True)
    except OSError as err:
        raise _capacity_error(path, err) from err


def create_secret(path: Path, text: str) -> None:
    """Create a private file atomically; if it exists already, its text stays. Raises OSError."""
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

    Permissions of other users are removed. Raises OSError, UnicodeDecodeError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        create_secret(path, new)
    if path.stat().st_mode & 0o077:
        path.chmod(PRIVATE_MODE)
    return path.read_text(encoding="utf-8").strip()


def _capacity_error(path: Path, err: OSError) -> CapacityError:
    return CapacityError(
        f"{path} cannot be written: {err.strerror or err}.",
        hint="Free some disk space, and check the permissions of the folder.",
    )


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _fsync_folder(folder: Path) -> None:
    try:
        _fsync(folder)
    except OSError as err:
        if err.errno not in _FOLDER_SYNC_UNSUPPORTED:
            raise
