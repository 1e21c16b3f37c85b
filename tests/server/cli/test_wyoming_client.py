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
def test_parse_address_accepts_common_spellings(text: str, expected: Address) -> None:
    assert parse_address(text, 7) == expected


@pytest.mark.parametrize(
    "text", ["", ":9", "box:", "box:x", "box:0", "box:70000", "http://box:9/x"]
)
def test_parse_address_refuses_invalid_addresses(text: str) -> None:
    with pytest.raises(BadRequestError, match="not the address"):
        parse_address(text, 7)


def test_address_is_formatted_as_it_is_parsed() -> None:
    assert str(Address("::1", 9)) == "[::1]:9"
    assert parse_address(str(Address("::1", 9)), 1) == Address("::1", 9)


async def test_transcribe_sends_one_request_per_clip_and_joins_the_texts(server: Any) -> None:
    server.transcripts = [" one ", "", "two"]
    text, language = await wyoming_client.transcribe(
        Address("127.0.0.1", server.port), [SECOND] * 3, SPEECH_FORMAT, language="de", timeout=10
    )
    assert (text, language) == ("one two", "en")
    assert server.received == [SECOND] * 3
    assert server.requests[0].data["language"] == "de"
    assert server.requests[0].data["context"] == {"turn_detection": False}


async def test_synthesize_sends_the_voice_options_and_yields_audio(server: Any) -> None:
    chunks = [
        chunk
        async for chunk in wyoming_client.synthesize(
            Address("127.0.0.1", server.port),
            "Hi.",
            voice="joe",
            speaker="a",
            speed=1.5,
            timeout=10,
        )
    ]
    assert [chunk.format.rate for chunk in chunks] == [22_050, 22_050]
    data = server.requests[0].data
    assert data["text"] == "Hi."
    assert data["voice"] == {"name": "joe", "speaker": "a"}
    assert data["context"] == {"speed": 1.5}


async def test_server_error_keeps_its_code_and_text(server: Any) -> None:
    server.error = Error("The queue is full. Come back.", "BUSY")
    with pytest.raises(BusyError) as failure:
        await wyoming_client.transcribe(
            Address("127.0.0.1", server.port), [SECOND], SPEECH_FORMAT, timeout=10
        )
    assert str(failure.value) == "The queue is full. Come back."


async def test_unknown_error_code_is_part_of_the_message(server: Any) -> None:
    server.error = Error("no", "stt-broken")
    with pytest.raises(InferenceFailedError, match=r"no \(stt-broken\)"):
        await wyoming_client.transcribe(
            Address("127.0.0.1", server.port), [SECOND], SPEECH_FORMAT, timeout=10
        )


async def test_closed_connection_is_an_inference_error(server: Any) -> None:
    server.close_early = True
    with pytest.raises(InferenceFailedError, match="closed the connection"):
        await wyoming_client.transcribe(
            Address("127.0.0.1", server.port), [SECOND], SPEECH_FORMAT, timeout=10
        )


async def test_missing_server_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(UnreachableError, match=f"127.0.0.1:{port}"):
        await wyoming_client.transcribe(
            Address("127.0.0.1", port), [SECOND], SPEECH_FORMAT, timeout=10
        )


async def test_silent_server_hits_the_deadline() -> None:
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
async def test_other_program_is_not_a_wyoming_server(answer: bytes) -> None:
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
