"""Models that are installed and removed while the server runs."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import ModelSpec, Task
from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
    ConflictError,
    ModelMissingError,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import RequestFinished
from wyoming_servers.models.catalog import Catalog
from wyoming_servers.models.manager import (
    RETRY_SECONDS,
    SYNC_INTERVAL,
    ModelManager,
)
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.models.references import Reference, References, UseKind
from wyoming_servers.models.specs import model_spec
from wyoming_servers.models.store import ModelStore
from wyoming_servers.speech.fake import FakeCoordinator

SIZE = 1_000
NAMES = ("fake/one", "fake/two", "fake/three", "fake/five", "fake/six")


def entry(name: str) -> ModelEntry:
    return ModelEntry.model_validate(
        {
            "id": name, "kind": "asr", "engine": "fake", "title": name, "version": "1",
            "licence": "MIT", "attribution": {"name": "x", "url": "http://x/"},
            "languages": ["en"], "roles": {"model": "model.bin"},
            "files": [{"path": "model.bin", "size": SIZE}],
            "sources": [{"base_url": f"http://mirror/{name}"}],
        }
    )  # fmt: skip


class Owner(FakeCoordinator):
    """Accepts and drops models; the test sets which are busy, and when they were used last."""

    def __init__(self) -> None:
        super().__init__({})
        self.used: dict[str, float] = {}
        self.busy: set[str] = set()
        self.last_request = asyncio.Event()
        """Whether the last request of a removed model has ended."""
        self.last_request.set()

    def add_model(self, spec: ModelSpec) -> None:
        self.specs = {**self.specs, spec.id: spec}

    async def remove_model(self, model: str) -> bool:
        await self.last_request.wait()
        known = model in self.specs
        self.specs = {name: spec for name, spec in self.specs.items() if name != model}
        return known

    def snapshot(self):
        found = super().snapshot()
        models = tuple(
            replace(
                status,
                leases=int(status.spec.id in self.busy),
                last_used=self.used.get(status.spec.id),
            )
            for status in found.models
        )
        return replace(found, models=models)


@pytest.fixture
def owner() -> Owner:
    return Owner()


@pytest.fixture
def specs() -> dict[str, ModelSpec]:
    return {}


@pytest.fixture
def gate() -> asyncio.Event:
    """Downloads wait until it is set."""
    gate = asyncio.Event()
    gate.set()
    return gate


@pytest.fixture
def requested() -> asyncio.Event:
    """Set when the source gets a request."""
    return asyncio.Event()


@pytest.fixture
def repaired() -> asyncio.Event:
    """The source of `fake/three` answers 404 until it is set."""
    return asyncio.Event()


@pytest.fixture
def open_store(tmp_path: Path, gate, requested, repaired):
    """Open a store in the folder of the test, as any program may."""

    async def body() -> AsyncIterator[bytes]:
        yield bytes(SIZE)

    async def serve(request: httpx.Request) -> httpx.Response:
        requested.set()
        await gate.wait()
        if "three" in request.url.path and not repaired.is_set():
            return httpx.Response(404)
        return httpx.Response(200, headers={"content-length": str(SIZE)}, content=body())

    def client() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(serve))

    def build() -> ModelStore:
        catalog = Catalog([entry(name) for name in NAMES])
        return ModelStore(tmp_path, catalog, client_factory=client)

    return build


@pytest.fixture
async def other(open_store) -> ModelStore:
    """The store of another program in the same folder."""
    return await asyncio.to_thread(open_store)


@pytest.fixture
def holders() -> list[ConfigHolder]:
    """The configuration of each manager that `make` made."""
    return []


@pytest.fixture
async def make(open_store, owner, specs, bus, holders, references, clock) -> AsyncIterator:
    store = await asyncio.to_thread(open_store)
    made: list[ModelManager] = []

    def build(quota: int = 0, served: tuple[str, ...] = ()) -> ModelManager:
        config = Config.model_validate({"downloads": {"quota": quota}})
        holder = ConfigHolder(config)
        made.append(
            ModelManager(
                store, owner, specs, holder, bus, references=references, clock=clock, served=served
            )
        )
        holders.append(holder)
        return made[-1]

    yield build
    for manager in made:
        await manager.close()


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


@pytest.fixture
def references(tmp_path: Path, bus: EventBus, clock: FakeClock) -> References:
    return References(tmp_path / "references.json", bus, clock)


async def arrive(manager: ModelManager, *models: str) -> None:
    for model in models:
        assert manager.download(model)
        await asyncio.wait([manager._downloads[model].task])
        await asyncio.sleep(0)


async def installed(manager: ModelManager) -> set[str]:
    return {listing.entry.id for listing in await manager.list_models() if listing.installed}


async def test_installed_model_can_be_used_at_once(make, owner, specs, bus) -> None:
    manager = make()
    with bus.subscribe() as events:
        await arrive(manager, "fake/one")
        seen = [item.event for item in events.drain()]
    assert "fake/one" in owner.specs
    assert specs["fake/one"].files["model"].endswith("model.bin")
    percents = [event.percent for event in seen if getattr(event, "phase", "") == "download"]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert seen[-1].type == "model_installed"
    assert not manager.download("fake/one")


async def test_model_is_listed_until_it_is_registered(make, owner, monkeypatch) -> None:
    manager = make()
    listed = []

    def slow_spec(entry, *arguments):
        assert entry.id not in owner.specs
        listed.extend(found.entry.id for found in manager.installations())
        return model_spec(entry, *arguments)

    monkeypatch.setattr("wyoming_servers.models.manager.model_spec", slow_spec)
    await arrive(manager, "fake/one")
    assert listed == ["fake/one"]
    assert "fake/one" in owner.specs
    assert manager.installations() == []


async def test_second_download_request_shares_the_first_download(make, gate) -> None:
    manager = make()
    gate.clear()
    manager.download("fake/one")
    task = manager._downloads["fake/one"].task
    manager.download("fake/one")
    assert manager._downloads["fake/one"].task is task
    assert [listing.downloading for listing in await manager.list_models()] == [True, *[False] * 4]
    gate.set()
    await asyncio.wait([task])


async def test_failed_download_is_published_as_an_event(make, bus, owner) -> None:
    with bus.subscribe() as events:
        await arrive(make(), "fake/three")
        failed = [item.event for item in events.drain() if item.event.type == "model_failed"]
    assert [event.code for event in failed] == ["LOAD_FAILED"]
    assert "fake/three" not in owner.specs


async def test_unknown_model_is_refused(make) -> None:
    with pytest.raises(ModelMissingError):
        make().download("fake/four")
    with pytest.raises(ModelMissingError):
        await make().remove("fake/four")


async def test_model_in_use_is_removed_only_with_force(make, owner, specs) -> None:
    manager = make(served=("fake/two",))
    await arrive(manager, "fake/one", "fake/two")
    owner.busy.add("fake/one")
    for model in ("fake/one", "fake/two"):
        with pytest.raises(ConflictError, match="in use"):
            await manager.remove(model)
    assert await manager.remove("fake/one", force=True) >= SIZE
    assert await installed(manager) == {"fake/two"}
    assert list(specs) == list(owner.specs) == ["fake/two"]


async def test_removal_cancels_a_download(make, gate, requested) -> None:
    manager = make()
    gate.clear()
    manager.download("fake/one")
    await requested.wait()
    await manager.remove("fake/one")
    assert manager._downloads == {}


async def test_sync_registers_and_drops_models_of_other_programs(
    make, other, owner, specs, bus
) -> None:
    manager = make()
    notified: list[set[str]] = []
    manager.add_listener(lambda: notified.append(set(specs)))
    await other.ensure("fake/one")
    assert not specs
    with bus.subscribe() as events:
        for _ in range(2):
            await manager.sync()
        assert set(specs) == set(owner.specs) == {"fake/one"}
        await other.remove("fake/one")
        for _ in range(2):
            await manager.sync()
        seen = [item.event.type for item in events.drain()]
    assert not specs
    assert not owner.specs
    assert notified == [{"fake/one"}, set()]
    assert seen == ["model_installed", "model_removed"]


async def test_sync_keeps_a_removed_model_until_its_last_request_ended(
    make, other, owner, specs
) -> None:
    manager = make()
    await arrive(manager, "fake/one")
    owner.busy.add("fake/one")
    await other.remove("fake/one")
    await manager.sync()
    assert "fake/one" in specs
    owner.busy.clear()
    await manager.sync()
    assert "fake/one" not in specs


async def test_sync_does_not_register_a_model_that_is_being_removed(make, owner, specs) -> None:
    manager = make()
    await arrive(manager, "fake/one")
    owner.last_request.clear()
    removing = asyncio.create_task(manager.remove("fake/one", force=True))
    await asyncio.sleep(0)
    assert "fake/one" not in specs
    await manager.sync()
    assert "fake/one" not in specs
    owner.last_request.set()
    await removing
    assert await installed(manager) == set()


async def test_watch_syncs_repeatedly(make, other, specs) -> None:
    clock = FakeClock()
    manager = make()
    arrived = asyncio.Event()
    manager.add_listener(arrived.set)
    watching = asyncio.create_task(manager.watch(clock))
    await other.ensure("fake/two")
    await clock.advance(SYNC_INTERVAL)
    await asyncio.wait_for(arrived.wait(), 10)
    assert "fake/two" in specs
    watching.cancel()
    await asyncio.wait([watching])


async def test_quota_removes_the_least_recently_used_model(make, owner) -> None:
    manager = make(quota=int(2.9 * SIZE))
    await arrive(manager, "fake/one")
    size = (await manager._store.sizes())["fake/one"]
    manager = make(quota=size + SIZE + SIZE // 2)
    await arrive(manager, "fake/two")
    assert await installed(manager) == {"fake/one", "fake/two"}
    owner.used = {"fake/one": 20.0, "fake/two": 10.0}
    manager.download("fake/three")
    await asyncio.wait([manager._downloads["fake/three"].task])
    assert "fake/two" not in await installed(manager)
    assert "fake/one" in await installed(manager)


async def test_quota_refuses_a_model_that_does_not_fit_beside_models_in_use(
    make, owner, bus
) -> None:
    await arrive(make(), "fake/one")
    owner.busy.add("fake/one")
    with bus.subscribe() as events:
        await arrive(make(quota=SIZE + 1), "fake/two")
        failed = [item.event for item in events.drain() if item.event.type == "model_failed"]
    assert "does not fit" in failed[0].message
    assert await installed(make()) == {"fake/one"}


async def test_cleanup_keeps_models_in_use_and_says_why(make, references, clock, bus) -> None:
    """One model is served, one is named by a client, one had a request, and one is unused."""
    manager = make(served=("fake/two",))
    await arrive(manager, *NAMES[:2], "fake/five", "fake/six")
    await references.declare(Reference("home-assistant", models=("fake/one",)), lifetime=60.0)
    recording = asyncio.create_task(references.run())
    await asyncio.sleep(0)
    bus.publish(RequestFinished(kind="asr", model="fake/five", client="", seconds=1.0))
    await clock.run_ready_tasks()
    plan = await manager.plan_cleanup()
    kept = {item.entry.id: item.uses for item in plan.kept}
    assert {model: uses[0].kind for model, uses in kept.items()} == {
        "fake/one": UseKind.REFERENCE,
        "fake/two": UseKind.CONFIGURATION,
        "fake/five": UseKind.RECENT,
    }
    assert kept["fake/one"][0].detail == "home-assistant uses fake/one"
    assert [item.entry.id for item in plan.deleted] == ["fake/six"]
    assert await installed(manager) == {*kept, "fake/six"}, "a plan deletes nothing"
    done = await manager.remove_unused()
    assert (done.deleted, done.bytes) == (plan.deleted, plan.bytes)
    assert done.bytes >= SIZE
    assert await installed(manager) == set(kept)
    recording.cancel()


async def test_expired_reference_protects_nothing(make, references, clock) -> None:
    manager = make()
    await arrive(manager, "fake/one")
    await references.declare(Reference("phone", models=("fake/one",)), lifetime=60.0)
    with pytest.raises(ConflictError, match="phone uses fake/one"):
        await manager.remove("fake/one")
    await clock.advance(61.0)
    assert references.all() == []
    await manager.remove_unused()
    assert await installed(manager) == set()


async def test_removal_by_name_needs_force_for_a_reference_but_not_for_a_recent_request(
    make, references, owner, clock
) -> None:
    manager = make()
    await arrive(manager, "fake/one", "fake/two")
    owner.used["fake/two"] = clock.wall()
    await references.declare(Reference("phone", models=("fake/one",)), lifetime=60.0)
    assert [use.kind for use in manager.uses("fake/two")] == [UseKind.RECENT]
    await manager.remove("fake/two")
    with pytest.raises(ConflictError):
        await manager.remove("fake/one")
    await manager.remove("fake/one", force=True)
    assert await installed(manager) == set()


async def test_quota_never_takes_a_referenced_model(make, references, bus) -> None:
    await arrive(make(), "fake/one")
    await references.declare(Reference("phone", models=("fake/one",)), lifetime=60.0)
    with bus.subscribe() as events:
        await arrive(make(quota=SIZE + 1), "fake/two")
        failed = [item.event for item in events.drain() if item.event.type == "model_failed"]
    assert "does not fit" in failed[0].message
    assert await installed(make()) == {"fake/one"}


def put_own_voice(folder: Path, size: int = SIZE) -> None:
    """Put a voice into `models.d` whose files have not changed for an hour."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine.onnx").write_bytes(bytes(size))
    (folder / "mine.onnx.json").write_text('{"language": {"code": "de_DE"}}')
    for path in folder.iterdir():
        os.utime(path, (path.stat().st_mtime - 3_600 - size,) * 2)


