"""Installing, verifying, repairing and removing models."""

import asyncio
import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from wyoming_servers.core.errors import (
    BadRequestError,
    ModelMissingError,
)
from wyoming_servers.models import download
from wyoming_servers.models.catalog import Catalog
from wyoming_servers.models.errors import DownloadError
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.models.store import ModelStore

FILES = {
    "model.bin": bytes(range(256)) * 4000,
    "config.json": b"{}",
    "sub/vocabulary.txt": b"a b c",
}
ID = "whisper/test.en"

Describe = Callable[..., ModelEntry]
Package = Callable[..., Path]
Open = Callable[..., Any]


def plain_client() -> httpx.AsyncClient:
    """An HTTP client that ignores the proxies of this machine."""
    return httpx.AsyncClient(trust_env=False)


@pytest.fixture
def open_store(tmp_path: Path, instant_clock: Any) -> Open:
    """Open a store in the folder of the test, as the server does when it starts."""

    async def open_store(*entries: ModelEntry, **options: Any) -> ModelStore:
        return await asyncio.to_thread(
            lambda: ModelStore(
                tmp_path / "data",
                Catalog(entries),
                clock=instant_clock,
                client_factory=plain_client,
                **options,
            )
        )

    return open_store


@pytest.fixture
def online(mirror: Any, model: Describe) -> ModelEntry:
    """A model with its files on the mirror."""
    for path, content in FILES.items():
        mirror.put(f"hub/{path}", content)
    return model(ID, FILES, sources=[{"base_url": mirror.url("hub")}])


def in_package(name: str = "some-models", **more: Any) -> dict[str, Any]:
    return {"package": name, "version": "1.0.0", "folder": "some_models/data", **more}


def package_files(files: dict[str, bytes] = FILES) -> dict[str, bytes]:
    return {f"some_models/data/{path}": content for path, content in files.items()}


async def test_model_is_downloaded_and_found_after_a_restart(
    online: ModelEntry, open_store: Open, tmp_path: Path
) -> None:
    store = await open_store(online)
    assert not store.installed(ID)
    await store.ensure(ID)
    folder = tmp_path / "data/models/whisper/test.en/1"
    for again in (store, await open_store(online)):
        assert again.installed(ID)
        assert again.files(ID) == {"directory": str(folder)}
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES


async def test_model_of_a_restored_data_directory_is_verified_not_downloaded(
    open_store: Open, online: ModelEntry, tmp_path: Path
) -> None:
    store = await open_store(online)
    await store.ensure(ID)
    assert await asyncio.to_thread(store.changed_models) == []

    def restore() -> None:
        """Copy the files without their times."""
        shutil.move(tmp_path / "data", tmp_path / "backup")
        shutil.copytree(tmp_path / "backup", tmp_path / "data", copy_function=shutil.copyfile)

    await asyncio.to_thread(restore)
    restored = await open_store(online, offline=True)
    assert not restored.installed(ID)
    assert await asyncio.to_thread(restored.changed_models) == [ID]
    await restored.ensure(ID)
    assert restored.installed(ID)
    assert await asyncio.to_thread(restored.changed_models) == []


async def test_installed_model_is_not_downloaded_again(
    online: ModelEntry, open_store: Open, mirror: Any
) -> None:
    store = await open_store(online)
    await store.ensure(ID)
    await store.ensure(ID)
    await (await open_store(online)).ensure(ID)
    assert len(mirror.requests) == len(FILES)


async def test_files_of_a_missing_model_names_the_install_command(
    online: ModelEntry, open_store: Open
) -> None:
    store = await open_store(online)
    with pytest.raises(ModelMissingError) as caught:
        store.files(ID)
    assert "wyoming-conductor models pull whisper/test.en" in caught.value.hint


async def test_unknown_model_is_refused_with_the_nearest_id(
    online: ModelEntry, open_store: Open
) -> None:
    store = await open_store(online)
    assert not store.installed("whisper/tset.en")
    for attempt in (store.ensure, store.verify, store.remove):
        with pytest.raises(ModelMissingError) as caught:
            await attempt("whisper/tset.en")
        assert "whisper/test.en" in caught.value.hint


