"""Installs and removes models while the server runs, and keeps them within the disk quota."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import Clock, iso_timestamp
from wyoming_servers.core.domain import ModelSpec, ModelState, Task
from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
    ConductorError,
    ConflictError,
    ModelMissingError,
    UnsupportedLanguageError,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import (
    ModelFailed,
    ModelInstalled,
    ModelProgressed,
    ModelRemoved,
    ModelStateChanged,
)
from wyoming_servers.models.errors import DiskFullError, DownloadError
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.models.references import (
    ModelUse,
    References,
    UseKind,
    configured_uses,
    referenced_uses,
)
from wyoming_servers.models.specs import model_spec
from wyoming_servers.models.store import ModelStore
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.scheduling.planner.actions import ReplaceResult
from wyoming_servers.scheduling.status import ModelStatus
from wyoming_servers.text.voice_expression import voice_names

_LOGGER: Final = logging.getLogger(__name__)

SYNC_INTERVAL: Final = 3.0
"""Seconds between two checks for models that other programs installed or removed; a check takes
2 ms."""

RETRY_SECONDS: Final = 30.0
"""First pause after a failed download of a model that a service needs; it doubles each time."""

MAX_RETRY_SECONDS: Final = 600.0

_RETRY_AFTER: Final = 15.0
"""Seconds after which a client may ask again for a model that is being installed."""


ExplainMissing = Callable[[Task, str | None], ConductorError | None]
"""See `ModelManager.explain_missing`."""


class ModelCoordinator(CoordinatorProtocol, Protocol):
    """A coordinator that accepts and drops models while it runs."""

    def add_model(self, spec: ModelSpec) -> None: ...

    async def replace_model(self, spec: ModelSpec, *, load: bool = False) -> ReplaceResult: ...

    async def remove_model(self, model: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class ModelListing:
    """One model of the catalog, installed or not."""

    entry: ModelEntry
    installed: bool
    downloading: bool
    disk_bytes: int
    """In the data folder; models inside Python packages take none."""
    uses: tuple[ModelUse, ...]
    """Why clearing the cache keeps it."""

    @property
    def in_use(self) -> bool:
        """Whether clearing the cache keeps it."""
        return bool(self.uses)


@dataclass(frozen=True, slots=True)
class CleanupPlan:
    """Which models clearing the cache deletes, and which it keeps."""

    deleted: tuple[ModelListing, ...]
    kept: tuple[ModelListing, ...]
    leftover_bytes: int
    """Partial downloads and old versions of models that are kept."""

    @property
    def bytes(self) -> int:
        """All bytes that are deleted."""
        return self.leftover_bytes + sum(item.disk_bytes for item in self.deleted)


def explained(
    error: Exception, explain: ExplainMissing | None, task: Task, names: Iterable[str | None]
) -> ConductorError | None:
    """Return a better error for a model, voice or word that is not installed yet, or None."""
    if explain is None or not isinstance(error, (ModelMissingError, UnsupportedLanguageError)):
        return None
    found = (explain(task, name) for name in names)
    return next((better for better in found if better is not None), None)


@dataclass(slots=True)
class _Download:
    """An installation in progress."""

    task: asyncio.Task[None] | None = None
    phase: str = "download"
    percent: int = 0


@dataclass(frozen=True, slots=True)
class Installation:
    """A model that is being installed, waits for that, or could not be installed."""

    entry: ModelEntry
    phase: str = "queued"
    """queued, download or verify."""
    percent: int = 0
    error: ConductorError | None = None
    """Why the last attempt failed; None while another one is under way."""
    retry_in: float | None = None
    """Seconds until the next attempt; None if only a request causes one."""


class ModelManager:
    """Changes which models are installed and registers them; call `close` at the end."""

    def __init__(
        self,
        store: ModelStore,
        coordinator: ModelCoordinator,
        specs: MutableMapping[str, ModelSpec],
        config: ConfigHolder,
        bus: EventBus,
        *,
        references: References,
        clock: Clock,
        served: Collection[str] = (),
        gpus: Sequence[str] = (),
    ) -> None:
        """The pipelines read `specs`; `served` are the default models of the services now."""
        self._references = references
        self._clock = clock
        self._store = store
        self._coordinator = coordinator
        self._specs = specs
        self._config = config
        self._bus = bus
        self._served = served
        self._gpus = gpus
        self._downloads: dict[str, _Download] = {}
        self._queued: list[str] = []
        """Models that `install_missing` will install."""
        self._rejected: dict[str, str] = {}
        """Models in `models.d` and the version that was tried; a version is tried once."""
        self._failures: dict[str, ConductorError] = {}
        """Why the last installation of a model failed."""
        self._retry_at: float | None = None
        """Time at which `install_missing` tries again."""
        self._removing: set[str] = set()
        """Models whose last requests must end before their files are deleted."""
        self._listeners: list[Callable[[], object]] = []

    def add_listener(self, on_change: Callable[[], object]) -> None:
        """Call `on_change` after each model that was added to `specs` or removed."""
        self._listeners.append(on_change)

    async def watch(self, clock: Clock) -> None:
        """Call `sync` in a loop until cancelled."""
        while True:
            await clock.sleep(SYNC_INTERVAL)
            await self.sync()

    async def sync(self) -> None:
        """Register models that another program installed, and drop those that it removed.

        Models in `models.d` are installed, and loaded again after a change. A removed model stays
        registered while it has requests: its worker has the files open. A later call drops it.
        """
        await self._store.refresh()
        entries = {entry.id: entry for entry in self._store.entries()}
        for model in [model for model in self._specs if model not in entries]:
            if model not in self._removing and not self._has_requests(model):
                await self._unregister(model)
        for entry in entries.values():
            if entry.id in self._downloads or entry.id in self._removing:
                continue
            spec, installed = self._specs.get(entry.id), self._store.installed(entry.id)
            if entry.local_folder and not installed:
                if self._rejected.get(entry.id) != entry.version:
                    self._rejected[entry.id] = entry.version
                    self.download(entry.id)
            elif installed and (spec is None or spec.version != entry.version):
                await self._register(entry)
            elif spec is not None and not installed and not self._has_requests(entry.id):
                await self._unregister(entry.id)

    async def apply_settings(
        self, config: Config, defaults: Collection[str]
    ) -> dict[str, ReplaceResult]:
        """Give every installed model its settings of `config`; return how each changed one got it.

        `defaults` are loaded to find out whether they can be. If a model cannot be loaded with its
        new settings, all models keep the old ones, and this raises like `lease`.
        """
        results: dict[str, ReplaceResult] = {}
        replaced: list[ModelSpec] = []
        try:
            for model, old in list(self._specs.items()):
                if model not in self._store.catalog:
                    continue
                entry = self._store.entry(model)
                new = await asyncio.to_thread(model_spec, entry, config, self._store, self._gpus)
                if new == old:
                    continue
                load = model in defaults
                results[model] = await self._coordinator.replace_model(new, load=load)
                self._specs[model] = new
                replaced.append(old)
        except ConductorError:
            for old in reversed(replaced):
                self._specs[old.id] = old
                await self._coordinator.replace_model(old)
            raise
        return results

    async def close(self) -> None:
        """Cancel all downloads; the store keeps their partial files."""
        tasks = {item.task for item in self._downloads.values() if item.task is not None}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def entries(self) -> tuple[ModelEntry, ...]:
        """Return the catalog."""
        return self._store.entries()

    async def list_models(self) -> list[ModelListing]:
        """Return every model of the catalog with its state."""
        sizes = await self._store.sizes()
        statuses = self._statuses()
        return [
            ModelListing(
                entry,
                self._store.installed(entry.id),
                entry.id in self._downloads,
                sizes.get(entry.id, 0),
                tuple(self._uses(entry, statuses.get(entry.id))),
            )
            for entry in self._store.entries()
        ]

    async def disk_sizes(self) -> dict[str, int]:
        """Return the bytes of each model in the data folder, with partial downloads."""
        return await self._store.sizes()

    def uses(self, model: str) -> list[ModelUse]:
        """Return why a model is in use; empty if nothing needs it.

        Raises ModelMissingError for an unknown model.
        """
        return self._uses(self._store.entry(model), self._statuses().get(model))

    def _uses(self, entry: ModelEntry, status: ModelStatus | None) -> list[ModelUse]:
        config = self._config.current
        found = configured_uses(config, entry) + referenced_uses(self._references.all(), entry)
        if entry.local_folder:
            found.append(ModelUse(UseKind.OWN_FILES, "It cannot be downloaded again."))
        elif self._store.is_in_package(entry.id):
            found.append(ModelUse(UseKind.PACKAGE, "It is part of a Python package."))
        if entry.id in self._served and not found:
            found.append(ModelUse(UseKind.CONFIGURATION, "It is the default model of a service."))
        if status is not None and status.pid:
            found.append(ModelUse(UseKind.LOADED, f"It is loaded on {status.placement.device}."))
        if status is not None and (status.leases or status.queued):
            found.append(ModelUse(UseKind.REQUESTS, "It has requests."))
        last = self._last_used(entry.id, status)
        if last and self._clock.wall() - last < config.downloads.keep_used:
            found.append(
                ModelUse(UseKind.RECENT, f"Its last request was at {iso_timestamp(last)}.")
            )
        return found

    def kept_warm(self) -> list[str]:
        """Return the installed models that settings or clients name."""
        config, references = self._config.current, self._references.all()
        return [
            model
            for model in self._specs
            if model in self._served
            or configured_uses(config, entry := self._store.entry(model))
            or referenced_uses(references, entry)
        ]

    def download(self, model: str) -> bool:
        """Start to install a model; False if it is installed. Progress is published as events.

        Raises ModelMissingError for an unknown model.
        """
        entry = self._store.entry(model)
        if self._store.installed(model):
            return False
        if model not in self._downloads:
            self._failures.pop(model, None)
            download = self._downloads[model] = _Download()
            task = asyncio.create_task(self._download(entry, download), name=f"download {model}")
            download.task = task
            task.add_done_callback(lambda _: self._downloads.pop(model, None))
        return True

    async def install_missing(
        self, models: Iterable[str], clock: Clock, on_installed: Callable[[str], object]
    ) -> None:
        """Install models one after the other; retry failed downloads until all are installed.

        A model that cannot be installed at all (an offline server) is reported and left out.
        """
        self._queued = [model for model in models if not self._store.installed(model)]
        pause = RETRY_SECONDS
        while self._queued:
            for model in tuple(self._queued):
                await self._install(model)
                failure = self._failures.get(model)
                if self._store.installed(model):
                    self._queued.remove(model)
                    on_installed(model)
                elif not isinstance(failure, DownloadError):
                    self._queued.remove(model)
                    _LOGGER.error("%s is not available. %s", model, failure or "")
            if self._queued:
                self._retry_at = clock.now() + pause
                await clock.sleep(pause)
                self._retry_at = None
                pause = min(2 * pause, MAX_RETRY_SECONDS)

    def installations(self) -> list[Installation]:
        """Return the models that are being installed, wait for that, or could not be installed."""
        wanted = dict.fromkeys([*self._downloads, *self._queued, *self._failures])
        return [
            self._installation(model)
            for model in wanted
            if model in self._downloads
            or (model in self._store.catalog and not self._store.installed(model))
        ]

    def _installation(self, model: str) -> Installation:
        entry = self._store.entry(model)
        if (download := self._downloads.get(model)) is not None:
            return Installation(entry, download.phase, download.percent)
        if (failure := self._failures.get(model)) is None:
            return Installation(entry)
        at = self._retry_at if model in self._queued else None
        wait = None if at is None else max(0.0, at - self._clock.now())
        return Installation(entry, error=failure, retry_in=wait)

    def install_progress(self, model: str) -> str:
        """Return a phrase such as `is being installed (download 42 %)`; empty for other models."""
        if (download := self._downloads.get(model)) is not None:
            return f"is being installed ({download.phase} {download.percent} %)"
        if model in self._queued and model not in self._failures:
            return "is going to be installed"
        return ""

    def explain_missing(self, task: Task, name: str | None) -> ConductorError | None:
        """Return the error for a request whose model is not installed yet; None for no better one.

        `name` is a model of speech-to-text, a voice or a wake word; None stands for any. BusyError
        while it is being installed, ModelMissingError with the reason if that failed.
        """
        for model in self._candidates(task, name):
            if progress := self.install_progress(model):
                return BusyError(
                    f"{model} {progress}.",
                    hint="Try again when it is installed.",
                    retry_after=_RETRY_AFTER,
                )
            if model in self._queued and (failure := self._failures.get(model)) is not None:
                return ModelMissingError(
                    f"{model} is not installed: {failure.message}",
                    hint="The server tries again by itself.",
                )
        return None

    async def remove(self, model: str, *, force: bool = False) -> int:
        """Delete a model's files; return the number of bytes freed.

        Raises ConflictError for a model in use, unless `force`: then its running requests end
        first. Raises ModelMissingError for an unknown model.
        """
        # The caller has named the model, so these are no obstacle.
        ignored = (UseKind.RECENT, UseKind.OWN_FILES, UseKind.PACKAGE)
        uses = [use.detail for use in self.uses(model) if use.kind not in ignored]
        if uses and not force:
            raise ConflictError(
                f"{model} is in use: {'; '.join(uses)}.".replace("..", "."),
                hint="Unload it, use another model there, or remove it with force.",
            )
        return await self._remove(model, self._store.remove)

    async def _remove(self, model: str, delete: Callable[[str], Awaitable[int]]) -> int:
        download = self._downloads.get(model)
        if download is not None and download.task is not None:
            download.task.cancel()
            await asyncio.wait([download.task])
        self._removing.add(model)
        try:
            # Offered no more while its last requests end.
            await self._unregister(model)
            return await delete(model)
        finally:
            self._removing.discard(model)
            self._rejected.pop(model, None)

    async def add(self, source: str, name: str = "") -> list[str]:
        """Add models of the user and start to install them; return the ids.

        `source` is the absolute path of a file or folder on this machine, or a repository. Raises
        like `ModelStore.add_path` and `add_repository`.
        """
        if source.startswith("/"):
            added = await self._store.add_path(Path(source), name)
        elif name:
            raise BadRequestError("Models of a repository keep their names.")
        else:
            added = await self._store.add_repository(source)
        for model in added:
            if model in self._store.catalog:
                self.download(model)
        return added

    async def refresh_voice_list(self) -> list[str]:
        """Download the list of Piper voices; return the ids of the voices that are new.

        Raises like `ModelStore.refresh_voice_list`.
        """
        return await self._store.refresh_voice_list()

    async def plan_cleanup(self) -> CleanupPlan:
        """Return which models `remove_unused` would delete now."""
        listings = [item for item in await self.list_models() if item.disk_bytes]
        deleted = [item for item in listings if not item.in_use and not item.downloading]
        kept = [item for item in listings if item not in deleted]
        leftovers = await self._store.leftover_sizes()
        leftover_bytes = sum(leftovers.get(item.entry.id, 0) for item in kept)
        return CleanupPlan(tuple(deleted), tuple(kept), leftover_bytes)

    async def remove_unused(self) -> CleanupPlan:
        """Delete partial downloads, old versions and models not in use; return what was done."""
        plan = await self.plan_cleanup()
        await self._store.clean()
        deleted = []
        for listing in plan.deleted:
            # A request may have come since.
            if not self.uses(listing.entry.id):
                await self._remove(listing.entry.id, self._store.remove_download)
                deleted.append(listing)
        return replace(plan, deleted=tuple(deleted))

    async def _install(self, model: str) -> None:
        self.download(model)
        download = self._downloads.get(model)
        if download is not None and download.task is not None:
            await asyncio.wait([download.task])

    async def _download(self, entry: ModelEntry, download: _Download) -> None:
        def on_progress(phase: str, percent: int) -> None:
            download.phase, download.percent = phase, percent
            size = entry.download_bytes if phase == "download" else 0
            self._bus.publish(
                ModelProgressed(model=entry.id, phase=phase, percent=percent, total_bytes=size)
            )

        self._bus.publish(ModelStateChanged(model=entry.id, state=ModelState.DOWNLOADING))
        try:
            await self._enforce_quota(entry)
            await self._store.ensure(entry.id, on_progress)
            await self._register(entry)
        except ConductorError as err:
            _LOGGER.warning("%s could not be installed: %s", entry.id, err)
            self._failures[entry.id] = err
            self._bus.publish(ModelFailed(model=entry.id, code=err.code, message=str(err)))
            failed = ModelStateChanged(model=entry.id, state=ModelState.FAILED, reason=str(err))
            self._bus.publish(failed)
        except Exception as err:
            _LOGGER.exception("Bug while installing %s", entry.id)
            self._bus.publish(ModelFailed(model=entry.id, code="UNKNOWN", message=str(err)))

    async def _register(self, entry: ModelEntry) -> None:
        """Add an installed model to `specs` and the coordinator; a removed one is ignored."""
        try:
            spec = await asyncio.to_thread(
                model_spec, entry, self._config.current, self._store, self._gpus
            )
        except ModelMissingError:
            return
        if entry.id in self._specs:
            await self._coordinator.replace_model(spec)
        else:
            self._coordinator.add_model(spec)
        self._specs[entry.id] = spec
        self._notify(ModelInstalled(model=entry.id))

    async def _unregister(self, model: str) -> None:
        """Accept no more requests for a model; return when its last request has ended."""
        if self._specs.pop(model, None) is not None:
            self._notify(ModelRemoved(model=model))
        await self._coordinator.remove_model(model)

    def _notify(self, event: ModelInstalled | ModelRemoved) -> None:
        for listener in self._listeners:
            listener()
        self._bus.publish(event)

    async def _enforce_quota(self, entry: ModelEntry) -> None:
        """Delete models not in use until the new one fits, the least recently used first.

        Raises DiskFullError if it does not fit beside the models in use.
        """
        quota = self._config.current.downloads.quota
        if not quota:
            return
        sizes = await self._store.sizes()
        sizes.pop(entry.id, None)
        total = sum(sizes.values()) + entry.download_bytes
        statuses = self._statuses()
        for model in sorted(sizes, key=lambda it: self._last_used(it, statuses.get(it))):
            if total <= quota:
                return
            # The quota is a decision of the user: a recent request protects no model from it.
            recent = all(use.kind is UseKind.RECENT for use in self.uses(model))
            if recent and model not in self._downloads:
                _LOGGER.info("Removing %s to make room for %s", model, entry.id)
                total -= await self._remove(model, self._store.remove_download)
        if total > quota:
            raise DiskFullError(
                f"{entry.id} does not fit into the {quota} bytes that models may take.",
                hint="Remove models that are in use, or raise downloads.quota.",
            )

    def _candidates(self, task: Task, name: str | None) -> list[str]:
        """Return the models of the catalog that a request may have meant."""
        entries = self._store.catalog.of_task(task)
        if name is None:
            return [entry.id for entry in entries]
        names = set(voice_names(name)) if task is Task.TTS else {name}
        return [
            entry.id
            for entry in entries
            if entry.id in names or any(offer.name in names for offer in entry.offers)
        ]

    def _has_requests(self, model: str) -> bool:
        status = self._statuses().get(model)
        return status is not None and bool(status.leases or status.queued)

    def _last_used(self, model: str, status: ModelStatus | None) -> float:
        """Return when a model was used last, in seconds since 1970; 0 if unknown."""
        since_start = status.last_used if status is not None else None
        return max(since_start or 0.0, self._references.last_used(model))

    def _statuses(self) -> dict[str, ModelStatus]:
        """Return the status of every registered model; takes a snapshot of the scheduler."""
        return {status.spec.id: status for status in self._coordinator.snapshot().models}
