"""Models that come and go."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import ModelSpec
from wyoming_servers.core.errors import (
    ConflictError,
    ModelMissingError,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.models.catalog import (
    Catalog,
    ModelEntry,
)
from wyoming_servers.models.manager import (
    SYNC_INTERVAL,
    ModelManager,
)
from wyoming_servers.models.store import ModelStore
from wyoming_servers.speech.fake import FakeCoordinator

SIZE = 1_000
NAMES = ("fake/one", "fake/two", "fake/three")


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
    """Models can be added and removed; the test says which are used, and when they were."""

    def __init__(self) -> None:
        super().__init__({})
        self.used: dict[str, float] = {}
        self.busy: set[str] = set()
        self.last_request = asyncio.Event()
        """Whether what was asked of a model that is removed has ended."""
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
def open_store(tmp_path: Path, gate):
    """Open the folder of this test, as any program may."""

    async def body() -> AsyncIterator[bytes]:
        yield bytes(SIZE)

    async def serve(request: httpx.Request) -> httpx.Response:
        await gate.wait()
        if "three" in request.url.path:
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
    """What another program sees of the same folder."""
    return await asyncio.to_thread(open_store)


@pytest.fixture
async def make(open_store, owner, specs, bus) -> AsyncIterator:
    store = await asyncio.to_thread(open_store)
    made = []

    def build(quota: int = 0, served: tuple[str, ...] = ()) -> ModelManager:
        config = Config.model_validate({"downloads": {"quota": quota}})
        made.append(ModelManager(store, owner, specs, config, bus, served=served))
        return made[-1]

    yield build
    for library in made:
        await library.close()


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


async def arrive(library: ModelManager, *models: str) -> None:
    for model in models:
        assert library.download(model)
        await asyncio.wait([library._downloads[model]])
        await asyncio.sleep(0)


async def installed(library: ModelManager) -> set[str]:
    return {shelf.entry.id for shelf in await library.list_models() if shelf.installed}


async def test_a_model_that_arrived_can_be_used_at_once(make, owner, specs, bus) -> None:
    library = make()
    with bus.subscribe() as events:
        await arrive(library, "fake/one")
        seen = [item.event for item in events.drain()]
    assert "fake/one" in owner.specs
    assert specs["fake/one"].files["model"].endswith("model.bin")
    percents = [event.percent for event in seen if getattr(event, "phase", "") == "download"]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert seen[-1].type == "model_installed"
    assert not library.download("fake/one")


async def test_asking_twice_is_one_download(make, gate) -> None:
    library = make()
    gate.clear()
    library.download("fake/one")
    task = library._downloads["fake/one"]
    library.download("fake/one")
    assert library._downloads["fake/one"] is task
    assert [shelf.downloading for shelf in await library.list_models()] == [True, False, False]
    gate.set()
    await asyncio.wait([task])


async def test_a_download_that_fails_is_told_as_an_event(make, bus, owner) -> None:
    with bus.subscribe() as events:
        await arrive(make(), "fake/three")
        failed = [item.event for item in events.drain() if item.event.type == "model_failed"]
    assert [event.code for event in failed] == ["LOAD_FAILED"]
    assert "fake/three" not in owner.specs


async def test_an_unknown_model_is_named(make) -> None:
    with pytest.raises(ModelMissingError):
        make().download("fake/four")
    with pytest.raises(ModelMissingError):
        await make().remove("fake/four")


async def test_a_model_in_use_is_removed_only_by_force(make, owner, specs) -> None:
    library = make(served=("fake/two",))
    await arrive(library, "fake/one", "fake/two")
    owner.busy.add("fake/one")
    for model in ("fake/one", "fake/two"):
        with pytest.raises(ConflictError, match="in use"):
            await library.remove(model)
    assert await library.remove("fake/one", force=True) >= SIZE
    assert await installed(library) == {"fake/two"}
    assert list(specs) == list(owner.specs) == ["fake/two"]


async def test_removing_ends_a_download(make, gate) -> None:
    library = make()
    gate.clear()
    library.download("fake/one")
    await asyncio.sleep(0.05)
    await library.remove("fake/one")
    assert library._downloads == {}


async def test_what_another_program_installs_or_removes_is_noticed(
    make, other, owner, specs, bus
) -> None:
    library = make()
    told: list[set[str]] = []
    library.add_listener(lambda: told.append(set(specs)))
    await other.ensure("fake/one")
    assert not specs
    with bus.subscribe() as events:
        for _ in range(2):
            await library.sync()
        assert set(specs) == set(owner.specs) == {"fake/one"}
        await other.remove("fake/one")
        for _ in range(2):
            await library.sync()
        seen = [item.event.type for item in events.drain()]
    assert not specs
    assert not owner.specs
    assert told == [{"fake/one"}, set()]
    assert seen == ["model_installed", "model_removed"]


async def test_what_is_gone_is_served_to_the_end_of_its_last_request(
    make, other, owner, specs
) -> None:
    library = make()
    await arrive(library, "fake/one")
    owner.busy.add("fake/one")
    await other.remove("fake/one")
    await library.sync()
    assert "fake/one" in specs
    owner.busy.clear()
    await library.sync()
    assert "fake/one" not in specs


async def test_what_is_being_removed_does_not_come_back_meanwhile(make, owner, specs) -> None:
    library = make()
    await arrive(library, "fake/one")
    owner.last_request.clear()
    removing = asyncio.create_task(library.remove("fake/one", force=True))
    await asyncio.sleep(0)
    assert "fake/one" not in specs
    await library.sync()
    assert "fake/one" not in specs
    owner.last_request.set()
    await removing
    assert await installed(library) == set()


async def test_it_looks_again_and_again(make, other, specs) -> None:
    clock = FakeClock()
    library = make()
    arrived = asyncio.Event()
    library.add_listener(arrived.set)
    watching = asyncio.create_task(library.watch(clock))
    await other.ensure("fake/two")
    await clock.advance(SYNC_INTERVAL)
    await asyncio.wait_for(arrived.wait(), 10)
    assert "fake/two" in specs
    watching.cancel()
    await asyncio.wait([watching])


async def test_under_a_quota_the_least_recently_used_goes(make, owner) -> None:
    library = make(quota=int(2.9 * SIZE))
    await arrive(library, "fake/one")
    size = (await library._store.sizes())["fake/one"]
    library = make(quota=size + SIZE + SIZE // 2)
    await arrive(library, "fake/two")
    assert await installed(library) == {"fake/one", "fake/two"}
    owner.used = {"fake/one": 20.0, "fake/two": 10.0}
    library.download("fake/three")
    await asyncio.wait([library._downloads["fake/three"]])
    assert "fake/two" not in await installed(library)
    assert "fake/one" in await installed(library)


async def test_a_model_that_cannot_fit_beside_those_in_use_is_refused(make, owner, bus) -> None:
    await arrive(make(), "fake/one")
    owner.busy.add("fake/one")
    with bus.subscribe() as events:
        await arrive(make(quota=SIZE + 1), "fake/two")
        failed = [item.event for item in events.drain() if item.event.type == "model_failed"]
    assert "does not fit" in failed[0].message
    assert await installed(make()) == {"fake/one"}


async def test_clearing_leaves_what_is_in_use(make) -> None:
    library = make(served=("fake/two",))
    await arrive(library, "fake/one", "fake/two")
    assert await library.remove_unused() >= SIZE
    assert await installed(library) == {"fake/two"}