async def test_concurrent_ensure_calls_share_one_download(
    online: ModelEntry, open_store: Open, mirror: Any
) -> None:
    store = await open_store(online)
    progress: list[list[tuple[str, int]]] = [[], [], []]

    async def ensure(seen: list[tuple[str, int]]) -> None:
        await store.ensure(ID, lambda phase, percent: seen.append((phase, percent)))

    await asyncio.gather(*(ensure(seen) for seen in progress))
    assert len(mirror.requests) == len(FILES)
    assert progress[0] == progress[1] == progress[2]
    assert ("download", 100) in progress[0]


async def test_progress_never_decreases_even_with_a_broken_mirror(
    mirror: Any, model: Describe, open_store: Open
) -> None:
    content = FILES["model.bin"]
    mirror.put("bad/model.bin", content[:-1] + b"x")
    mirror.put("good/model.bin", content)
    sources = [{"base_url": mirror.url("bad")}, {"base_url": mirror.url("good")}]
    store = await open_store(model(ID, {"model.bin": content}, sources=sources))
    seen: list[int] = []
    await store.ensure(
        ID, lambda phase, percent: seen.append(percent) if phase == "download" else None
    )
    assert seen == sorted(set(seen))
    assert seen[-1] == 100
    assert store.installed(ID)


async def test_download_is_cancelled_with_its_last_caller(
    mirror: Any, model: Describe, open_store: Open, tmp_path: Path
) -> None:
    content = FILES["model.bin"]
    mirror.put("hub/model.bin", content, stall_after=500_000, times=1)
    sources = [{"base_url": mirror.url("hub")}]
    store = await open_store(model(ID, {"model.bin": content}, sources=sources))
    half = asyncio.Event()

    def on_progress(phase: str, percent: int) -> None:
        if percent == 48:
            half.set()

    first, second = (asyncio.create_task(store.ensure(ID, on_progress)) for _ in range(2))
    await half.wait()
    first.cancel()
    await asyncio.wait([first])
    assert not second.done()
    second.cancel()
    await asyncio.wait([second])
    assert first.cancelled()
    assert second.cancelled()
    part = tmp_path / "data/models/whisper/test.en/1/model.bin.part"
    arrived = part.stat().st_size
    assert 480_000 < arrived <= 500_000
    await store.ensure(ID)
    assert mirror.ranges_of("hub/model.bin") == [None, f"bytes={arrived}-"]


async def test_ensure_during_a_cancellation_starts_a_new_download(
    mirror: Any, model: Describe, open_store: Open
) -> None:
    mirror.put("hub/a", b"abc", stall_after=1, times=1)
    store = await open_store(model(ID, {"a": b"abc"}, sources=[{"base_url": mirror.url("hub")}]))
    first = asyncio.create_task(store.ensure(ID))
    await mirror.stalled.wait()
    first.cancel()
    await asyncio.sleep(0)
    await store.ensure(ID)
    assert store.installed(ID)


async def test_failed_download_can_be_repeated(
    mirror: Any, model: Describe, open_store: Open
) -> None:
    store = await open_store(model(ID, {"a": b"abc"}, sources=[{"base_url": mirror.url("hub")}]))
    with pytest.raises(DownloadError, match="HTTP 404"):
        await store.ensure(ID)
    assert not store.installed(ID)
    mirror.put("hub/a", b"abc")
    await store.ensure(ID)
    assert store.installed(ID)


async def test_hub_download_uses_the_endpoint_and_the_pinned_revision(
    mirror: Any, model: Describe, open_store: Open
) -> None:
    mirror.put("someone/whisper/resolve/abc123/sub/model.bin", b"abc")
    source = {"repository": "someone/whisper", "revision": "abc123", "folder": "sub"}
    entry = model(ID, {"model.bin": b"abc"}, sources=[source])
    store = await open_store(entry, endpoint=mirror.base + "/")
    await store.ensure(ID)
    assert store.installed(ID)


