import asyncio
import json
import stat
from pathlib import Path

import numpy as np
import pytest

from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.errors import BadRequestError, ConflictError, NotFoundError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.speech.speaker.store import (
    MAX_SAMPLES,
    SpeakerStore,
    VoiceSample,
    is_speakers_file,
)


def sample(value: float = 1.0, model: str = "speaker/one") -> VoiceSample:
    return VoiceSample(model, np.array([value, 0.0], np.float32), 2.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "speakers.json"


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def content_of(path: Path) -> bytes:
    return path.read_bytes()


def files_of(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def open_store(path: Path, clock: FakeClock) -> SpeakerStore:
    return await SpeakerStore.open(path, EventBus(clock), clock)


async def test_speakers_survive_a_restart_in_a_private_file(path: Path, clock: FakeClock) -> None:
    store = await open_store(path, clock)
    anna = await store.add("  Anna\u00a0 Maria ")
    await store.add_samples(anna.id, [sample(0.5), sample(0.25, "speaker/two")])
    await store.update(anna.id, threshold=0.8)
    assert mode_of(path) == 0o600
    (read,) = (await open_store(path, clock)).all()
    assert (read.id, read.name, read.threshold, read.foreign) == (anna.id, "Anna Maria", 0.8, False)
    (embedding,) = read.embeddings("speaker/two")
    assert embedding.tolist() == [0.25, 0.0]
    assert is_speakers_file(content_of(path))


async def test_every_name_is_used_once_and_is_valid(path: Path, clock: FakeClock) -> None:
    store = await open_store(path, clock)
    anna, ben = await store.add("Anna"), await store.add("Ben")
    with pytest.raises(ConflictError):
        await store.add("ANNA")
    with pytest.raises(ConflictError):
        await store.update(ben.id, name="anna")
    assert (await store.update(anna.id, name="ANNA")).name == "ANNA"
    for name in ("", "  ", "x" * 61, "a\x00b"):
        with pytest.raises(BadRequestError):
            await store.add(name)


async def test_deleting_removes_embeddings_from_the_disk(path: Path, clock: FakeClock) -> None:
    store = await open_store(path, clock)
    anna, ben = await store.add("Anna"), await store.add("Ben")
    await store.add_samples(anna.id, [sample()])
    await store.remove(anna.id)
    assert [each["name"] for each in json.loads(content_of(path))["speakers"]] == ["Ben"]
    with pytest.raises(NotFoundError):
        await store.remove(anna.id)
    copy = path.with_name("speakers.json.broken-20260101-000000")
    await asyncio.to_thread(copy.write_text, "a copy")
    await store.remove(ben.id)
    assert files_of(path.parent) == []


async def test_number_of_samples_is_bounded(path: Path, clock: FakeClock) -> None:
    store = await open_store(path, clock)
    anna = await store.add("Anna")
    await store.add_samples(anna.id, [sample(number) for number in range(MAX_SAMPLES + 5)])
    assert [each.embedding[0] for each in store.get(anna.id).samples[:2]] == [5.0, 6.0]


@pytest.mark.parametrize("content", ["{", "{}", '{"format": 2, "speakers": []}', "[" * 100_000])
async def test_damaged_file_counts_as_empty(path: Path, clock: FakeClock, content: str) -> None:
    await asyncio.to_thread(path.write_text, content)
    assert not is_speakers_file(content.encode())
    assert (await open_store(path, clock)).all() == []
