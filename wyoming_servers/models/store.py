"""The installed models: which they are, where their files are, and how to install more."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Final, Self

from wyoming_servers.core.clock import Clock, SystemClock
from wyoming_servers.core.errors import BadRequestError, ConflictError, ModelMissingError
from wyoming_servers.core.files import atomic_write
from wyoming_servers.data_dir.locks import file_lock
from wyoming_servers.models.catalog import Catalog, builtin_catalog
from wyoming_servers.models.download import sha256_of
from wyoming_servers.models.errors import map_disk_errors
from wyoming_servers.models.install import (
    ClientFactory,
    Installer,
    InstallProgress,
    ProgressCallback,
    ignore_progress,
    new_http_client,
    prepare_model,
)
from wyoming_servers.models.layout import Receipt, StoreLayout, disk_bytes, read_receipt
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.models.own_models import (
    OWN_PREFIX,
    add_path,
    clean_name,
    remove_own_model,
    scan_own_models,
    write_manifest,
)
from wyoming_servers.models.piper_voices import LIST_FILE, REPOSITORY, parse_voice_list
from wyoming_servers.models.python_packages import is_embedded, package_version, recorded_hashes
from wyoming_servers.models.repository import RepositoryName, RepositoryReader

_LOGGER: Final = logging.getLogger(__name__)

DEFAULT_ENDPOINT: Final = "https://huggingface.co"


@dataclass(frozen=True, slots=True)
class Verification:
    """The result of comparing the files of a model with their hashes."""

    model: str
    damaged: tuple[str, ...] = ()
    """Paths of missing files and of files with another content."""

    @property
    def ok(self) -> bool:
        """Whether no file is damaged."""
        return not self.damaged


@dataclass(slots=True)
class _Installation:
    """An installation in progress, which several callers may wait for."""

    task: asyncio.Task[Receipt]
    listeners: list[ProgressCallback] = field(default_factory=list)
    waiting: int = 0


class ModelStore:
    """Installs models of the catalog on demand, and keeps track of the installed ones.

    The list of installed models is a cache of the disk. It is read at construction and again by
    `refresh`; `ensure`, `verify` and `remove` update it for their model. All methods belong to the
    thread of the event loop.
    """

    def __init__(
        self,
        data_dir: Path,
        catalog: Catalog | None = None,
        *,
        offline: bool = False,
        endpoint: str = DEFAULT_ENDPOINT,
        clock: Clock | None = None,
        client_factory: ClientFactory = new_http_client,
    ) -> None:
        """Find the installed models. Blocks on the disk: in an event loop, use `open`."""
        self._base = catalog
        self.layout = StoreLayout(data_dir)
        self.catalog = catalog or Catalog([])
        """All models; another object after a model of the user was added, changed or removed."""
        self._installer = Installer(
            self.layout,
            clock or SystemClock(),
            offline=offline,
            endpoint=endpoint,
            client_factory=client_factory,
        )
        self._receipts: dict[str, Receipt] = {}
        self._installations: dict[str, _Installation] = {}
        self._changing: Counter[str] = Counter()
        """Models whose folders this process is changing."""
        self.scan()

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        catalog: Catalog | None = None,
        *,
        offline: bool = False,
        endpoint: str = DEFAULT_ENDPOINT,
        clock: Clock | None = None,
    ) -> Self:
        """Create a store in an event loop."""
        return await asyncio.to_thread(
            cls, data_dir, catalog, offline=offline, endpoint=endpoint, clock=clock
        )

    def configure(
        self, *, offline: bool, endpoint: str, mirrors: Sequence[str] = (), min_free: int = 0
    ) -> None:
        """Use other settings from the next download on."""
        self._installer.configure(
            offline=offline, endpoint=endpoint, mirrors=mirrors, min_free=min_free
        )

    def scan(self) -> None:
        """Find the models and the installed ones again. Blocks on the disk."""
        self.catalog = full_catalog(self.layout.data_dir, self._base)
        self._receipts = self._read_receipts(self.catalog)

    async def refresh(self) -> None:
        """Find the installed models again, because another process may have changed them.

        Models that this process changes at the same time are skipped.
        """
        before, changing = dict(self._receipts), set(self._changing)
        catalog = await asyncio.to_thread(full_catalog, self.layout.data_dir, self._base)
        if list(catalog) != list(self.catalog):
            self.catalog = catalog
        found = await asyncio.to_thread(self._read_receipts, catalog)
        for model in before.keys() | found.keys():
            if model in changing or model in self._changing:
                continue
            if self._receipts.get(model) is not before.get(model):
                continue
            if (receipt := found.get(model)) is None:
                self._receipts.pop(model, None)
            elif receipt != before.get(model):
                self._receipts[model] = receipt

    def entries(self) -> tuple[ModelEntry, ...]:
        """Return every model of the catalog."""
        return tuple(self.catalog)

    def entry(self, model: str) -> ModelEntry:
        """Return the entry of a model. Raises ModelMissingError with the nearest id."""
        return self.catalog.get(model)

    def installed(self, model: str) -> bool:
        """Whether all files of a model are installed; False for an unknown model."""
        return model in self._receipts

    def changed_models(self) -> list[str]:
        """Return the models that are not installed any more because their files look changed.

        After a backup was restored, or the data directory was moved, only the times and paths are
        other ones: `ensure` verifies such files, and downloads none that is right. Blocks.
        """
        return [
            entry.id
            for entry in self.catalog
            if entry.id not in self._receipts
            and entry.library is None
            and not entry.local_folder
            and self.layout.receipt(entry.id, entry.version).is_file()
        ]

    def receipt(self, model: str) -> Receipt | None:
        """Return the receipt of a model; None if it is not installed."""
        return self._receipts.get(model)

    def is_in_package(self, model: str) -> bool:
        """Whether an installed model is used in place in a Python package."""
        receipt, entry = self._receipts.get(model), self.entry(model)
        if receipt is None or entry.local_folder:
            return False
        return not receipt.folder or not Path(receipt.folder).is_relative_to(self.layout.models)

    def files(self, model: str) -> dict[str, str]:
        """Return the absolute path of each file by its role for the engine.

        Raises ModelMissingError, with the command that installs the model as the hint.
        """
        entry = self.entry(model)
        receipt = self._receipts.get(model)
        if receipt is None:
            raise ModelMissingError(
                f"The model {model} is not installed.",
                hint=f"Install it with `wyoming-conductor models pull {model}`.",
            )
        paths = {role: str(Path(receipt.folder, path)) for role, path in entry.roles.items()}
        for role, name in entry.user_folders.items():
            paths[role] = str(self.layout.user_folder(name))
        return paths

    async def embedded_models(self) -> list[str]:
        """Return the models that installed Python packages contain completely."""

        def find() -> list[str]:
            return [entry.id for entry in self.catalog if is_embedded(entry)]

        return await asyncio.to_thread(find)

    async def ensure(self, model: str, on_progress: ProgressCallback = ignore_progress) -> Receipt:
        """Install a model unless it is installed and unchanged; return its receipt.

        Concurrent callers share one installation and its progress. It is cancelled with the last
        caller, and keeps partial files. Raises ModelMissingError for an unknown model and for one
        that cannot be installed on this machine, DownloadError, DiskFullError.
        """
        entry = self.entry(model)
        running = self._installations.get(model)
        if running is None:
            running = self._start(entry)
        running.listeners.append(on_progress)
        running.waiting += 1
        try:
            return await asyncio.shield(running.task)
        finally:
            running.waiting -= 1
            running.listeners.remove(on_progress)
            if running.waiting == 0 and not running.task.done():
                # Dropped first: a new caller starts a new installation, which waits for the lock.
                self._drop_installation(model, running)
                running.task.cancel()
                await asyncio.wait([running.task])

    async def verify(
        self, model: str, on_progress: ProgressCallback = ignore_progress
    ) -> Verification:
        """Compare every file of an installed model with its hash.

        A damaged model counts as not installed, and the next `ensure` replaces the damaged files.
        Raises ModelMissingError if the model is not installed.
        """
        entry = self.entry(model)
        self.files(model)
        async with self._exclusive_access(model):
            if entry.library is not None:
                hashes = await asyncio.to_thread(
                    recorded_hashes, entry.library.package, entry.library.folder
                )
                damaged = await _find_damaged(
                    {str(path): sha for path, sha in hashes.items()}, on_progress
                )
            else:
                damaged = await self._verify_files(model, on_progress)
        return Verification(model, tuple(damaged))

    async def remove(self, model: str) -> int:
        """Delete the files of a model; return the bytes freed.

        Files inside a Python package stay; the next `ensure` uses them again. A model of the user
        is deleted from `models.d`. A worker that has files open keeps them until it ends. Raises
        ModelMissingError for an unknown model.
        """
        entry = self.entry(model)
        async with self._exclusive_access(model):
            self._receipts.pop(model, None)
            freed = await asyncio.to_thread(self.layout.remove_model, model)
            if model.startswith(OWN_PREFIX):
                freed += await asyncio.to_thread(remove_own_model, self.layout.own_models, entry)
                await self.refresh()
            return freed

    async def remove_download(self, model: str) -> int:
        """Delete what can be downloaded again; return the bytes freed. Otherwise like `remove`."""
        self.entry(model)
        async with self._exclusive_access(model):
            self._receipts.pop(model, None)
            return await asyncio.to_thread(self.layout.remove_model, model)

    async def add_path(self, path: Path, name: str = "", *, link: bool = False) -> list[str]:
        """Copy or link a model of the user into `models.d`; return the ids.

        Raises BadRequestError if it is no model, ConflictError if there is one of this name.
        """
        folder = self.layout.own_models
        added = await asyncio.to_thread(add_path, folder, path, name, link=link)
        await self.refresh()
        return [entry.id for entry in added]

    async def add_repository(self, text: str) -> list[str]:
        """Add the models of a repository to the catalog; return the ids. Nothing is installed.

        Raises BadRequestError, NotFoundError, ConflictError, DownloadError, ModelMissingError.
        """
        name = RepositoryName.parse(text)
        async with self._installer.open_client() as client:
            reader = RepositoryReader(client, self._installer.endpoints)
            entries = await reader.describe(name)
        known = [entry.id for entry in entries if entry.id in self.catalog]
        if known:
            raise ConflictError(
                f"There is a model {known[0]} already.",
                hint=f"Remove it: `models remove {known[0]}`.",
            )
        file = clean_name(f"{name.repository}-{name.path}".replace("/", "-"))
        await asyncio.to_thread(write_manifest, self.layout.own_models, file, entries)
        await self.refresh()
        return [entry.id for entry in entries]

    async def refresh_voice_list(self) -> list[str]:
        """Download the list of Piper voices; return the ids of the voices that are new.

        Raises DownloadError, NotFoundError, ModelMissingError, BadRequestError for a damaged list.
        """
        before = set(self.catalog.ids)
        async with self._installer.open_client() as client:
            reader = RepositoryReader(client, self._installer.endpoints)
            content = await reader.read_file(RepositoryName(REPOSITORY.repository), LIST_FILE)
        try:
            await asyncio.to_thread(parse_voice_list, content)
        except ValueError as err:
            raise BadRequestError(f"The list of Piper voices is damaged: {err}.") from err
        path = self.layout.voice_list
        with map_disk_errors(path):
            await asyncio.to_thread(atomic_write, path, content)
        await self.refresh()
        return [model for model in self.catalog.ids if model not in before]

    async def clean(self) -> int:
        """Delete partial downloads and old versions; return the bytes freed.

        Models that are being installed are skipped.
        """
        freed = 0
        for entry in self.catalog:
            if entry.id not in self._installations:
                async with self._exclusive_access(entry.id):
                    freed += await asyncio.to_thread(self._clean_model, entry)
        return freed

    async def leftover_sizes(self) -> dict[str, int]:
        """Return the bytes per model that `clean` would delete."""
        skipped = set(self._installations)

        def measure() -> dict[str, int]:
            sizes = {entry.id: self._leftover_bytes(entry) for entry in self.catalog}
            return {model: size for model, size in sizes.items() if size and model not in skipped}

        return await asyncio.to_thread(measure)

    async def sizes(self) -> dict[str, int]:
        """Return the bytes of each model in the data directory, with partial downloads."""

        def measure() -> dict[str, int]:
            sizes = {
                entry.id: disk_bytes(self.layout.model(entry.id)) + _local_bytes(entry)
                for entry in self.catalog
            }
            return {model: size for model, size in sizes.items() if size}

        return await asyncio.to_thread(measure)

    def _start(self, entry: ModelEntry) -> _Installation:
        listeners: list[ProgressCallback] = []

        def on_progress(phase: str, percent: int) -> None:
            for listener in tuple(listeners):
                listener(phase, percent)

        task = asyncio.create_task(self._install(entry, on_progress), name=f"install {entry.id}")
        running = self._installations[entry.id] = _Installation(task, listeners)
        task.add_done_callback(lambda _: self._on_install_done(entry.id, running))
        return running

    def _on_install_done(self, model: str, running: _Installation) -> None:
        self._drop_installation(model, running)
        if not running.task.cancelled() and running.task.exception() and not running.waiting:
            # All callers were cancelled, so nobody gets the exception.
            _LOGGER.warning("Installing %s failed: %s", model, running.task.exception())

    def _drop_installation(self, model: str, running: _Installation) -> None:
        if self._installations.get(model) is running:
            del self._installations[model]

    async def _install(self, entry: ModelEntry, on_progress: ProgressCallback) -> Receipt:
        async with self._exclusive_access(entry.id):
            # Another process may have installed the model during the wait for the lock.
            receipt = await asyncio.to_thread(self._read_valid_receipt, entry)
            if receipt is None:
                self._receipts.pop(entry.id, None)
                receipt = await self._installer.install(entry, on_progress)
                _LOGGER.info("Installed %s from %s.", entry.id, receipt.origin)
                self._receipts[entry.id] = receipt
                cache = self.layout.cache(entry.id, entry.version)
                await prepare_model(entry.engine, {**self.files(entry.id), "cache_dir": str(cache)})
            self._receipts[entry.id] = receipt
            return receipt

    @asynccontextmanager
    async def _exclusive_access(self, model: str) -> AsyncIterator[None]:
        """Lock the folder of a model against changes by other tasks and processes."""
        self._changing[model] += 1
        try:
            with map_disk_errors(self.layout.model(model)):
                async with file_lock(self.layout.lock(model)):
                    yield
        finally:
            self._changing[model] -= 1
            if not self._changing[model]:
                del self._changing[model]

    def _read_receipts(self, catalog: Catalog) -> dict[str, Receipt]:
        found = {entry.id: self._read_valid_receipt(entry) for entry in catalog}
        return {model: receipt for model, receipt in found.items() if receipt}

    def _read_valid_receipt(self, entry: ModelEntry) -> Receipt | None:
        if entry.library is not None and not package_version(entry.library.package):
            return None
        receipt = read_receipt(self.layout.receipt(entry.id, entry.version))
        return receipt if receipt is not None and receipt.is_current() else None

    async def _verify_files(self, model: str, on_progress: ProgressCallback) -> list[str]:
        receipt = self._receipts[model]
        folder = Path(receipt.folder)
        expected = {str(folder / path): record.sha256 for path, record in receipt.files.items()}
        damaged = await _find_damaged(expected, on_progress)
        if damaged:
            del self._receipts[model]
            deletable = damaged if folder.is_relative_to(self.layout.models) else []
            await asyncio.to_thread(
                _invalidate,
                self.layout.receipt(model, receipt.version),
                deletable,
            )
        return [str(Path(path).relative_to(folder)) for path in damaged]

    def _leftover_bytes(self, entry: ModelEntry) -> int:
        versions = self.layout.versions(entry.id)
        return self.layout.partial_bytes(entry.id) + sum(
            disk_bytes(self.layout.version(entry.id, version))
            for version in versions
            if version != entry.version
        )

    def _clean_model(self, entry: ModelEntry) -> int:
        freed = self.layout.remove_partial_downloads(entry.id)
        for version in self.layout.versions(entry.id):
            if version != entry.version:
                freed += self.layout.remove_version(entry.id, version)
        return freed


def full_catalog(data_dir: Path, base: Catalog | None = None) -> Catalog:
    """Return all models: those of the user first, then `base`, then newer public voices.

    `base` is the catalog of the program unless given. Blocks on the disk.
    """
    layout = StoreLayout(data_dir)
    try:
        own = scan_own_models(layout.own_models)
    except OSError as err:
        _LOGGER.warning("%s cannot be read: %s", layout.own_models, err)
        own = []
    base = builtin_catalog() if base is None else base
    listed = _read_voice_list(layout.voice_list)
    if not own and all(entry.id in base for entry in listed):
        return base
    return Catalog([*own, *base, *(entry for entry in listed if entry.id not in base)])


def _read_voice_list(path: Path) -> tuple[ModelEntry, ...]:
    try:
        modified = path.stat().st_mtime_ns
    except OSError:
        return ()
    return _parsed_voice_list(path, modified)


@lru_cache(maxsize=1)
def _parsed_voice_list(path: Path, _modified: int) -> tuple[ModelEntry, ...]:
    try:
        return parse_voice_list(path.read_bytes())
    except (OSError, ValueError) as err:
        _LOGGER.warning("%s cannot be read and is ignored: %s", path, err)
        return ()


def _local_bytes(entry: ModelEntry) -> int:
    return sum(file.size or 0 for file in entry.files) if entry.local_folder else 0


async def _find_damaged(expected: dict[str, str], on_progress: ProgressCallback) -> list[str]:
    """Return the paths whose SHA-256 is not the expected one, or that cannot be read."""
    sizes: dict[str, int | None] = {
        path: await asyncio.to_thread(_size_or_none, path) for path in expected
    }
    progress = InstallProgress("verify", sizes, on_progress)
    damaged = []
    for path, sha256 in expected.items():
        try:
            actual = await sha256_of(Path(path), partial(progress.update, path))
        except OSError as err:
            _LOGGER.warning("%s cannot be read: %s", path, err.strerror or err)
            actual = ""
        if actual != sha256:
            damaged.append(path)
    progress.finish()
    return damaged


def _size_or_none(path: str) -> int | None:
    file = Path(path)
    return file.stat().st_size if file.is_file() else None


def _invalidate(receipt: Path, damaged: list[str]) -> None:
    """Delete a receipt and the damaged files, so that the next `ensure` installs them again."""
    receipt.unlink(missing_ok=True)
    for path in damaged:
        Path(path).unlink(missing_ok=True)