async def test_offline_store_sends_no_request(
    online: ModelEntry, open_store: Open, mirror: Any
) -> None:
    store = await open_store(online, offline=True)
    with pytest.raises(ModelMissingError) as caught:
        await store.ensure(ID)
    assert "downloads.offline" in str(caught.value)
    assert mirror.requests == []


async def test_package_with_all_files_is_used_in_place(
    package: Package, model: Describe, open_store: Open, tmp_path: Path
) -> None:
    site = package("some-models", package_files())
    store = await open_store(model(ID, FILES, sources=[in_package()]), offline=True)
    assert await store.embedded_models() == [ID]
    receipt = await store.ensure(ID)
    assert store.files(ID) == {"directory": str(site / "some_models/data")}
    assert receipt.origin == "package some-models 1.0.0"
    assert not list((tmp_path / "data").rglob("model.bin"))


async def test_file_in_parts_is_assembled_once(
    package: Package, model: Describe, open_store: Open, tmp_path: Path
) -> None:
    content = FILES["model.bin"]
    rest = {path: data for path, data in FILES.items() if path != "model.bin"}
    package("some-models", {**package_files(rest), "some_models/data/model.bin.1": content[:500]})
    package("more-models", {"more_models/model.bin.2": content[500:]}, version="2")
    parts = [
        {"package": "some-models", "version": "1.0.0", "path": "some_models/data/model.bin.1"},
        {"package": "more-models", "version": "2", "path": "more_models/model.bin.2"},
    ]
    entry = model(ID, FILES, sources=[in_package()], parts={"model.bin": parts})
    store = await open_store(entry, offline=True)
    assert await store.embedded_models() == [ID]
    await store.ensure(ID)
    folder = tmp_path / "data/models/whisper/test.en/1"
    assert store.files(ID) == {"directory": str(folder)}
    assert (folder / "model.bin").read_bytes() == content
    before = (folder / "model.bin").stat().st_ino
    await (await open_store(entry)).ensure(ID)
    assert (folder / "model.bin").stat().st_ino == before


async def test_package_of_another_version_is_not_used(
    package: Package, model: Describe, open_store: Open
) -> None:
    package("some-models", package_files(), version="2.0.0")
    store = await open_store(model(ID, FILES, sources=[in_package()]), offline=True)
    assert await store.embedded_models() == []
    with pytest.raises(ModelMissingError):
        await store.ensure(ID)


async def test_damaged_package_is_skipped(
    package: Package, model: Describe, open_store: Open, mirror: Any, tmp_path: Path
) -> None:
    package("some-models", package_files(FILES | {"model.bin": bytes(len(FILES["model.bin"]))}))
    mirror.put("hub/model.bin", FILES["model.bin"])
    sources = [in_package(), {"base_url": mirror.url("hub")}]
    store = await open_store(model(ID, FILES, sources=sources))
    await store.ensure(ID)
    assert [request.path for request in mirror.requests] == ["hub/model.bin"]
    folder = tmp_path / "data/models/whisper/test.en/1"
    assert {path: (folder / path).read_bytes() for path in FILES} == FILES


async def test_only_a_damaged_file_is_replaced(
    online: ModelEntry, open_store: Open, mirror: Any, tmp_path: Path
) -> None:
    store = await open_store(online)
    await store.ensure(ID)
    assert (await store.verify(ID)).ok
    path = tmp_path / "data/models/whisper/test.en/1/model.bin"
    before = path.stat()
    path.write_bytes(bytes(len(FILES["model.bin"])))
    # As after a fault of the disk: nothing but the content has changed.
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    store = await open_store(online)
    assert store.installed(ID)
    found = await store.verify(ID)
    assert (found.ok, found.damaged) == (False, ("model.bin",))
    assert not store.installed(ID)
    mirror.requests.clear()
    await store.ensure(ID)
    assert [request.path for request in mirror.requests] == ["hub/model.bin"]
    assert path.read_bytes() == FILES["model.bin"]
    assert (await store.verify(ID)).ok