async def sync_and_wait(manager: ModelManager) -> None:
    """Synchronize, and wait for the installations that this starts."""
    await manager.sync()
    tasks = [item.task for item in manager._downloads.values() if item.task is not None]
    if tasks:
        await asyncio.wait(tasks)
        await asyncio.sleep(0)


async def test_own_model_comes_changes_and_goes_with_its_files(
    make, specs, owner, tmp_path: Path, monkeypatch
) -> None:
    manager, folder = make(), tmp_path / "models.d"
    replaced: list[ModelSpec] = []

    async def replace_model(spec: ModelSpec, *, load: bool = False) -> None:
        replaced.append(spec)

    monkeypatch.setattr(owner, "replace_model", replace_model, raising=False)
    await asyncio.to_thread(put_own_voice, folder)
    await sync_and_wait(manager)
    assert list(owner.specs) == ["own/mine"]
    assert specs["own/mine"].files["model"] == str(folder / "mine.onnx")
    assert [use.kind for use in manager.uses("own/mine")] == [UseKind.OWN_FILES]
    await asyncio.to_thread(put_own_voice, folder, 2 * SIZE)
    await sync_and_wait(manager)
    assert [spec.version for spec in replaced] == [specs["own/mine"].version]
    await manager.remove_unused()
    assert await asyncio.to_thread((folder / "mine.onnx").exists), "own files are never cleared"
    assert await manager.remove("own/mine") > 2 * SIZE
    assert (specs, owner.specs) == ({}, {})
    assert await asyncio.to_thread(lambda: list(folder.iterdir())) == []
    await asyncio.to_thread(put_own_voice, folder)
    await sync_and_wait(manager)
    await asyncio.to_thread((folder / "mine.onnx").unlink)
    await manager.sync()
    assert specs == {}


