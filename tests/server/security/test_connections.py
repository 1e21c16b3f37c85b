"""Connections that do nothing: they keep nobody out, exhaust nothing, and fill no log."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

_LOGGER = logging.getLogger(__name__)
"""Shows measured values with `--log-cli-level=info`."""

pytestmark = pytest.mark.e2e


@pytest.mark.usefixtures("many_descriptors")
async def test_server_with_1024_descriptors_serves_a_client_through_2000_connections(
    start_server: Callable[..., Any], attack: Any
) -> None:
    server = start_server(descriptors=1_024)
    waits: list[float] = []
    statuses: list[int] = []

    async def use() -> None:
        """A normal client: describes, asks the API and lets it speak."""
        waits.append(await attack.describe_seconds(server.ports["asr"]))
        waits.append(await attack.describe_seconds(server.ports["wake"]))
        statuses.append(await attack.http_status(server.ports["api"]))
        peer = await attack.connect(server.ports["tts"])
        await peer.send("synthesize", text="Hello.")
        await peer.read_until("audio-stop")
        await peer.close()

    async def use_until(flooded: asyncio.Task[Any]) -> None:
        while not flooded.done():
            await use()

    sources = [f"127.0.0.{number}" for number in range(2, 10)]
    flood = asyncio.create_task(attack.hold(list(server.ports.values()), 2_000, sources))
    await use_until(flood)
    assert len(await flood) > 1_000
    for _ in range(50):
        await use()

    _LOGGER.info(
        "describe during the flood: p95 %.1f ms, at most %.1f ms",
        1_000 * attack.percentile(waits, 95),
        1_000 * max(waits),
    )
    assert len(statuses) > 50
    assert set(statuses) == {200}
    assert max(waits) < 5
    log = server.log.read_text()
    assert "Traceback" not in log
    assert len(log) < 100_000


@pytest.mark.parametrize("service", ["asr", "tts", "wake"])
async def test_idle_connections_of_one_address_keep_no_other_out(
    start_server: Callable[..., Any], attack: Any, service: str
) -> None:
    server = start_server()
    port = server.ports[service]
    await attack.hold([port], 300, ["127.0.0.2"])
    assert await attack.describe_seconds(port) < 5
    assert await attack.describe_seconds(port, "127.0.0.2") < 5
    await attack.hold([server.ports["api"]], 300, ["127.0.0.2"])
    assert await attack.http_status(server.ports["api"]) == 200


async def test_hundred_wake_streams_of_home_assistant_stay_while_others_flood(
    start_server: Callable[..., Any], attack: Any
) -> None:
    server = start_server(limits__max_queued_requests=200)
    port = server.ports["wake"]
    streams = [await attack.connect(port) for _ in range(100)]
    for peer in streams:
        await peer.send("detect", names=["okay_nabu"])
        await peer.send("audio-chunk", bytes(1_024), rate=16_000, width=2, channels=1)
    await attack.hold([port], 600, [f"127.0.0.{number}" for number in range(2, 8)])
    for peer in streams:
        await peer.send("ping")
        answer = await peer.read_until("pong", "error")
        assert answer[0] == "pong", answer


async def test_displaced_client_learns_why(start_server: Callable[..., Any], attack: Any) -> None:
    server = start_server(limits__max_connections_per_address=2)
    first, *others = [await attack.connect(server.ports["tts"]) for _ in range(3)]
    for peer in others:
        await peer.send("ping")
        assert (await peer.read())[0] == "pong"
    kind, data = await first.read()
    assert (kind, data["code"]) == ("error", "BUSY")
    assert await first.read() is None
