"""Files that an engine derives from a model once, so that a worker only has to open them.

A split Piper voice, the streaming graph of wake word features and converted classifiers are made
when a model is installed, or when a worker first needs them, in a process of its own:

    python -m wyoming_servers.engines.preparation ENGINE FILES

FILES is a JSON object of the model's files by role. Graphs are read, written and compared with the
original there, which takes several times a model's memory. The exit status is 0 if the model is
prepared, or if its engine prepares nothing.

The files lie in the model's cache folder (role `cache_dir`), beside its install record:

    <name>.json                  manifest, written last: sources, recipe, files and facts
    <name>-<token>-<role>.onnx   the files; the token is new each time they are made

A manifest is current as long as its sources and files have the sizes and times noted in it and the
recipe (version of the derivation, of onnxruntime, and the machine) is the same. Missing, stale and
damaged files are made again. The folder is a cache: deleting it costs time, nothing else.
"""

import argparse
import fcntl
import hashlib
import json
import logging
import os
import platform
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from wyoming_servers.core.engine_info import find_engine
from wyoming_servers.core.files import atomic_write
from wyoming_servers.core.sandbox.confine import confine
from wyoming_servers.core.sandbox.policy import SandboxPolicy

CACHE_DIR: Final = "cache_dir"
"""Role of the cache folder among a model's files."""

_FORMAT: Final = 1
"""Of the manifest."""

_TIMEOUT: Final = 180.0
"""Seconds after which a preparation is given up; a voice takes a few on a small computer."""

_ABANDONED: Final = 3_600.0
"""Seconds after which a temporary file belongs to a process that was killed."""

_CHUNK: Final = 1 << 20

_NICENESS: Final = 10
"""Of a preparation in the background."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PreparedFiles:
    """The files of one manifest."""

    files: Mapping[str, Path] = field(default_factory=dict)
    """Paths by role."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the engine needs to know to use them; JSON."""
    rejected: str = ""
    """Why nothing was derived; then there are no files, and the model is used as it is."""


def runtime_recipe(name: str) -> str:
    """Return a recipe that also names onnxruntime's version and the machine."""
    runtime = "unknown"
    for package in ("onnxruntime", "onnxruntime-gpu"):  # both have the module `onnxruntime`
        with suppress(PackageNotFoundError):
            runtime = f"{package} {version(package)}"
    machine = f"{platform.machine()} {platform.processor()}".strip()
    return f"{name}; {runtime}; {machine}"


