import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from wyoming.info import Info

from wyoming_servers.cli.doctor_checks import identify_port_owner
from wyoming_servers.cli.wyoming_client import Address
from wyoming_servers.wyoming.info import AUTHOR

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def web(status: str, body: str) -> AsyncIterator[Address]:
    """Answer every request with the same response."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write((head + body).encode())
        writer.close()

    server = await asyncio.start_server(reply, "127.0.0.1", 0)
    async with server:
        yield Address("0.0.0.0", server.sockets[0].getsockname()[1])


@pytest.mark.parametrize(
    ("status", "body", "ours", "word"),
    [
        ("200 OK", '{"name": "Wyoming Conductor", "version": "1.2"}', True, "Conductor 1.2"),
        ("401 No", '{"code": "UNAUTHORIZED"}', True, "another token"),
        ("200 OK", '{"name": "Other"}', False, "a web server"),
        ("200 OK", "[]", False, "a web server"),
        ("404 No", "<html>", False, "a web server"),
    ],
)
async def test_port_owner_distinguishes_our_api_from_other_web_servers(
    status: str, body: str, ours: bool, word: str
) -> None:
    async with web(status, body) as address:
        owner = await identify_port_owner("api", address, "token")
    assert owner.ours is ours
    assert word in owner.name


async def test_port_owner_recognizes_our_wyoming_server_by_its_program(server: Any) -> None:
    address = Address("127.0.0.1", server.port)
    assert await identify_port_owner("asr", address) == await identify_port_owner("tts", address)
    assert (await identify_port_owner("asr", address)).ours is False
    assert "fake" in (await identify_port_owner("asr", address)).name
    server.info.asr[0].attribution.name = AUTHOR
    assert (await identify_port_owner("asr", address)).ours is True


async def test_port_owner_with_another_service_is_not_ours(server: Any) -> None:
    server.info.asr[0].attribution.name = AUTHOR
    server.info = Info(asr=server.info.asr)
    assert (await identify_port_owner("tts", Address("127.0.0.1", server.port))).ours is False


@pytest.mark.parametrize("service", ["asr", "api"])
async def test_port_owner_is_empty_if_nothing_answers(service: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    owner = await identify_port_owner(service, Address("127.0.0.1", port))
    assert (owner.name, owner.ours) == ("", False)
