"""Everything in one answer."""

from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.core.domain import ModelState, Placement
from wyoming_servers.core.errors import StorageError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import AcceptingChanged
from wyoming_servers.http.app import create_app
from wyoming_servers.http.context import ApiContext
from wyoming_servers.jobs.job import JobStatus
from wyoming_servers.scheduling.status import InstanceStatus, Snapshot


class StubJobs:
    """Counts of jobs, or the reason why there are none."""

    def __init__(self) -> None:
        self.failure: Exception | None = None

    async def counts(self) -> dict[JobStatus, int]:
        if self.failure is not None:
            raise self.failure
        return {JobStatus.QUEUED: 2, JobStatus.DONE: 5}


@pytest.fixture
def jobs() -> StubJobs:
    return StubJobs()


@pytest.fixture
def app(context: ApiContext, jobs: StubJobs) -> FastAPI:
    served = {"asr": "whisper/base"}
    return create_app(replace(context, jobs=jobs, served=served))  # type: ignore[arg-type]


async def test_snapshot_has_every_part(
    client: httpx.AsyncClient, coordinator: Any, bus: EventBus, reasons: list[str]
) -> None:
    bus.publish(AcceptingChanged(accepting=True))
    coordinator.queue_depth = 3
    coordinator.change("whisper/base", state=ModelState.READY, leases=2, unload_in=12.5)
    reasons.append("whisper/base is loading")
    body = (await client.get("/snapshot")).json()
    assert set(body) == {
        *("at", "last_event", "info", "health", "config", "devices", "models"),
        *("queue", "jobs", "caches", "disk"),
    }
    assert body["last_event"] == 1
    assert body["info"]["uuid"] == "the-uuid"
    assert (body["health"]["ready"], body["health"]["reasons"]) == (
        False,
        ["whisper/base is loading"],
    )
    assert body["health"]["accepting"] is True
    assert body["config"] == {"revision": 1, "restart_needed": []}
    assert [device["device"] for device in body["devices"]] == ["cpu"]
    assert body["queue"] == {
        "waiting_requests": 3,
        "max_waiting_requests": 64,
        "active_requests": 2,
    }
    assert body["jobs"] == {"queued": 2, "running": 0, "done": 5, "failed": 0, "cancelled": 0}
    models = {model["id"]: model for model in body["models"]}
    assert models["whisper/base"]["default_for"] == ["asr"]
    assert models["whisper/base"]["unload_in_secs"] == 12.5
    assert models["piper/joe"]["default_for"] == []
    assert models == {m["id"]: m for m in (await client.get("/models")).json()["models"]}


async def test_snapshot_says_who_holds_the_memory_that_a_model_waits_for(
    client: httpx.AsyncClient, coordinator: Any, gpu: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    coordinator.devices = (replace(gpu, others=3 << 30),)
    coordinator.change(
        "whisper/base",
        state=ModelState.WAITING_FOR_MEMORY,
        needed_bytes=5 << 30,
        free_bytes=1 << 30,
        waits_for="cuda:0",
        retry_in=30.0,
    )
    joe = InstanceStatus("piper/joe", Placement("cuda:0"), "ready", leases=1, memory_bytes=4 << 30)
    elsewhere = InstanceStatus("piper/joe", Placement("cpu"), "ready", memory_bytes=1 << 30)
    before = coordinator.snapshot()
    monkeypatch.setattr(
        coordinator,
        "snapshot",
        lambda: Snapshot(before.models, before.devices, 0, instances=(joe, elsewhere)),
    )
    body = (await client.get("/snapshot")).json()
    (model,) = [model for model in body["models"] if model["id"] == "whisper/base"]
    assert model["waiting"] == {
        "device": "cuda:0",
        "needed_bytes": 5 << 30,
        "free_bytes": 1 << 30,
        "held_by": [
            {
                "kind": "model",
                "name": "piper/joe",
                "bytes": 4 << 30,
                "active_requests": 1,
                "pinned": False,
            },
            {
                "kind": "program",
                "name": "other programs",
                "bytes": 3 << 30,
                "active_requests": 0,
                "pinned": False,
            },
        ],
        "retry_in_secs": 30.0,
    }


async def test_snapshot_leaves_out_jobs_that_are_not_available(
    client: httpx.AsyncClient, jobs: StubJobs
) -> None:
    jobs.failure = StorageError("The disk is full.")
    answer = await client.get("/snapshot")
    assert answer.status_code == 200
    assert "jobs" not in answer.json()


async def test_snapshot_requires_a_token(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/snapshot")).status_code == 401


async def test_snapshot_is_typed_in_the_documentation(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/openapi.json")).json()
    reference = schema["paths"]["/snapshot"]["get"]["responses"]["200"]["content"]
    assert reference["application/json"]["schema"]["$ref"].endswith("/SnapshotResponse")