def read_prepared(
    folder: Path, name: str, sources: Sequence[Path], recipe: str
) -> PreparedFiles | None:
    """Return the files of a manifest; None if it is missing, stale or damaged."""
    try:
        manifest = json.loads((folder / f"{name}.json").read_text("utf-8"))
        if (manifest["format"], manifest["recipe"]) != (_FORMAT, recipe):
            return None
        recorded = [(each["path"], *_recorded(each)) for each in manifest["sources"]]
        if recorded != [(str(path), *_identity(path)) for path in sources]:
            return None
        return _files_of(folder, manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def refresh_prepared(folder: Path, name: str, sources: Sequence[Path], recipe: str) -> bool:
    """Whether a manifest is current, judged by the sources' hashes.

    Sources that were moved or written again with equal content are then noted as they are now.
    Raises OSError if that cannot be written.
    """
    if read_prepared(folder, name, sources, recipe) is not None:
        return True
    try:
        manifest = json.loads((folder / f"{name}.json").read_text("utf-8"))
        if (manifest["format"], manifest["recipe"]) != (_FORMAT, recipe):
            return False
        if [each["sha256"] for each in manifest["sources"]] != [_sha256(path) for path in sources]:
            return False
        _files_of(folder, manifest)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    manifest["sources"] = [_describe(path) | {"path": str(path)} for path in sources]
    atomic_write(folder / f"{name}.json", json.dumps(manifest, indent=1))
    return True


def write_prepared(
    folder: Path,
    name: str,
    sources: Sequence[Path],
    recipe: str,
    contents: Mapping[str, bytes],
    facts: Mapping[str, Any] | None = None,
    rejected: str = "",
) -> PreparedFiles:
    """Write files by role and then their manifest; delete the files of the one before.

    Raises OSError, after which the old manifest still holds.
    """
    token = secrets.token_hex(4)
    files = {role: folder / f"{name}-{token}-{role}.onnx" for role in contents}
    try:
        for role, content in contents.items():
            atomic_write(files[role], content)
        manifest = {
            "format": _FORMAT,
            "recipe": recipe,
            "sources": [_describe(path) | {"path": str(path)} for path in sources],
            "files": {role: _describe(path) | {"name": path.name} for role, path in files.items()},
            "facts": dict(facts or {}),
            "rejected": rejected,
        }
        atomic_write(folder / f"{name}.json", json.dumps(manifest, indent=1))
    except BaseException:
        for path in files.values():
            with suppress(OSError):
                path.unlink(missing_ok=True)
        raise
    _delete_others(folder, name, token)
    return PreparedFiles(files, dict(facts or {}), rejected)


def discard_prepared(folder: Path, name: str) -> None:
    """Delete a manifest, because its files turned out to be damaged."""
    with suppress(OSError):
        (folder / f"{name}.json").unlink(missing_ok=True)


@contextmanager
def preparation_lock(folder: Path) -> Iterator[None]:
    """Hold the lock of a cache folder between processes; the kernel frees it when one dies.

    Deletes temporary files that a killed process left behind. Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for path in folder.glob(".tmp-*"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - _ABANDONED:
                    path.unlink()
        yield
    finally:
        os.close(descriptor)


def prepare_in_child(engine: str, files: Mapping[str, str]) -> None:
    """Run this module for a model and wait until it ends; its failures are logged.

    Does nothing if the cache folder cannot be written.
    """
    try:
        folder = Path(files[CACHE_DIR])
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        _LOGGER.warning("%s cannot be written: %s", files[CACHE_DIR], err)
        return
    if not os.access(folder, os.W_OK):
        _LOGGER.warning("%s cannot be written", folder)
        return
    root = Path(sys.modules["wyoming_servers"].__path__[0]).parent
    places = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    # -P keeps files in the working directory from being imported as modules.
    command = [sys.executable, "-P", "-m", "wyoming_servers.engines.preparation", engine]
    try:
        subprocess.run(  # noqa: S603  (our own module)
            [*command, json.dumps(dict(files))],
            env={**os.environ, "PYTHONPATH": places},
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as err:
        _LOGGER.warning("The files of a model of %s could not be prepared: %s", engine, err)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(prog="preparation", description=__doc__)
    parser.add_argument("engine", help="name of the engine")
    parser.add_argument("files", type=json.loads, help="JSON object of paths by role")
    parser.add_argument("--background", action="store_true", help="run at low priority")
    parser.add_argument(
        "--sandbox", type=SandboxPolicy.from_json, help="what the process may do, as JSON"
    )
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s:%(name)s: %(message)s")
    if options.background:
        os.nice(_NICENESS)
    if options.sandbox is not None:
        confine(options.sandbox)
    try:
        prepare(options.engine, options.files)
    except Exception:
        _LOGGER.exception("Preparing a model of %s failed", options.engine)
        return 1
    return 0


def prepare(engine: str, files: Mapping[str, str]) -> None:
    """Prepare a model unless that was done; waits for another process that is at it.

    Raises OSError, and what the engine's libraries raise.
    """
    info = find_engine(engine)
    if info is None or not info.prepare:
        return
    module, _, name = info.prepare.partition(":")
    function: Callable[[Mapping[str, str]], None] = getattr(import_module(module), name)
    with preparation_lock(Path(files[CACHE_DIR])):
        function(files)


def _files_of(folder: Path, manifest: Mapping[str, Any]) -> PreparedFiles:
    """Return a manifest's files. Raises ValueError if one is not as it was written, and OSError."""
    files = {}
    for role, each in manifest["files"].items():
        path = folder / each["name"]
        if path.parent != folder or _identity(path) != _recorded(each):
            raise ValueError(f"{path} was changed.")
        files[role] = path
    return PreparedFiles(files, manifest["facts"], manifest["rejected"])


def _delete_others(folder: Path, name: str, token: str) -> None:
    ours = re.compile(rf"{re.escape(name)}-(?P<token>[0-9a-f]{{8}})-\w+\.onnx")
    for path in folder.iterdir():
        match = ours.fullmatch(path.name)
        if match and match["token"] != token:
            with suppress(OSError):
                path.unlink()


def _describe(path: Path) -> dict[str, Any]:
    size, mtime_ns = _identity(path)
    return {"size": size, "mtime_ns": mtime_ns, "sha256": _sha256(path)}


def _recorded(entry: Mapping[str, Any]) -> tuple[int, int]:
    return entry["size"], entry["mtime_ns"]


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
