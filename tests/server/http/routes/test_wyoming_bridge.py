"""Wyoming over a WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from wyoming.event import async_read_event, async_write_event

from wyoming_servers.http.server import ApiServer

PROTOCOLS = ["wyoming", "bearer.s3cret"]


@pytest.fixture
async def service(ports) -> AsyncIterator[list]:
    """A Wyoming server that echoes every event; the list has the received events."""
    got = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (event := await async_read_event(reader)) is not None:
            got.append(event)
            if event.type == "leave":
                break
            if event.type == "oversized":
                # A header that announces more bytes than limits.max_event_bytes allows.
                writer.write(b'{"type":"x","data_length":99999999999}\n{')
                continue
            await async_write_event(event, writer)
        got.append(None)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    ports["asr"] = server.sockets[0].getsockname()[1]
    yield got
    server.close()


@pytest.fixture
async def base(app, service) -> AsyncIterator[str]:
    server = ApiServer(app, "127.0.0.1", 0)
    port = await server.start()
    yield f"ws://127.0.0.1:{port}/ws/wyoming"
    await server.stop(1)


async def test_bridge_forwards_events_and_payloads_in_both_directions(base, service) -> None:
    async with connect(f"{base}?service=asr", subprotocols=PROTOCOLS) as socket:
        assert socket.subprotocol == "wyoming"
        await socket.send(json.dumps({"type": "describe"}))
        assert json.loads(await socket.recv()) == {"type": "describe", "data": {}}
        chunk = {"type": "audio-chunk", "data": {"rate": 16000}, "payload_length": 3}
        await socket.send(json.dumps(chunk))
        await socket.send(b"abc")
        assert json.loads(await socket.recv()) == chunk
        assert await socket.recv() == b"abc"
    assert service[1].payload == b"abc"


async def test_bridge_accepts_the_token_in_a_header(base) -> None:
    headers = {"Authorization": "Bearer s3cret"}
    async with connect(f"{base}?service=asr", additional_headers=headers) as socket:
        await socket.send('{"type":"x"}')
        assert json.loads(await socket.recv())["type"] == "x"


@pytest.mark.parametrize("protocols", [None, ["wyoming"], ["wyoming", "bearer.wrong"]])
async def test_bridge_requires_a_token(base, protocols, service) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(f"{base}?service=asr", subprotocols=protocols):
            pass
    assert refusal.value.response.status_code == 403
    assert service == []


async def test_bridge_rejects_a_foreign_origin(base) -> None:
    with pytest.raises(InvalidStatus) as refusal:
        async with connect(
            f"{base}?service=asr", subprotocols=PROTOCOLS, origin="https://evil.example"
        ):
            pass
    assert refusal.value.response.status_code == 403


@pytest.mark.parametrize("query", ["", "?service=api", "?service=tts"])
async def test_bridge_rejects_services_that_are_not_served(base, query) -> None:
    with pytest.raises(InvalidStatus):
        async with connect(base + query, subprotocols=PROTOCOLS):
            pass


@pytest.mark.parametrize(
    "message",
    ["nonsense", "[]", '{"data":{}}', '{"type":"x","data":5}',
     '{"type":"x","payload_length":99999999999}', '{"type":"x","payload_length":-1}'],
)  # fmt: skip
async def test_invalid_event_closes_the_websocket(base, message) -> None:
    async with connect(f"{base}?service=asr", subprotocols=PROTOCOLS) as socket:
        await socket.send(message)
        error = json.loads(await socket.recv())
        assert (error["type"], error["data"]["code"]) == ("error", "BAD_REQUEST")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd.code == 1007


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([b"abc"], "without an event"),
        (['{"type":"audio-chunk","payload_length":3}', "abc"], "in place of the payload"),
        (['{"type":"audio-chunk","payload_length":3}', b"ab"], "not the length"),
    ],
)
async def test_message_of_the_wrong_kind_is_an_error_event(
    base, service, messages, reason, caplog
) -> None:
    async with connect(f"{base}?service=asr", subprotocols=PROTOCOLS) as socket:
        for message in messages:
            await socket.send(message)
        error = json.loads(await socket.recv())
        assert error["type"] == "error"
        assert reason in error["data"]["text"]
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd.code == 1007
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_event_of_a_service_over_the_limit_closes_the_websocket(base, service) -> None:
    async with connect(f"{base}?service=asr", subprotocols=PROTOCOLS) as socket:
        await socket.send('{"type":"oversized"}')
        async with asyncio.timeout(5):
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
    assert closed.value.rcvd.code == 1011


async def test_websocket_is_closed_when_the_service_disconnects(base) -> None:
    async with connect(f"{base}?service=asr", subprotocols=PROTOCOLS) as socket:
        await socket.send('{"type":"leave"}')
        with pytest.raises(ConnectionClosed):
            await socket.recv()


async def test_service_is_disconnected_when_the_browser_leaves(base, service) -> None:
    async with connect(f"{base}?service=asr", subprotocols=PROTOCOLS) as socket:
        await socket.send('{"type":"x"}')
        await socket.recv()
    async with asyncio.timeout(5):
        while service[-1] is not None:  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_websocket_is_closed_when_the_server_stops(base, context) -> None:
    async with connect(f"{base}?service=asr", subprotocols=PROTOCOLS) as socket:
        await socket.send('{"type":"x"}')
        await socket.recv()
        context.closing.set()
        with pytest.raises(ConnectionClosed):
            await socket.recv()
