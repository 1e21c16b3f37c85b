"""Each operation that writes, with each of its calls failing in turn.

After each attempt: what was reported as done is there when the files are opened again, what was
there before is still there, and the next operation works.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from io_shim import KINDS, IoShim

from wyoming_servers.config.editor import ConfigEditor
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.load import load_config
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.files import publish_file, read_or_create_secret
from wyoming_servers.core.task_supervisor import TaskSupervisor
from wyoming_servers.http.auth.tokens import TokenScope, TokenStore
from wyoming_servers.jobs.job import JobStatus, NewJob, SpeechOptions
from wyoming_servers.jobs.manager import JobManager
from wyoming_servers.media.decoder import RecordingEnded, RecordingOpened
from wyoming_servers.media.recording_chunker import RecordingChunk
from wyoming_servers.models.download import Downloader, ExpectedFile
from wyoming_servers.scheduling.footprint_store import FileFootprintStore
from wyoming_servers.scheduling.planner.instance import FootprintKey
from wyoming_servers.speech.fake import SPECS, FakeCoordinator
from wyoming_servers.speech.tts.phrase_cache import Phrase, PhraseCache
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.vocabulary import Vocabulary
from wyoming_servers.webhooks.deliveries import DeliveryStatus
from wyoming_servers.webhooks.manager import WebhookManager

Attempt = Callable[[], Any]
"""Arms the fault: `with attempt():`."""

SENSIBLE = {"BUSY", "LOAD_FAILED", "TIMEOUT"}
"""Codes that say that the server could not do it now."""


@contextmanager
def may_refuse(*codes: str) -> Iterator[None]:
    """Accept an error that tells the client that nothing was done."""
    try:
        yield
    except ConductorError as err:
        if err.code not in {*SENSIBLE, *codes}:
            raise


@asynccontextmanager
async def _decode(
    path: Path, *, skip: float = 0.0, vad: bool = True, max_seconds: float = 86_400.0
) -> AsyncIterator[Any]:
    async def events() -> AsyncIterator[Any]:
        yield RecordingOpened(2.0)
        for start in (0.0, 1.0):
            if start >= skip:
                yield RecordingChunk(start, start + 1.0, bytes(32_000))
        yield RecordingEnded(2.0)

    yield events()


def _jobs(folder: Path, clock: FakeClock) -> JobManager:
    bus = EventBus(clock)
    config = Config.model_validate({"limits": {"min_free_disk": 0}})
    return JobManager(
        folder / "jobs",
        FakeCoordinator(SPECS),
        ConfigHolder(config),
        bus,
        clock,
        TaskSupervisor(clock),
        decoder=_decode,
    )


async def _until(clock: FakeClock, done: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(20):
        while True:
            with suppress(ConductorError):
                if await done():
                    return
            await clock.advance(1.0)
            await asyncio.sleep(0.001)


async def _submit(manager: JobManager, new: NewJob, content: bytes) -> str:
    async with manager.upload_spool.receive() as upload:
        await upload.write(content)
        path = await upload.commit()
    return (await manager.submit(new, path)).id


RECORDING = NewJob(model="asr/english", idempotency_key="k", filename="new")
SPEECH = NewJob(
    model="tts/joe",
    task="speak",
    language="en",
    speech=SpeechOptions("joe", "joe", None, 1.0, "txt", "wav"),
)


async def run_job(folder: Path, attempt: Attempt, new: NewJob, content: bytes) -> None:
    clock = FakeClock()

    async def ended(manager: JobManager, job: str) -> bool:
        return (await manager.get(job)).ended

    async with _jobs(folder, clock) as manager:
        old = await _submit(manager, NewJob(model="asr/english"), b"old")
        await _until(clock, lambda: ended(manager, old))
    accepted = ""
    with attempt():
        async with _jobs(folder, clock) as manager:
            with may_refuse():
                accepted = await _submit(manager, new, content)
            if accepted:
                await _until(clock, lambda: ended(manager, accepted))
    async with _jobs(folder, clock) as manager:
        await _until(clock, lambda: ended(manager, old))
        jobs = {job.id: job for job in await manager.latest()}
        assert jobs[old].status is JobStatus.DONE
        assert set(jobs) == ({old, accepted} if accepted else {old})
        if accepted:
            job = await manager.get(accepted)
            assert job.status is JobStatus.DONE, job.error
            if new.speech is None:
                assert [(part.start, part.end) for part in job.segments] == [(0, 1), (1, 2)]
            else:
                assert manager.files.result(job).stat().st_size > 0
                assert len(job.segments) == 2
        again = await _submit(manager, NewJob(model="asr/english"), b"again")
        await _until(clock, lambda: ended(manager, again))
        assert (await manager.get(again)).status is JobStatus.DONE


async def recording(folder: Path, attempt: Attempt) -> None:
    await run_job(folder, attempt, RECORDING, b"new")


async def speech(folder: Path, attempt: Attempt) -> None:
    await run_job(folder, attempt, SPEECH, b"Hello there. How are you?")


async def settings(folder: Path, attempt: Attempt) -> None:
    sets = [f"data_dir={folder}"]

    def editor() -> ConfigEditor:
        loaded = load_config(sets=sets)
        return ConfigEditor(loaded, ConfigHolder(loaded.config))

    await editor().patch({"keep_alive": 5})
    done = False
    with attempt():
        current = editor()
        with may_refuse():
            await current.patch({"keep_alive": 6})
            done = True
    if done:
        assert current.effective.keep_alive == 6
        assert load_config(sets=sets).config.keep_alive == 6
    assert load_config(sets=sets).config.keep_alive in (5, 6)
    await editor().patch({"keep_alive": 7})
    assert load_config(sets=sets).config.keep_alive == 7


async def phrases(folder: Path, attempt: Attempt) -> None:
    def phrase(mark: int) -> Phrase:
        return Phrase("joe", 22_050, bytes([mark]) * 1_000)

    async def use(key: str, mark: int) -> None:
        cache = PhraseCache(folder, memory=10_000, disk=100_000)
        task = asyncio.create_task(cache.run())
        cache.put(key, phrase(mark))
        async with asyncio.timeout(10):
            while cache._unwritten and not task.done():  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        assert not task.done(), task.exception()
        assert (await cache.get(key)) == phrase(mark)
        task.cancel()
        await asyncio.wait([task])

    await use("old", 1)
    with attempt():
        await use("new", 2)
    await use("again", 3)
    cache = PhraseCache(folder, memory=0, disk=100_000)
    task = asyncio.create_task(cache.run())
    async with asyncio.timeout(10):
        while cache.stats().disk_phrases < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert await cache.get("old") == phrase(1)
    assert await cache.get("new") in (None, phrase(2))
    task.cancel()
    await asyncio.wait([task])


async def vocabulary(folder: Path, attempt: Attempt) -> None:
    async def stored() -> tuple[str, ...]:
        words = Vocabulary(folder / "vocabulary.json")
        await words.load()
        return words.names

    words = Vocabulary(folder / "vocabulary.json")
    await words.put(["Old"], [])
    done = False
    with attempt(), may_refuse():
        await words.put(["New"], [])
        done = True
    assert await stored() in ([("New",)] if done else [("Old",), ("New",)])
    await words.put(["Again"], [])
    assert await stored() == ("Again",)


async def lexicon(folder: Path, attempt: Attempt) -> None:
    async def stored() -> set[str]:
        words = Lexicon(folder / "lexicon.yaml")
        await words.refresh()
        assert words.error == ""
        return set(words.section("en").get("en", {}))

    words = Lexicon(folder / "lexicon.yaml")
    await words.put("en", "old", "one")
    done = False
    with attempt(), may_refuse("CONFLICT"):
        await words.put("en", "new", "two")
        done = True
    assert "old" in await stored()
    assert "new" in await stored() or not done
    words = Lexicon(folder / "lexicon.yaml")
    await words.put("en", "again", "three")
    assert {"old", "again"} <= await stored()


async def webhooks(folder: Path, attempt: Attempt) -> None:
    clock, received = FakeClock(), []

    @asynccontextmanager
    async def opened() -> AsyncIterator[WebhookManager]:
        bus = EventBus(clock)
        manager = WebhookManager(folder, ConfigHolder(Config()), bus, clock, TaskSupervisor(clock))

        async def post(url: str, body: bytes, **_: Any) -> int:
            received.append(json.loads(body)["n"])
            return 200

        async with manager:
            await _until(clock, lambda: is_open(manager))
            manager._sender.post = post  # type: ignore[method-assign]
            yield manager

    async def is_open(manager: WebhookManager) -> bool:
        return await manager.webhooks() is not None

    async def delivered(manager: WebhookManager) -> bool:
        found = await manager.deliveries()
        return all(item.status is DeliveryStatus.DELIVERED for item in found)

    async with opened() as manager:
        old = await manager.register("https://old.example/", ["job"])
    accepted, told = "", False
    with attempt():
        async with opened() as manager:
            with may_refuse():
                accepted = (await manager.register("https://new.example/", ["model"])).id
            with may_refuse():
                await manager.notify_job_ended("job", "", {"n": 1})
                told = True
            await _until(clock, lambda: delivered(manager))
    async with opened() as manager:
        await _until(clock, lambda: delivered(manager))
        assert {hook.id for hook in await manager.webhooks()} >= {old.id} | (
            {accepted} if accepted else set()
        )
        await manager.notify_job_ended("job 2", "", {"n": 2})
        await _until(clock, lambda: delivered(manager))
    assert 2 in received
    assert 1 in received or not told


async def download(folder: Path, attempt: Attempt) -> None:
    content = bytes(range(256)) * 4_000
    sha256 = hashlib.sha256(content).hexdigest()
    target = folder / "model.bin"
    transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(content)))
    clock = FakeClock()
    async with httpx.AsyncClient(transport=transport) as client:

        async def fetch() -> str:
            downloader = Downloader(client, clock)
            urls, expected = ["https://a.example/model.bin"], ExpectedFile(len(content), sha256)
            return await downloader.fetch(urls, target, expected, lambda _: None)

        done = False
        with attempt(), may_refuse():
            done = await fetch() == sha256
        assert target.read_bytes() == content if done or target.exists() else True
        assert await fetch() == sha256
        assert target.read_bytes() == content


async def footprints(folder: Path, attempt: Attempt) -> None:
    path = folder / "footprints.json"
    key = FootprintKey("piper/joe", "cpu", "default")
    FileFootprintStore(path).save({key: 1})
    with attempt():
        FileFootprintStore(path).save({key: 2})
    assert FileFootprintStore(path).load()[key] in (1, 2)
    FileFootprintStore(path).save({key: 3})
    assert FileFootprintStore(path).load() == {key: 3}


async def owner_token(folder: Path, attempt: Attempt) -> None:
    given = ""
    with attempt(), suppress(OSError):
        given = read_or_create_secret(folder / "token", "first")
    stored = read_or_create_secret(folder / "token", "second")
    assert stored in ("first", "second")
    assert not given or stored == given


async def tokens(folder: Path, attempt: Attempt) -> None:
    path, clock = folder / "tokens.json", FakeClock()
    store = TokenStore.open(path, clock)
    _, old = await store.create("old", TokenScope.USE)
    new = ""
    with attempt(), may_refuse():
        _, new = await store.create("new", TokenScope.USE)
    reopened = TokenStore.open(path, clock)
    assert reopened.scope_of(old) is TokenScope.USE
    assert not new or reopened.scope_of(new) is TokenScope.USE
    await reopened.create("again", TokenScope.USE)


def _encode(samples: Path, partial: Path, target: Path) -> None:
    partial.write_bytes(samples.read_bytes())
    publish_file(partial, target)


@pytest.fixture
def _encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    async def encode_file(
        samples: Path, audio: object, target: Path, name: object, partial: Path
    ) -> None:
        await asyncio.to_thread(_encode, samples, partial, target)

    monkeypatch.setattr("wyoming_servers.jobs.speech_job.encode_file", encode_file)


OPERATIONS = (
    recording,
    speech,
    settings,
    phrases,
    vocabulary,
    lexicon,
    webhooks,
    download,
    footprints,
    owner_token,
    tokens,
)


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("_encoder")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
async def test_operation_survives_the_failure_of_each_call(
    operation: Callable[[Path, Attempt], Awaitable[None]],
    shim: IoShim,
    tmp_path: Path,
    counted: dict[str, list[int]],
    request: pytest.FixtureRequest,
) -> None:
    # Jobs make ten times as many calls as the others: in a usual run, only the likely failures.
    slow = operation in (recording, speech) and not request.config.getoption("--write-docs")
    tries = []
    for kind in ("ENOSPC", "locked", "short write") if slow else KINDS:
        number = 0
        while True:
            number += 1
            shim.folder = tmp_path / f"{kind}-{number}"
            shim.folder.mkdir()
            try:
                await operation(shim.folder, lambda: shim.armed(kind, number))  # noqa: B023
            except BaseException as err:
                err.add_note(f"{kind} at call {number}: {shim.fired}")
                raise
            if not shim.fired:
                break
        tries.append(number - 1)
    assert sum(tries) > 30
    counted[operation.__name__.replace("_", " ")] = tries
