"""Files that are replaced atomically, private files such as secrets, and free disk space.

A reader, or a crash, finds the old content or the new one, never a mixture. Every file that must
survive a power cut is completed by `publish_file`, the only place that knows the order of the
calls: content, name, folder. All functions block on the disk: call them in a thread.
"""

import contextlib
import errno
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wyoming_servers.core.errors import BusyError, StorageError

_LOGGER: Final = logging.getLogger(__name__)

PRIVATE_MODE: Final = 0o600
"""Permissions of files that only the server's user may read."""

_DEFAULT_MODE: Final = 0o666
"""Permissions of all other files before the umask, as `open` has them."""

_FOLDER_SYNC_UNSUPPORTED: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EBADF})
"""What file systems without `fsync` for folders answer (some network and FUSE mounts)."""

_LINK_UNSUPPORTED: Final = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
"""What file systems without hard links answer, such as FAT and some network mounts."""

MAX_RESERVED_FRACTION: Final = 0.05
"""Largest share of a disk that is kept free, so that a small disk can be used at all."""


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
        publish_file(temporary, path, durable=durable)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def publish_file(temporary: Path, path: Path, *, durable: bool = True) -> None:
    """Move a complete file to its final name, in the same folder. Raises OSError.

    With `durable` the content is on the disk before the file has its name, and the name before this
    returns: after a power cut the file is complete, or `path` is what it was before.
    """
    if durable:
        fsync_file(temporary)
    temporary.replace(path)
    if durable:
        fsync_folder(path.parent)


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read. Raises StorageError if the disk refuses."""
    with storage_errors(path):
        atomic_write(path, text, mode=PRIVATE_MODE)


def remove_file(path: Path) -> None:
    """Delete a file if it exists. Raises StorageError if the disk refuses."""
    with storage_errors(path):
        path.unlink(missing_ok=True)


def create_secret(path: Path, text: str) -> None:
    """Create a private file atomically; if it exists already, its text stays. Raises OSError."""
    temporary = path.with_name(f".tmp-{secrets.token_hex(8)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    os.close(os.open(temporary, flags, PRIVATE_MODE))
    try:
        temporary.write_text(text + "\n", encoding="utf-8")
        fsync_file(temporary)
        try:
            # A link, because it fails if another process was faster; some file systems have none.
            os.link(temporary, path)
        except FileExistsError:
            return
        except OSError as err:
            if err.errno not in _LINK_UNSUPPORTED:
                raise
            temporary.replace(path)
        fsync_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):
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


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Convert OSError into StorageError, which names the file."""
    try:
        yield
    except OSError as err:
        raise StorageError(
            f"{path} cannot be written: {err.strerror or err}.",
            hint="Free some disk space, and check the permissions of the folder.",
        ) from err


def protect(path: Path) -> None:
    """Take the access of other users from a file or folder, where the file system lets us.

    Some file systems (FAT, network shares) have no permissions, and a mounted folder may belong to
    somebody else: what cannot be changed is logged at debug level.
    """
    try:
        mode = path.stat().st_mode
        if mode & 0o077:
            path.chmod(stat.S_IMODE(mode) & 0o700)
    except OSError as err:
        _LOGGER.debug("%s cannot be protected from other users: %s", path, err)


def ensure_free_space(folder: Path, needed: int, min_free: int) -> None:
    """Check that `needed` bytes can be written and the reserve of the disk stays free.

    The reserve is `min_free` bytes, but at most `MAX_RESERVED_FRACTION` of the disk. Raises
    BusyError, and StorageError if the disk cannot be examined.
    """
    with storage_errors(folder):
        usage = shutil.disk_usage(folder)
    reserve = disk_reserve(usage.total, min_free)
    if usage.free < needed + reserve:
        raise BusyError(
            f"The disk is nearly full: {usage.free // 2**20} MiB are free in {folder}, and "
            f"{needed // 2**20} MiB are needed besides a reserve of {reserve // 2**20} MiB.",
            hint="Free some disk space on the server, or lower limits.min_free_disk.",
            retry_after=60,
        )


def disk_reserve(total: int, min_free: int) -> int:
    """Return the bytes of a disk of `total` bytes that stay free."""
    return min(min_free, int(total * MAX_RESERVED_FRACTION))


def fsync_file(path: Path) -> None:
    """Wait until the content of a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fsync_folder(folder: Path) -> None:
    """Wait until the entries of a folder are on the disk, where the file system can tell."""
    try:
        fsync_file(folder)
    except OSError as err:
        if err.errno not in _FOLDER_SYNC_UNSUPPORTED:
            raise