async def test_verify_reports_a_damaged_package_without_changing_it(
    package: Package, model: Describe, open_store: Open
) -> None:
    site = package("some-models", package_files())
    store = await open_store(model(ID, FILES, sources=[in_package()]), offline=True)
    await store.ensure(ID)
    path = site / "some_models/data/config.json"
    path.write_bytes(b"[]")
    found = await store.verify(ID)
    assert found.damaged == ("config.json",)
    assert path.exists()
    assert not store.installed(ID)


@pytest.mark.parametrize("harm", ["unlink", "truncate", "receipt"])
async def test_model_with_a_missing_file_is_not_installed_at_the_next_start(
    online: ModelEntry, open_store: Open, tmp_path: Path, harm: str
) -> None:
    store = await open_store(online)
    await store.ensure(ID)
    folder = tmp_path / "data/models/whisper/test.en/1"
    if harm == "receipt":
        (folder / "receipt.json").write_text('{"format": 1')
    elif harm == "truncate":
        os.truncate(folder / "model.bin", 10)
    else:
        (folder / "config.json").unlink()
    store = await open_store(online)
    assert not store.installed(ID)
    await store.ensure(ID)
    assert (await store.verify(ID)).ok


async def test_remove_deletes_the_folder(
    online: ModelEntry, open_store: Open, tmp_path: Path
) -> None:
    store = await open_store(online)
    await store.ensure(ID)
    sizes = await store.sizes()
    assert sizes[ID] > len(FILES["model.bin"])
    assert await store.remove(ID) == sizes[ID]
    assert not store.installed(ID)
    assert await store.sizes() == {}
    assert not (tmp_path / "data/models/whisper").exists()
    assert await store.remove(ID) == 0


async def test_remove_keeps_package_files(
    package: Package, model: Describe, open_store: Open
) -> None:
    site = package("some-models", package_files())
    store = await open_store(model(ID, FILES, sources=[in_package()]), offline=True)
    await store.ensure(ID)
    await store.remove(ID)
    assert not store.installed(ID)
    assert (site / "some_models/data/model.bin").exists()
    await store.ensure(ID)
    assert store.installed(ID)


async def test_old_version_is_kept_until_clean(
    mirror: Any, model: Describe, open_store: Open, tmp_path: Path
) -> None:
    source = {"base_url": mirror.url("hub")}
    mirror.put("hub/a", b"old")
    await (await open_store(model(ID, {"a": b"old"}, sources=[source]))).ensure(ID)
    mirror.put("hub/a", b"newer")
    store = await open_store(model(ID, {"a": b"newer"}, sources=[source], version="2"))
    assert not store.installed(ID)
    await store.ensure(ID)
    folder = tmp_path / "data/models/whisper/test.en"
    assert [(folder / version / "a").read_bytes() for version in ("1", "2")] == [b"old", b"newer"]
    (folder / "2/b.part").write_bytes(b"unfinished")
    assert await store.clean() > len(b"unfinished")
    assert not (folder / "1").exists()
    assert not (folder / "2/b.part").exists()
    assert store.installed(ID)


async def test_two_processes_download_a_model_once(
    online: ModelEntry, open_store: Open, mirror: Any
) -> None:
    stores = [await open_store(online) for _ in range(2)]
    await asyncio.gather(*(store.ensure(ID) for store in stores))
    assert len(mirror.requests) == len(FILES)
    assert all(store.installed(ID) for store in stores)


async def test_refresh_finds_models_that_another_process_installed(
    online: ModelEntry, open_store: Open
) -> None:
    mine, other = await open_store(online), await open_store(online)
    await other.ensure(ID)
    assert not mine.installed(ID)
    await mine.refresh()
    assert mine.installed(ID)


