"""Identity, metrics and health of the server."""

from typing import Any

import httpx

from wyoming_servers.core.domain import ModelState
from wyoming_servers.scheduling.status import DeviceStatus


async def test_info_has_identity_and_ports(
    client: httpx.AsyncClient, ports: dict[str, int]
) -> None:
    ports["api"] = 10380  # known only after the API itself listens
    info = (await client.get("/info")).json()
    assert info["name"] == "Wyoming Conductor"
    assert info["version"] == "1.2.3"
    assert info["uuid"] == "the-uuid"
    assert info["api_version"] == "1"
    assert info["ports"] == {"asr": 10300, "api": 10380}
    assert info["instance"]


async def test_metrics_are_current_and_in_prometheus_format(
    client: httpx.AsyncClient, coordinator: Any
) -> None:
    coordinator.queue_depth = 7
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert "wyoming_conductor_queue_depth 7.0" in answer.text


async def test_liveness_answers_without_a_token(
    anonymous: httpx.AsyncClient, reasons: list[str]
) -> None:
    reasons.append("Nothing works.")
    answer = await anonymous.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_readiness_answers_200_when_ready(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "reasons": []})


async def test_readiness_answers_503_with_reasons_and_retry_after(
    anonymous: httpx.AsyncClient, reasons: list[str]
) -> None:
    reasons.append("whisper/base is still loading.")
    answer = await anonymous.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not_ready", "reasons": ["whisper/base is still loading."]}
    assert int(answer.headers["retry-after"]) > 0


async def test_health_of_a_machine_without_a_gpu(client: httpx.AsyncClient) -> None:
    health = (await client.get("/health")).json()
    assert health["status"] == "ok"
    assert health["gpu_name"] is None
    assert health["vram_total_mb"] is None
    assert health["model"] == "whisper/base"
    assert health["model_state"] == "unloaded"
    assert health["queue_depth"] == 0
    assert health["version"] == "1.2.3"
    assert health["devices"][0]["device"] == "cpu"


async def test_health_shows_gpu_queue_and_active_requests(
    client: httpx.AsyncClient, coordinator: Any, gpu: DeviceStatus, reasons: list[str]
) -> None:
    coordinator.devices = (*coordinator.devices, gpu)
    coordinator.queue_depth = 2
    coordinator.change("whisper/base", state=ModelState.READY, leases=3)
    reasons.append("No voice.")
    health = (await client.get("/health")).json()
    assert health["gpu_name"] == "NVIDIA GeForce RTX 2080"
    assert health["vram_total_mb"] == 8192
    assert (health["queue_depth"], health["waiting_requests"]) == (0, 2)
    assert health["model_state"] == "ready"
    assert health["active_requests"] == 3
    assert (health["models_ready"], health["models_total"]) == (1, 2)
    assert (health["ready"], health["reasons"]) == (False, ["No voice."])


async def test_health_without_the_default_model_has_a_null_state(
    client: httpx.AsyncClient, coordinator: Any
) -> None:
    del coordinator.models["whisper/base"]
    assert (await client.get("/health")).json()["model_state"] is None
