"""Bodies that never end: they need a token first, and then keep nobody out."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

BODIES = 256


async def hold_bodies(attack: Any, port: int, method_and_path: str) -> list[Any]:
    """Begin requests whose body is one byte of a hundred."""
    head = (
        f"{method_and_path} HTTP/1.1\r\nHost: localhost\r\n"
        "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    )
    peers = await attack.hold([port], BODIES, ["127.0.0.1", "127.0.0.2", "127.0.0.3"])
    for peer in peers:
        try:
            await peer.send_bytes(head.encode())
        except ConnectionError:
            continue  # displaced already
    return list(peers)


async def status_of(peer: Any) -> int:
    """Return the status of the answer; 0 if the connection was closed without one."""
    async with asyncio.timeout(10):
        try:
            line = await peer.reader.readline()
        except ConnectionError:
            return 0
    return int(line.split()[1]) if line else 0


async def test_slow_bodies_without_a_token_are_answered_before_they_are_read(
    start_server: Callable[..., Any], attack: Any
) -> None:
    server = start_server()
    port = server.ports["api"]
    peers = await hold_bodies(attack, port, "PATCH /config")
    statuses = [await attack.http_status(port) for _ in range(50)]
    statuses += [await attack.http_status(port, "/health/ready") for _ in range(50)]
    assert set(statuses) == {200}
    answers = [await status_of(peer) for peer in peers]
    assert set(answers) <= {401, 0}
    assert answers.count(401) > BODIES / 4
    # Answered clients that go on sending are closed soon, too.
    async with asyncio.timeout(15):
        for peer in peers:
            with_error = False
            try:
                await peer.reader.read()
            except ConnectionError:
                with_error = True
            assert peer.reader.at_eof() or with_error


async def test_slow_bodies_close_no_server_without_authentication(
    start_server: Callable[..., Any], attack: Any
) -> None:
    server = start_server(api__auth="none")
    port = server.ports["api"]
    peers = await hold_bodies(attack, port, "POST /v1/audio/speech")
    statuses = [await attack.http_status(port) for _ in range(50)]
    statuses += [await attack.http_status(port, "/info", "127.0.0.9") for _ in range(50)]
    assert set(statuses) == {200}
    assert len(peers) > BODIES / 4