async def test_own_model_is_added_by_its_path(make, owner, tmp_path: Path) -> None:
    manager = make()
    await asyncio.to_thread(put_own_voice, tmp_path / "elsewhere")
    path = str(tmp_path / "elsewhere" / "mine.onnx")
    assert await manager.add(path, "his") == ["own/his"]
    await sync_and_wait(manager)
    assert list(owner.specs) == ["own/his"]
    with pytest.raises(ConflictError):
        await manager.add(path, "his")
    with pytest.raises(BadRequestError):
        await manager.add(str(tmp_path / "nothing"))
    with pytest.raises(BadRequestError, match="keep their names"):
        await manager.add("me/voice", "name")


async def test_model_gets_the_policy_of_the_configuration_in_effect(make, holders, specs) -> None:
    manager = make()
    config = Config.model_validate({"keep_alive": 7, "models": {"fake/one": {"pinned": True}}})
    holders[-1].replace(config, frozenset({"keep_alive"}))
    await arrive(manager, "fake/one")
    assert (specs["fake/one"].keep_alive, specs["fake/one"].pinned) == (7, True)


async def test_quota_is_that_of_the_configuration_in_effect(make, holders) -> None:
    manager = make()
    await arrive(manager, "fake/one")
    holders[-1].replace(Config.model_validate({"downloads": {"quota": 10}}), frozenset())
    await arrive(manager, "fake/two")
    assert "fake/two" not in await installed(manager)


