from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.domain import ModelState
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import ModelEvicted, ModelFailed, ModelProgressed, ServerStarted
from wyoming_servers.http.app import create_app
from wyoming_servers.http.context import ApiContext


def model(answer: httpx.Response, name: str = "whisper/base") -> dict[str, Any]:
    (found,) = [entry for entry in answer.json()["models"] if entry["id"] == name]
    return dict(found)


async def test_status_has_devices_models_and_queue(
    client: httpx.AsyncClient, coordinator: Any, gpu: Any
) -> None:
    coordinator.devices = (gpu,)
    coordinator.queue_depth = 3
    coordinator.change("whisper/base", leases=2, queued=1, state=ModelState.READY)
    answer = await client.get("/status")
    body = answer.json()
    assert (body["queue_depth"], body["active_requests"]) == (3, 2)
    assert body["ready"] is True
    (device,) = body["devices"]
    assert (device["device"], device["returning_bytes"]) == ("cuda:0", 0)
    assert model(answer)["queued_requests"] == 1
    assert body["uptime_secs"] >= 0


async def test_status_has_the_reasons_for_not_being_ready(
    client: httpx.AsyncClient, reasons: list[str]
) -> None:
    reasons.append("whisper/base is loading")
    body = (await client.get("/status")).json()
    assert (body["ready"], body["reasons"]) == (False, ["whisper/base is loading"])


async def test_status_of_an_idle_model_shows_when_it_is_unloaded(
    client: httpx.AsyncClient, coordinator: Any
) -> None:
    coordinator.change("whisper/base", state=ModelState.READY, unload_in=290.0)
    assert model(await client.get("/status"))["unload_in_secs"] == 290.0
    coordinator.change("whisper/base", unload_in=None)
    assert "unload_in_secs" not in model(await client.get("/status"))


async def test_status_of_a_failed_model_shows_its_error(
    client: httpx.AsyncClient, coordinator: Any
) -> None:
    coordinator.change(
        "whisper/base",
        state=ModelState.FAILED,
        error_code="OOM",
        error_message="Full.",
        attempt=2,
        retry_in=2.5,
        progress=("load", 40),
        fallback_reason="not enough memory",
    )
    found = model(await client.get("/status"))
    assert found["error"] == {
        "code": "OOM",
        "message": "Full.",
        "detail": "Use a smaller model, or run it on the CPU (models.<id>.device: cpu).",
        "recoverable": True,
        "attempt": 2,
        "retry_in_secs": 2.5,
    }
    assert found["retry_in_secs"] == 2.5
    assert found["progress"] == {"phase": "load", "percent": 40}
    assert found["fallback_reason"] == "not enough memory"
    assert "pid" not in found


async def test_status_has_the_recent_events_as_text(
    client: httpx.AsyncClient, bus: EventBus
) -> None:
    bus.publish(ServerStarted(ports={}))
    bus.publish(ModelEvicted(model="a", for_model="b", memory_bytes=1_000_000, idle_seconds=2))
    bus.publish(ModelFailed(model="b", code="OOM", message="Full."))
    events = (await client.get("/status", params={"events": 2})).json()["events"]
    assert [event["number"] for event in events] == [2, 3]
    assert events[0]["text"] == "a was evicted to load b: frees 1 MB, idle for 2 s"
    assert (events[1]["type"], events[1]["level"]) == ("model_failed", "error")
    assert (await client.get("/status", params={"events": 0})).json()["events"] == []


async def test_status_has_debug_events_only_on_request(
    client: httpx.AsyncClient, bus: EventBus
) -> None:
    bus.publish(ServerStarted(ports={}))
    bus.publish(ModelProgressed(model="a", phase="load", percent=1))
    for level, types in (
        ("info", ["server_started"]),
        ("debug", ["server_started", "model_progress"]),
        ("warning", []),
    ):
        answer = await client.get("/status", params={"level": level})
        assert [event["type"] for event in answer.json()["events"]] == types
    assert (await client.get("/status", params={"level": "loud"})).status_code == 400


async def test_status_requires_a_token(client: httpx.AsyncClient) -> None:
    answer = await client.get("/status", headers={"Authorization": "Bearer wrong"})
    assert answer.status_code == 401


async def test_server_can_be_paused_and_resumed(
    client: httpx.AsyncClient, coordinator: Any
) -> None:
    assert (await client.get("/status")).json()["accepting"] is True
    assert (await client.post("/pause")).json() == {"accepting": False}
    assert (await client.get("/status")).json()["accepting"] is False
    assert (await client.post("/resume")).json() == {"accepting": True}
    assert coordinator.accepting is True


@pytest.mark.parametrize("folder", [".", "not/created/yet"])
async def test_status_shows_the_disk_of_the_data_folder(
    context: ApiContext, tmp_path: Path, folder: str
) -> None:
    config = Config(data_dir=tmp_path / folder)
    app = create_app(replace(context, config_holder=ConfigHolder(config)))
    disk = (await get_status(app))["disk"]
    assert 0 < disk["free_bytes"] <= disk["total_bytes"]


async def test_status_leaves_out_a_disk_that_cannot_be_read(
    context: ApiContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_path: Path) -> None:
        raise OSError

    monkeypatch.setattr("shutil.disk_usage", fail)
    assert "disk" not in await get_status(create_app(context))


async def get_status(app: FastAPI) -> dict[str, Any]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://localhost",
        headers={"Authorization": "Bearer s3cret"},
    ) as client:
        status: dict[str, Any] = (await client.get("/status")).json()
        return status
