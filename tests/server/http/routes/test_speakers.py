"""Enrollment over the API, with a fake model."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.domain import ModelSpec, Task
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.http.context import ApiContext
from wyoming_servers.jobs.files import UploadSpool
from wyoming_servers.media.recording_chunker import RecordingChunk
from wyoming_servers.speech.fake import FakeCoordinator
from wyoming_servers.speech.speaker.recognizer import SpeakerRecognizer
from wyoming_servers.speech.speaker.store import SpeakerStore

EMBEDDER = ModelSpec("speaker/voicefilter", Task.SPEAKER, "fake", options={"threshold": 0.9})


@pytest.fixture
def speakers(context: ApiContext, tmp_path: Path, clock: FakeClock) -> SpeakerRecognizer:
    bus, specs = EventBus(clock), {EMBEDDER.id: EMBEDDER}
    store = SpeakerStore(tmp_path / "speakers.json", bus, clock)
    holder = ConfigHolder(Config())
    return SpeakerRecognizer(store, FakeCoordinator(specs), specs, holder, bus, clock)


@pytest.fixture
def app(app_with: Callable[..., FastAPI], speakers: SpeakerRecognizer, tmp_path: Path) -> FastAPI:
    @asynccontextmanager
    async def decode(path: Path, **_: Any) -> AsyncIterator[AsyncIterator[RecordingChunk]]:
        async def chunks() -> AsyncIterator[RecordingChunk]:
            content = await asyncio.to_thread(path.read_bytes)
            yield RecordingChunk(0.0, 6.0, content)

        yield chunks()

    (tmp_path / "uploads").mkdir()
    spool = UploadSpool(tmp_path / "uploads", ConfigHolder(Config()))
    jobs = SimpleNamespace(upload_spool=spool, decoder=decode)
    return app_with(speakers=speakers, jobs=jobs, coordinator=FakeCoordinator({}))


async def test_speaker_is_added_recorded_renamed_and_deleted(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    assert (await client.get("/speakers")).json()["active"] is False
    added = await client.post("/speakers", json={"name": "Anna"})
    assert added.status_code == 201
    path = f"/speakers/{added.json()['id']}"
    assert added.json()["recognized"] is False
    voice = b"\x00\x40" * 16_000 * 6
    recorded = await client.post(f"{path}/recordings", files={"file": ("anna.wav", voice)})
    assert recorded.status_code == 200, recorded.text
    body = recorded.json()
    assert (body["samples"], body["seconds"], body["recognized"]) == (2, 6.0, True)
    assert body["own_similarity"] == 1.0
    assert body["threshold_measured"] is True
    assert list((tmp_path / "uploads").iterdir()) == []
    changed = await client.patch(path, json={"name": "Annabel", "threshold": 0.8})
    assert (changed.json()["name"], changed.json()["threshold"]) == ("Annabel", 0.8)
    measured = await client.patch(path, json={"threshold": None})
    assert measured.json()["threshold_measured"] is True
    assert (await client.delete(path)).json() == {"deleted": 1}
    assert (await client.get("/speakers")).json()["speakers"] == []
    assert not (tmp_path / "speakers.json").exists()


async def test_invalid_enrollments_are_refused_with_the_next_step(
    client: httpx.AsyncClient,
) -> None:
    anna = (await client.post("/speakers", json={"name": "Anna"})).json()
    twice = await client.post("/speakers", json={"name": "anna"})
    assert (twice.status_code, twice.json()["code"]) == (409, "CONFLICT")
    assert anna["id"] in twice.json()["detail"]
    nobody = await client.post("/speakers/nobody/requests", json={})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "NOT_FOUND")
    silent = await client.post(f"/speakers/{anna['id']}/requests", json={"last": 3})
    assert silent.status_code == 409
    assert "15 minutes" in silent.json()["detail"]
    short = {"file": ("a.wav", b"\x00\x40" * 100)}
    refused = await client.post(f"/speakers/{anna['id']}/recordings", files=short)
    assert refused.status_code == 400
    assert "speech" in refused.json()["error"]


async def test_deleting_everybody_unloads_the_model(
    client: httpx.AsyncClient, context: ApiContext
) -> None:
    for name in ("Anna", "Ben"):
        await client.post("/speakers", json={"name": name})
    assert (await client.delete("/speakers")).json() == {"deleted": 2}
    assert (await client.get("/speakers/recent")).json() == {"recent": []}
