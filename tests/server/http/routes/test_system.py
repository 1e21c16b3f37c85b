from typing import Any

import httpx


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