async def test_install_missing_installs_models_in_order(make, specs) -> None:
    manager = make()
    order: list[str] = []
    await manager.install_missing(["fake/two", "fake/one"], FakeClock(), order.append)
    assert order == ["fake/two", "fake/one"]
    assert set(specs) == {"fake/one", "fake/two"}


async def test_install_missing_retries_a_failed_download(make, repaired, specs) -> None:
    manager, clock = make(), FakeClock()
    installed: asyncio.Queue[str] = asyncio.Queue()
    installing = asyncio.create_task(
        manager.install_missing(["fake/three", "fake/one"], clock, installed.put_nowait)
    )
    assert await installed.get() == "fake/one"
    error = manager.explain_missing(Task.ASR, "fake/three")
    assert isinstance(error, ModelMissingError)
    assert "HTTP 404" in error.message
    repaired.set()
    await clock.advance(RETRY_SECONDS)
    await installing
    assert await installed.get() == "fake/three"
    assert "fake/three" in specs


async def test_request_for_a_model_that_is_being_installed_is_busy(make, gate) -> None:
    manager = make()
    gate.clear()
    installing = asyncio.create_task(
        manager.install_missing(["fake/one", "fake/two"], FakeClock(), lambda _: None)
    )
    await asyncio.sleep(0)
    first = manager.explain_missing(Task.ASR, "fake/one")
    second = manager.explain_missing(Task.ASR, "fake/two")
    assert isinstance(first, BusyError)
    assert isinstance(second, BusyError)
    assert first.message == "fake/one is being installed (download 0 %)."
    assert second.message == "fake/two is going to be installed."
    assert first.retry_after
    assert manager.explain_missing(Task.ASR, "fake/three") is None
    assert manager.explain_missing(Task.TTS, "fake/one") is None
    assert manager.explain_missing(Task.ASR, None) is not None
    gate.set()
    await installing
    assert manager.explain_missing(Task.ASR, "fake/one") is None
