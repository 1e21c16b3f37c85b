"""`/v1/realtime` at the edge: access, sessions, errors, items. Models are fakes."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.clock import SystemClock
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.http.app import create_app
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.realtime.connection import MAX_CONVERSATIONS
from wyoming_servers.http.server import ApiServer
from wyoming_servers.speech.asr.pipeline import AsrPipeline
from wyoming_servers.speech.conversation.conversation import ConversationServices
from wyoming_servers.speech.fake import SPECS, FakeCoordinator, LoudnessVad
from wyoming_servers.speech.tts.pipeline import TtsPipeline

PROTOCOLS = ["realtime", "openai-insecure-api-key.s3cret"]
MESSAGE = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello."}]}


@pytest.fixture
def services() -> ConversationServices:
    clock = SystemClock()
    bus, models = EventBus(clock), FakeCoordinator(SPECS)
    holder = ConfigHolder(
        Config.model_validate({"asr": {"model": "asr/many"}, "tts": {"voice": "en_US-joe"}})
    )
    asr = AsrPipeline(models, SPECS, holder, bus, clock, make_vad=LoudnessVad)
    return ConversationServices(asr, TtsPipeline(models, SPECS, holder, bus, clock), holder, clock)


@pytest.fixture
def app(context: ApiContext, services: ConversationServices) -> FastAPI:
    return create_app(replace(context, conversations=services, clock=SystemClock()))


@pytest.fixture
async def base(app: FastAPI, services: ConversationServices) -> AsyncIterator[str]:
    server = ApiServer(app, "127.0.0.1", 0)
    port = await server.start()
    yield f"ws://127.0.0.1:{port}/v1/realtime"
    await server.stop(1)
    await services.close()


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind: str) -> list[dict[str, Any]]:
        events: list[dict[str, Any]] = []
        while not events or events[-1]["type"] != kind:
            events.append(json.loads(await self.socket.recv()))
        return events

    async def next(self, kind: str) -> dict[str, Any]:
        return (await self.until(kind))[-1]


@asynccontextmanager
async def connected(base: str, query: str = "") -> AsyncIterator[Client]:
    async with connect(base + query, subprotocols=PROTOCOLS) as socket:  # type: ignore[arg-type]
        assert socket.subprotocol == "realtime"
        yield Client(socket)


async def test_token_is_required(base: str) -> None:
    for protocols in (None, ["realtime"], ["realtime", "openai-insecure-api-key.wrong"]):
        with pytest.raises(InvalidStatus) as refusal:
            async with connect(base, subprotocols=protocols):  # type: ignore[arg-type]
                pass
        assert refusal.value.response.status_code == 403


async def test_conversations_are_limited(base: str, services: ConversationServices) -> None:
    services.open_count = MAX_CONVERSATIONS
    with pytest.raises(InvalidStatus):
        async with connected(base):
            pass


async def test_session_is_updated_field_by_field(base: str) -> None:
    async with connected(base, "?model=echo") as client:
        created = (await client.next("session.created"))["session"]
        assert created["model"] == "echo"
        assert created["audio"]["input"]["turn_detection"]["type"] == "server_vad"
        change = {"audio": {"input": {"turn_detection": None}, "output": {"speed": 1.5}}}
        await client.send("session.update", session=change | {"unknown": 1})
        updated = (await client.next("session.updated"))["session"]
        assert updated["audio"]["input"]["turn_detection"] is None
        assert updated["audio"]["output"]["voice"] == "alloy"
        assert updated["instructions"] == created["instructions"]


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"type": "nonsense"}, "'nonsense' is not supported"),
        ({"type": "session.update", "session": 5}, "session must be an object"),
        ({"type": "session.update", "session": {"output_modalities": ["x"]}}, "output_modalities"),
        ({"type": "input_audio_buffer.append", "audio": "%"}, "not valid base64"),
        ({"type": "input_audio_buffer.commit"}, "audio buffer is empty"),
        ({"type": "conversation.item.create", "item": {"type": "message"}}, "item.role"),
        ({"type": "conversation.item.truncate", "item_id": "a", "audio_end_ms": 5}, "no item"),
        ({"type": "response.cancel"}, "no such answer"),
        ({"type": "response.create", "response": {"tools": 5}}, "tools"),
    ],
)
async def test_invalid_event_is_answered_and_the_conversation_goes_on(
    base: str, event: dict[str, Any], message: str
) -> None:
    async with connected(base) as client:
        await client.send(event_id="mine", kind=event["type"], **{
            name: value for name, value in event.items() if name != "type"
        })  # fmt: skip
        error = (await client.next("error"))["error"]
        assert message in error["message"]
        assert error["event_id"] == "mine"
        await client.send("conversation.item.create", item=MESSAGE)
        await client.send("response.create", response={"output_modalities": ["text"]})
        done = (await client.next("response.done"))["response"]
        assert done["output"][0]["content"] == [{"type": "output_text", "text": "Hello."}]


async def test_message_that_is_not_json_is_an_error_event(base: str) -> None:
    async with connected(base) as client:
        for message in ("{", "[]", b"\x00", '{"type": 5}'):
            await client.socket.send(message)
            assert (await client.next("error"))["error"]["code"] == "BAD_REQUEST"


async def test_items_are_retrieved_and_deleted(base: str) -> None:
    async with connected(base) as client:
        await client.send("conversation.item.create", item=MESSAGE | {"id": "hello"})
        await client.next("conversation.item.done")
        await client.send("conversation.item.retrieve", item_id="hello")
        item = (await client.next("conversation.item.retrieved"))["item"]
        assert item["content"] == [{"type": "input_text", "text": "Hello."}]
        await client.send("conversation.item.delete", item_id="hello")
        assert (await client.next("conversation.item.deleted"))["item_id"] == "hello"
        await client.send("conversation.item.retrieve", item_id="hello")
        assert (await client.next("error"))["error"]["code"] == "NOT_FOUND"


async def test_answer_beside_the_conversation_leaves_no_trace(base: str) -> None:
    async with connected(base) as client:
        response = {"input": [MESSAGE], "conversation": "none", "metadata": {"topic": "a"}}
        await client.send("response.create", response=response)
        events = await client.until("response.done")
        assert events[-1]["response"]["metadata"] == {"topic": "a"}
        assert "conversation.item.added" not in [event["type"] for event in events]
        item_id = events[-1]["response"]["output"][0]["id"]
        await client.send("conversation.item.retrieve", item_id=item_id)
        assert (await client.next("error"))["error"]["code"] == "NOT_FOUND"


async def test_transcription_session_gives_no_answers(base: str, speech: bytes) -> None:
    async with connected(base, "?intent=transcription") as client:
        audio = base64.b64encode(speech + bytes(48_000 * 2)).decode()
        await client.send("input_audio_buffer.append", audio=audio)
        kind = "conversation.item.input_audio_transcription.completed"
        completed = await client.next(kind)
        assert "seconds" in completed["transcript"]
        assert completed["usage"]["type"] == "duration"
        await client.send("response.cancel")
        types = [event["type"] for event in await client.until("error")]
        assert "response.created" not in types


@pytest.fixture
def speech() -> bytes:
    """A second of loud 24 kHz audio."""
    return (b"\x00\x40" * 60 + bytes(120)) * 200


async def test_idle_and_stopping_servers_close_the_websocket(
    base: str, app: FastAPI, context: ApiContext
) -> None:
    async with connected(base) as client:
        await client.next("session.created")
        context.closing.set()
        with pytest.raises(ConnectionClosed):
            await client.socket.recv()
