import asyncio
import socket
from typing import Any

import pytest
from wyoming.error import Error

from wyoming_servers.cli import wyoming_client
from wyoming_servers.cli.errors import UnreachableError
from wyoming_servers.cli.wyoming_client import (
    Address,
    parse_address,
)
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.core.errors import (
    BadRequestError,
    BusyError,
    DeadlineError,
    InferenceFailedError,
)

SECOND = b"\0\1" * 16_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("box", Address("box", 7)),
        ("box:9", Address("box", 9)),
        ("tcp://box:9", Address("box", 9)),
        ("192.168.1.2", Address("192.168.1.2", 7)),
        ("[::1]:9", Address("::1", 9)),
        ("[::1]", Address("::1", 7)),
        ("::1", Address("::1", 7)),
    ],
)
def test_an_address_is_read_as_people_write_it(text: str, expected: Address) -> None:
    assert parse_address(text, 7) == expected


@pytest.mark.parametrize(
    "text", ["", ":9", "box:", "box:x", "box:0", "box:70000", "http://box:9/x"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadRequestError, match="not the address"):
        parse_address(text, 7)


def test_an_address_is_shown_as_it_can_be_written() -> None:
    assert str(Address("::1", 9)) == "[::1]:9"
    assert parse_address(str(Address("::1", 9)), 1) == Address("::1", 9)


async def test_each_clip_is_one_request_and_their_texts_are_joined(server: Any) -> None:
    server.says = [" one ", "", "two"]
    text, language = await wyoming_client.transcribe(
        Address("127.0.0.1", server.port), [SECOND] * 3, SPEECH_FORMAT, language="de", timeout=10
    )
    assert (text, language) == ("one two", "en")
    assert server.heard == [SECOND] * 3
    assert server.requests[0].data["language"] == "de"
    assert server.requests[0].data["context"] == {"turn_detection": False}


async def test_speech_comes_in_the_format_and_manner_that_was_asked_for(server: Any) -> None:
    pieces = [
        piece
        async for piece in wyoming_client.synthesize(
            Address("127.0.0.1", server.port),
            "Hi.",
            voice="joe",
            speaker="a",
            speed=1.5,
            timeout=10,
        )
    ]
    assert [piece.format.rate for piece in pieces] == [22_050, 22_050]
    data = server.requests[0].data
    assert data["text"] == "Hi."
    assert data["voice"] == {"name": "joe", "speaker": "a"}
    assert data["context"] == {"speed": 1.5}


async def test_an_error_of_the_server_keeps_its_code_and_words(server: Any) -> None:
    server.error = Error("The queue is full. Come back.", "BUSY")
    with pytest.raises(BusyError) as failure:
        await wyoming_client.transcribe(
            Address("127.0.0.1", server.port), [SECOND], SPEECH_FORMAT, timeout=10
        )
    assert str(failure.value) == "The queue is full. Come back."


async def test_a_code_of_another_program_is_told_in_the_text(server: Any) -> None:
    server.error = Error("no", "stt-broken")
    with pytest.raises(InferenceFailedError, match=r"no \(stt-broken\)"):
        await wyoming_client.transcribe(
            Address("127.0.0.1", server.port), [SECOND], SPEECH_FORMAT, timeout=10
        )


async def test_a_connection_that_closes_is_a_failure(server: Any) -> None:
    server.close_early = True
    with pytest.raises(InferenceFailedError, match="closed the connection"):
        await wyoming_client.transcribe(
            Address("127.0.0.1", server.port), [SECOND], SPEECH_FORMAT, timeout=10
        )


async def test_nobody_there_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"127.0.0.1:{port}"):
        await wyoming_client.transcribe(
            Address("127.0.0.1", port), [SECOND], SPEECH_FORMAT, timeout=10
        )


async def test_a_server_that_never_answers_meets_the_deadline() -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with listening:
        address = Address("127.0.0.1", listening.sockets[0].getsockname()[1])
        with pytest.raises(DeadlineError, match="--timeout"):
            await wyoming_client.transcribe(address, [SECOND], SPEECH_FORMAT, timeout=0.1)
        with pytest.raises(UnreachableError, match="does not answer as a Wyoming server"):
            await wyoming_client.describe(address, timeout=0.1)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b'{"type":"info"}\n', b""])
async def test_something_else_that_answers_is_no_wyoming_server(answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()

    listening = await asyncio.start_server(reply, "127.0.0.1", 0)
    async with listening:
        address = Address("127.0.0.1", listening.sockets[0].getsockname()[1])
        if answer.startswith(b'{"type"'):
            assert (await wyoming_client.describe(address)).asr == []
        else:
            with pytest.raises(UnreachableError, match="does not answer as a Wyoming server"):
                await wyoming_client.describe(address)
