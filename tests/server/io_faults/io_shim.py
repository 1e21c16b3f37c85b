"""Makes the n-th call that writes to a folder fail, or records the calls for a power cut."""

import errno
import io
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

ERRORS: Final = {
    "ENOSPC": (errno.ENOSPC, sqlite3.OperationalError("database or disk is full")),
    "EIO": (errno.EIO, sqlite3.OperationalError("disk I/O error")),
    "EMFILE": (errno.EMFILE, sqlite3.OperationalError("unable to open database file")),
    "ENOMEM": (errno.ENOMEM, MemoryError()),
}
KINDS: Final = (*ERRORS, "locked", "short write")


class IoShim:
    """Counts the calls below `folder` while it is armed; the n-th one fails, once."""

    def __init__(self) -> None:
        self.folder = Path("/nonexistent")
        self.fired = ""
        """The call that failed."""
        self._kind = ""
        self._left = 0
        self._lock = threading.Lock()
        self.trace: list[tuple[str, ...] | tuple[str, str, bytes]] | None = None
        """Calls in their order, if they are recorded."""

    @contextmanager
    def armed(self, kind: str, n: int) -> Iterator[None]:
        self.fired, self._kind, self._left = "", kind, n
        try:
            yield
        finally:
            self._kind = ""

    def check(self, call: str, *paths: Any, half: Callable[[], object] | None = None) -> None:
        """Fail if this call is the chosen one."""
        if not any(self._is_below(path) for path in paths):
            return
        with self._lock:
            if not self._kind or self.fired:
                return
            is_sql = call.startswith("sql")
            if (self._kind == "locked" and not is_sql) or (
                self._kind == "short write" and half is None
            ):
                return
            self._left -= 1
            if self._left:
                return
            self.fired = call
        if self._kind == "locked":
            raise sqlite3.OperationalError("database is locked")
        if self._kind == "short write":
            assert half is not None
            half()
            raise OSError(errno.ENOSPC, "No space left on device")
        number, sql_error = ERRORS[self._kind]
        raise sql_error if is_sql else OSError(number, os.strerror(number))

    def record(self, *event: Any) -> None:
        if self.trace is not None and any(self._is_below(part) for part in event[1:]):
            self.trace.append(event)

    def _is_below(self, path: Any) -> bool:
        return isinstance(path, str | Path) and str(path).startswith(str(self.folder))


class _File:
    """A file that is open for writing."""

    def __init__(self, file: Any, path: str, shim: IoShim) -> None:
        self._file, self._path, self._shim = file, path, shim

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, data: Any) -> Any:
        self._shim.check("write", self._path, half=lambda: self._file.write(data[: len(data) // 2]))
        content = data.encode() if isinstance(data, str) else bytes(data)
        self._shim.record("write", self._path, content)
        return self._file.write(data)

    def truncate(self, *arguments: Any) -> Any:
        self._shim.check("truncate", self._path)
        return self._file.truncate(*arguments)

    def close(self) -> None:
        if self._file.closed:
            return
        self._file.close()
        self._shim.check("close", self._path)


@contextmanager
def installed() -> Iterator[IoShim]:
    """Patch the functions of `os`, `io` and `sqlite3` that write."""
    shim = IoShim()
    real = {
        name: getattr(os, name)
        for name in ("open", "fsync", "replace", "rename", "link", "unlink", "mkdir", "write")
    }
    real_open, real_connect = io.open, sqlite3.connect

    def os_open(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        shim.check("open", path)
        descriptor: int = real["open"](path, flags, *arguments, **options)
        if flags & os.O_CREAT:
            shim.record("create", str(path))
        return descriptor

    def path_of(descriptor: int) -> str:
        try:
            return str(Path(f"/proc/self/fd/{descriptor}").readlink())
        except OSError:
            return ""

    def fsync(descriptor: int) -> None:
        path = path_of(descriptor)
        shim.check("fsync", path)
        shim.record("fsync", path)
        real["fsync"](descriptor)

    def write(descriptor: int, data: Any) -> int:
        path = path_of(descriptor)
        shim.check("write", path, half=lambda: real["write"](descriptor, data[: len(data) // 2]))
        count: int = real["write"](descriptor, data)
        return count

    def two(name: str) -> Callable[..., Any]:
        def call(source: Any, target: Any, **options: Any) -> Any:
            shim.check(name, source, target)
            result = real[name](source, target, **options)
            shim.record(name, str(source), str(target))
            return result

        return call

    def one(name: str) -> Callable[..., Any]:
        def call(path: Any, *arguments: Any, **options: Any) -> Any:
            shim.check(name, path)
            result = real[name](path, *arguments, **options)
            shim.record(name, str(path))
            return result

        return call

    def io_open(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        shim.check("open", file)
        opened = real_open(file, mode, *arguments, **options)
        if isinstance(file, str | Path) and set(mode) & set("wax+"):
            shim.record("create", str(file))
            return _File(opened, str(file), shim)
        return opened

    class Connection(sqlite3.Connection):
        path = ""

        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            shim.check(f"sql {sql.split(maxsplit=1)[0]}", self.path)
            return super().execute(sql, *arguments)

        def executemany(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            shim.check("sql many", self.path)
            return super().executemany(sql, *arguments)

        def executescript(self, sql: str) -> sqlite3.Cursor:
            shim.check("sql script", self.path)
            return super().executescript(sql)

    def connect(path: Any, *arguments: Any, **options: Any) -> sqlite3.Connection:
        shim.check("sql connect", str(path))
        connection = real_connect(path, *arguments, **options, factory=Connection)
        connection.path = str(path)
        return connection

    patched: dict[str, Any] = {"open": os_open, "fsync": fsync, "write": write}
    patched |= {name: two(name) for name in ("replace", "rename", "link")}
    patched |= {name: one(name) for name in ("unlink", "mkdir")}
    try:
        for name, function in patched.items():
            setattr(os, name, function)
        io.open = io_open  # type: ignore[assignment]
        sqlite3.connect = connect  # type: ignore[assignment]
        yield shim
    finally:
        for name, function in real.items():
            setattr(os, name, function)
        io.open = real_open
        sqlite3.connect = real_connect
