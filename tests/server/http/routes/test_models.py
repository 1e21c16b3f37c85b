from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.core.domain import ModelState, Placement
from wyoming_servers.core.errors import ModelMissingError
from wyoming_servers.core.event_bus import SequencedEvent
from wyoming_servers.core.events import RequestFinished
from wyoming_servers.http.app import create_app
from wyoming_servers.http.context import ApiContext
from wyoming_servers.models.catalog import Catalog, builtin_catalog
from wyoming_servers.models.manager import Installation
from wyoming_servers.scheduling.status import DeviceStatus
from wyoming_servers.telemetry.traces import TraceBuffer

CUDA = Placement("cuda:0", "float16")


async def test_models_are_listed_with_voices_and_wake_words(client: httpx.AsyncClient) -> None:
    models = (await client.get("/models")).json()["models"]
    assert [model["id"] for model in models] == ["whisper/base", "piper/joe"]
    assert models[0]["languages"] == ["en", "de"]
    assert models[1]["offers"][0]["name"] == "en_US-joe-medium"
    assert models[0]["state"] == "unloaded"
    assert "loaded_at" not in models[0]


async def test_model_id_may_contain_a_slash(client: httpx.AsyncClient) -> None:
    for path in ("/models/whisper/base", "/models/whisper%2Fbase"):
        assert (await client.get(path)).json()["id"] == "whisper/base"


async def test_loading_model_shows_its_progress(
    client: httpx.AsyncClient, coordinator: Any
) -> None:
    coordinator.change("whisper/base", state=ModelState.LOADING, progress=("warmup", -1), queued=2)
    model = (await client.get("/models/whisper/base")).json()
    assert model["progress"] == {"phase": "warmup", "percent": -1}
    assert model["queued_requests"] == 2


async def test_ready_model_shows_its_usage(client: httpx.AsyncClient, coordinator: Any) -> None:
    coordinator.change(
        "whisper/base", state=ModelState.READY, loaded_at=1778421600.0, last_used=1778421601.5,
        load_seconds=1.25, pid=42, leases=1, memory_bytes=1000,
    )  # fmt: skip
    model = (await client.get("/models/whisper/base")).json()
    assert model["loaded_at"] == "2026-05-10T14:00:00.000Z"
    assert model["last_used"] == "2026-05-10T14:00:01.500Z"
    assert (model["load_seconds"], model["pid"]) == (1.25, 42)
    assert (model["active_requests"], model["memory_bytes"]) == (1, 1000)


async def test_failed_model_shows_its_error_and_retry_time(
    client: httpx.AsyncClient, coordinator: Any
) -> None:
    coordinator.change(
        "whisper/base", state=ModelState.FAILED, error_code="OOM", error_message="Full.",
        retry_in=4.0,
    )  # fmt: skip
    model = (await client.get("/models/whisper/base")).json()
    assert (model["error"]["code"], model["error"]["message"]) == ("OOM", "Full.")
    assert model["retry_in_secs"] == 4


@pytest.mark.parametrize("path", ["/models/whisper/base", "/model"])
async def test_load_is_idempotent(client: httpx.AsyncClient, coordinator: Any, path: str) -> None:
    answer = await client.post(f"{path}/load")
    assert (answer.status_code, answer.json()) == (202, {"status": "load_initiated"})
    coordinator.change("whisper/base", state=ModelState.READY)
    answer = await client.post(f"{path}/load")
    assert (answer.status_code, answer.json()) == (200, {"status": "already_ready"})
    assert coordinator.asked == [("load", "whisper/base")] * 2


