"""Timeouts for slow clients, and headers of every response."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from wyoming_servers.http import body_limits
from wyoming_servers.http.server import ApiServer, HeaderTimeoutProtocol
from wyoming_servers.telemetry.traces import TraceBuffer


@pytest.fixture
async def port(app, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(HeaderTimeoutProtocol, "header_timeout", 0.3)
    server = ApiServer(app, "127.0.0.1", 0)
    yield await server.start()
    await server.stop(1)


HEAD = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n"


async def test_incomplete_request_header_closes_the_connection(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def drip() -> None:
        writer.write(HEAD)
        while True:
            writer.write(b"X-A: b\r\n")
            await writer.drain()
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    dripping.cancel()
    await asyncio.wait([dripping])
    writer.close()


async def test_connection_without_a_request_is_closed(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_header_timeout_restarts_with_each_request(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(HEAD + b"\r\n")
        assert b"200 OK" in await reader.readuntil(b"}")
        await asyncio.sleep(0.4)
    writer.write(HEAD)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_every_response_has_a_request_id_and_a_timing(client) -> None:
    answer = await client.get("/health/live")
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-ID"])
    assert re.fullmatch(r"total;dur=\d+\.\d", answer.headers["Server-Timing"])
    own = await client.get("/nothing", headers={"X-Request-ID": "mine-1"})
    assert own.headers["X-Request-ID"] == "mine-1"
    bad = await client.get("/nothing", headers={"X-Request-ID": "x" * 100})
    assert bad.headers["X-Request-ID"] != "x" * 100


async def test_traces_lists_recent_requests(client, context) -> None:
    assert (await client.get("/traces")).json() == {"traces": []}
    object.__setattr__(context, "traces", TraceBuffer(lambda model: "cpu"))
    assert (await client.get("/traces?kind=asr&limit=5")).json() == {"traces": []}
    assert (await client.get("/traces?limit=0")).status_code == 400


def test_body_timeout_is_about_thirty_seconds() -> None:
    assert 10 <= body_limits.BODY_TIMEOUT_SECONDS <= 60