async def test_refresh_does_not_restore_a_model_removed_meanwhile(
    online: ModelEntry, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(online)
    await store.ensure(ID)
    looked, go_on = asyncio.Event(), asyncio.Event()
    to_thread = asyncio.to_thread

    async def slow_look(function: Any, *args: Any, **named: Any) -> Any:
        result = await to_thread(function, *args, **named)
        if function == store._read_receipts:
            looked.set()
            await go_on.wait()
        return result

    monkeypatch.setattr(asyncio, "to_thread", slow_look)
    refreshing = asyncio.create_task(store.refresh())
    await looked.wait()
    await store.remove(ID)
    go_on.set()
    await refreshing
    assert not store.installed(ID)


async def test_model_of_a_package_is_installed_with_the_package(
    package: Package, model: Describe, open_store: Open, tmp_path: Path
) -> None:
    library = {"package": "some-words", "extra": "wake", "folder": "some_words/models"}
    entry = model(
        "words", {}, kind="wake", roles={}, library=library, user_folders={"models_dir": "mine"}
    )
    store = await open_store(entry)
    assert await store.embedded_models() == []
    with pytest.raises(ModelMissingError) as caught:
        await store.ensure("words")
    assert "wyoming-conductor[wake]" in caught.value.hint
    site = package("some-words", {"some_words/models/alexa.bin": b"alexa", "some_words/x.py": b""})
    assert await store.embedded_models() == ["words"]
    await store.ensure("words")
    assert store.files("words") == {"models_dir": str(tmp_path / "data/mine")}
    assert (tmp_path / "data/mine").is_dir()
    assert (await store.verify("words")).ok
    (site / "some_words/models/alexa.bin").write_bytes(b"other")
    assert not (await store.verify("words")).ok


@pytest.mark.parametrize(
    "name", ["../x", "a/../b", "/etc", "a//b", ".", "", "a/.", "a\\..\\b", "a\0"]
)
async def test_names_cannot_leave_the_folder(open_store: Open, name: str) -> None:
    layout = (await open_store()).layout
    for attempt in (layout.model, lambda name: layout.file(layout.models, name)):
        with pytest.raises(BadRequestError):
            attempt(name)
    with pytest.raises(BadRequestError):
        layout.version("model", name)


async def test_unwritable_folder_is_named(
    online: ModelEntry, open_store: Open, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    store = await open_store(online)
    for attempt in (store.ensure, store.remove):
        with pytest.raises(DownloadError) as caught:
            await attempt(ID)
        assert "cannot be written" in caught.value.message
        assert "data/models/whisper" in caught.value.hint


_PULL = """
import asyncio, hashlib, sys
from pathlib import Path
from wyoming_servers.models.catalog import Catalog
from wyoming_servers.models.manifest import ModelEntry
from wyoming_servers.models.store import ModelStore
entry = ModelEntry.model_validate_json(sys.argv[2])
store = ModelStore(Path(sys.argv[1]), Catalog([entry]))
asyncio.run(store.ensure(entry.id))
"""


async def test_killed_download_resumes_in_the_next_process(
    mirror: Any, model: Describe, open_store: Open, tmp_path: Path
) -> None:
    content = FILES["model.bin"]
    mirror.put("hub/model.bin", content, stall_after=600_000, times=1)
    entry = model(ID, {"model.bin": content}, sources=[{"base_url": mirror.url("hub")}])
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PULL, str(tmp_path / "data"), entry.model_dump_json(),
        env={**os.environ, "NO_PROXY": "*"},
    )  # fmt: skip
    try:
        async with asyncio.timeout(30):
            await mirror.stalled.wait()
            part = tmp_path / "data/models/whisper/test.en/1/model.bin.part"
            # Another process has no event to wait for.
            while not part.exists() or part.stat().st_size < 500_000:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        process.kill()
        await process.wait()
    store = await open_store(entry)
    assert not store.installed(ID)
    arrived = part.stat().st_size
    await store.ensure(ID)
    assert mirror.ranges_of("hub/model.bin") == [None, f"bytes={arrived}-"]
    assert (tmp_path / "data/models/whisper/test.en/1/model.bin").read_bytes() == content


async def test_install_does_not_block_the_event_loop(
    package: Package, model: Describe, open_store: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    package("some-models", package_files())
    store = await open_store(model(ID, FILES, sources=[in_package()]))
    hashing: set[int] = set()
    step = download._hash_chunk

    def watched(*arguments: Any) -> int:
        hashing.add(threading.get_ident())
        return step(*arguments)

    monkeypatch.setattr(download, "_hash_chunk", watched)
    await store.ensure(ID)
    assert hashing
    assert threading.get_ident() not in hashing
