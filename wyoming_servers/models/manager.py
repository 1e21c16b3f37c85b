"""Models come and go while the server runs: downloaded, made known, removed, kept under a quota."""

import asyncio
import logging
from collections.abc import Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.core.errors import (
    ConductorError,
    ConflictError,
    ModelMissingError,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import (
    ModelFailed,
    ModelInstalled,
    ModelProgressed,
    ModelRemoved,
)
from wyoming_servers.models.catalog import ModelEntry
from wyoming_servers.models.errors import DiskFullError
from wyoming_servers.models.specs import model_spec
from wyoming_servers.models.store import ModelStore
from wyoming_servers.scheduling.interface import (
    CoordinatorProtocol,
    ModelStatus,
)

_LOGGER: Final = logging.getLogger(__name__)

SYNC_INTERVAL: Final = 3.0
"""Seconds between two looks at what other programs have installed or removed; one takes 2 ms."""


class ModelCoordinator(CoordinatorProtocol, Protocol):
    """A coordinator whose models change."""

    def add_model(self, spec: ModelSpec) -> None: ...

    async def remove_model(self, model: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class ModelListing:
    """One model of the catalog, here or not."""

    entry: ModelEntry
    installed: bool
    downloading: bool
    disk_bytes: int
    """In the data folder; models inside Python packages take none."""
    in_use: bool
    """Whether it is served by default, loaded, or asked for."""


class ModelManager:
    """All models there are; `close` it at the end."""

    def __init__(
        self,
        store: ModelStore,
        coordinator: ModelCoordinator,
        specs: MutableMapping[str, ModelSpec],
        config: Config,
        bus: EventBus,
        *,
        served: Iterable[str] = (),
        gpus: Sequence[str] = (),
    ) -> None:
        """`specs` is what the pipelines read; `served` are the models behind the services."""
        self._store = store
        self._coordinator = coordinator
        self._specs = specs
        self._config = config
        self._bus = bus
        self._served = frozenset(served)
        self._gpus = gpus
        self._downloads: dict[str, asyncio.Task[None]] = {}
        self._removing: set[str] = set()
        """Models whose last requests are awaited before their files are deleted."""
        self._listeners: list[Callable[[], object]] = []

    def add_listener(self, on_change: Callable[[], object]) -> None:
        """Call `on_change` whenever a model has come or gone and `specs` is true again."""
        self._listeners.append(on_change)

    async def watch(self, clock: Clock) -> None:
        """Notice what `wyoming-conductor models` and other programs do, until cancelled."""
        while True:
            await clock.sleep(SYNC_INTERVAL)
            await self.sync()

    async def sync(self) -> None:
        """Make known what has come, and forget what has gone unless somebody is served by it.

        That is forgotten at a later call: its worker has the files open and needs them no more.
        """
        await self._store.refresh()
        for entry in self._store.entries():
            here, known = self._store.installed(entry.id), entry.id in self._specs
            if entry.id in self._downloads or entry.id in self._removing:
                continue
            if here and not known:
                await self._register(entry)
            elif known and not here and not self._has_requests(entry.id):
                await self._unregister(entry.id)

    async def close(self) -> None:
        """End downloads; what has arrived is kept."""
        tasks = set(self._downloads.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def entries(self) -> tuple[ModelEntry, ...]:
        """Return what is known of every model there is."""
        return self._store.entries()

    async def list_models(self) -> list[ModelListing]:
        """Return every model there is."""
        sizes = await self._store.sizes()
        return [
            ModelListing(
                entry,
                self._store.installed(entry.id),
                entry.id in self._downloads,
                sizes.get(entry.id, 0),
                self._in_use(entry.id),
            )
            for entry in self._store.entries()
        ]

    def download(self, model: str) -> bool:
        """Begin to bring a model here; False if it is installed. Progress is told as events.

        Raises ModelMissingError for an unknown model.
        """
        entry = self._store.entry(model)
        if self._store.installed(model):
            return False
        if model not in self._downloads:
            task = asyncio.create_task(self._download(entry), name=f"download {model}")
            self._downloads[model] = task
            task.add_done_callback(lambda _: self._downloads.pop(model, None))
        return True

    async def remove(self, model: str, *, force: bool = False) -> int:
        """Delete a model's files; return the bytes that frees.

        Raises ConflictError for one in use, unless `force`: then requests that use it end first.
        Raises ModelMissingError for an unknown model.
        """
        self._store.entry(model)
        if not force and self._in_use(model):
            raise ConflictError(
                f"{model} is in use.",
                hint="Unload it, or serve another by default; or force it.",
            )
        if (task := self._downloads.get(model)) is not None:
            task.cancel()
            await asyncio.wait([task])
        self._removing.add(model)
        try:
            # Not offered any more while the last requests for it end.
            await self._unregister(model)
            return await self._store.remove(model)
        finally:
            self._removing.discard(model)

    async def remove_unused(self) -> int:
        """Delete what nobody needs: unfinished downloads, old versions, models not in use."""
        freed = await self._store.clean()
        for shelf in await self.list_models():
            if shelf.disk_bytes and not shelf.in_use and not shelf.downloading:
                freed += await self.remove(shelf.entry.id)
        return freed

    async def _download(self, entry: ModelEntry) -> None:
        try:
            await self._enforce_quota(entry)
            await self._store.ensure(entry.id, self._progress_publisher(entry.id))
            await self._register(entry)
        except ConductorError as err:
            _LOGGER.warning("%s could not be downloaded: %s", entry.id, err)
            self._bus.publish(ModelFailed(model=entry.id, code=err.code, message=str(err)))
        except Exception as err:
            _LOGGER.exception("bug while downloading %s", entry.id)
            self._bus.publish(ModelFailed(model=entry.id, code="UNKNOWN", message=str(err)))

    async def _register(self, entry: ModelEntry) -> None:
        """Make an installed model known to everybody; nothing if it is gone again."""
        try:
            spec = await asyncio.to_thread(model_spec, entry, self._config, self._store, self._gpus)
        except ModelMissingError:
            return
        self._specs[entry.id] = spec
        self._coordinator.add_model(spec)
        self._notify(ModelInstalled(model=entry.id))

    async def _unregister(self, model: str) -> None:
        """Let nobody ask for a model any more, and return when its last request has ended."""
        known = self._specs.pop(model, None)
        if known is not None:
            self._notify(ModelRemoved(model=model))
        await self._coordinator.remove_model(model)

    def _notify(self, event: ModelInstalled | ModelRemoved) -> None:
        for listener in self._listeners:
            listener()
        self._bus.publish(event)

    def _progress_publisher(self, model: str) -> Callable[[str, int], None]:
        def tell(phase: str, percent: int) -> None:
            self._bus.publish(ModelProgressed(model=model, phase=phase, percent=percent))

        return tell

    async def _enforce_quota(self, entry: ModelEntry) -> None:
        """Under a quota, delete models until the new one fits: those least recently used first.

        Raises DiskFullError if it cannot fit beside those in use.
        """
        quota = self._config.downloads.quota
        if not quota:
            return
        sizes = await self._store.sizes()
        sizes.pop(entry.id, None)
        total = sum(sizes.values()) + entry.download_bytes
        for model in sorted(sizes, key=self._last_used):
            if total <= quota:
                return
            if not self._in_use(model) and model not in self._downloads:
                _LOGGER.info("%s makes room on the disk for %s", model, entry.id)
                total -= await self.remove(model)
        if total > quota:
            raise DiskFullError(
                f"{entry.id} does not fit into the {quota} bytes that models may take.",
                hint="Remove models that are in use, or raise downloads.quota.",
            )

    def _in_use(self, model: str) -> bool:
        status = self._status(model)
        loaded = status is not None and bool(status.pid)
        return model in self._served or loaded or self._has_requests(model)

    def _has_requests(self, model: str) -> bool:
        status = self._status(model)
        return status is not None and bool(status.leases or status.queued)

    def _last_used(self, model: str) -> float:
        """Return when it was used last, in seconds since 1970; 0 for not since the start."""
        status = self._status(model)
        return 0.0 if status is None or status.last_used is None else status.last_used

    def _status(self, model: str) -> ModelStatus | None:
        models = self._coordinator.snapshot().models
        return next((status for status in models if status.spec.id == model), None)