@pytest.mark.parametrize("path", ["/models/whisper/base", "/model"])
@pytest.mark.parametrize("state", [ModelState.UNLOADED, ModelState.READY])
async def test_unload_answers_the_same_in_every_state(
    client: httpx.AsyncClient, coordinator: Any, path: str, state: ModelState
) -> None:
    coordinator.change("whisper/base", state=state)
    answer = await client.post(f"{path}/unload")
    assert (answer.status_code, answer.json()) == (200, {"status": "unload_requested"})
    assert coordinator.asked == [("unload", "whisper/base")]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/models/whisper/huge"),
        ("POST", "/models/whisper/huge/load"),
        ("POST", "/models/whisper/huge/unload"),
    ],
)
async def test_unknown_model_answers_404_with_a_hint(
    client: httpx.AsyncClient, coordinator: Any, method: str, path: str
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == 404
    assert answer.json()["code"] == "MODEL_MISSING"
    assert "whisper/huge" in answer.json()["error"]
    assert coordinator.asked == []


async def test_state_of_an_unloaded_model_has_no_other_fields(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/model/status")).json() == {"state": "unloaded"}


async def test_state_of_a_waiting_model_shows_the_missing_memory(
    client: httpx.AsyncClient, coordinator: Any
) -> None:
    coordinator.change(
        "whisper/base", state=ModelState.WAITING_FOR_MEMORY, needed_bytes=3951 << 20,
        free_bytes=512 << 20, retry_in=30.0, placement=CUDA,
    )  # fmt: skip
    assert (await client.get("/model/status")).json() == {
        "state": "waiting_for_gpu",
        "vram_needed_mb": 3951,
        "vram_free_mb": 512,
        "retry_in_secs": 30,
    }


async def test_state_of_a_model_on_a_gpu_shows_gpu_memory(
    client: httpx.AsyncClient, coordinator: Any, gpu: DeviceStatus
) -> None:
    coordinator.devices = (*coordinator.devices, gpu)
    coordinator.change(
        "whisper/base", state=ModelState.READY, loaded_at=1778421600.0, placement=CUDA
    )
    assert (await client.get("/model/status")).json() == {
        "state": "ready",
        "loaded_at": "2026-05-10T14:00:00.000Z",
        "vram_used_mb": 4096,
        "vram_total_mb": 8192,
    }


async def test_model_shows_its_request_statistics(
    app: FastAPI, client: httpx.AsyncClient, context: ApiContext
) -> None:
    traces = TraceBuffer(lambda model: "cpu")
    app.state.context = replace(context, traces=traces)
    event = RequestFinished(
        kind="asr",
        model="whisper/base",
        client="c",
        seconds=0.25,
        stages={"inference": 0.2},
        audio_seconds=2.0,
    )
    traces.observe(SequencedEvent(1, event))
    body = (await client.get("/models/whisper/base")).json()
    assert (body["requests"], body["errors"]) == (1, 0)
    assert (body["last_seconds"], body["real_time_factor"]) == (0.25, 0.1)


class StubManager:
    """Has installations only."""

    def __init__(self, *found: Installation) -> None:
        self.found = found

    def installations(self) -> list[Installation]:
        return list(self.found)


@pytest.fixture
def catalog() -> Catalog:
    return builtin_catalog()


async def test_models_that_are_installed_now_are_among_the_models(
    context: ApiContext, catalog: Catalog
) -> None:
    small, medium = catalog.get("whisper/small"), catalog.get("whisper/medium")
    failure = ModelMissingError("Nobody answers.", hint="Check the network.")
    manager = StubManager(
        Installation(small, "download", 40), Installation(medium, error=failure, retry_in=12.0)
    )
    app = create_app(replace(context, model_manager=manager))  # type: ignore[arg-type]
    headers = {"Authorization": "Bearer s3cret"}
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=headers
    ) as client:
        models = {item["id"]: item for item in (await client.get("/models")).json()["models"]}
        assert models["whisper/base"]["installed"] is True
        loading, failed = models["whisper/small"], models["whisper/medium"]
        assert (loading["state"], loading["installed"]) == ("downloading", False)
        assert loading["progress"] == {
            "phase": "download",
            "percent": 40,
            "done_bytes": small.download_bytes * 40 // 100,
            "total_bytes": small.download_bytes,
        }
        assert (failed["state"], failed["retry_in_secs"]) == ("failed", 12)
        assert (failed["error"]["message"], failed["error"]["detail"]) == (
            "Nobody answers.",
            "Check the network.",
        )
        assert (await client.get("/models/whisper/small")).json() == loading
        assert (await client.get("/models/whisper/tiny")).status_code == 404
