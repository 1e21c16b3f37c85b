import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.core import events
from wyoming_servers.core.clock import FakeClock
from wyoming_servers.core.event_bus import BACKLOG, HISTORY, EventBus
from wyoming_servers.http.app import create_app
from wyoming_servers.http.auth.tokens import MAX_TICKETS, TicketStore, TokenScope
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.server import ApiServer

Frames = AsyncIterator[dict[str, str]]
Open = Callable[..., AbstractAsyncContextManager[Frames]]


async def frames(answer: httpx.Response) -> Frames:
    """Split a stream into frames; a comment is the field with an empty name."""
    frame: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(":")
            frame[name] = value.removeprefix(" ")
        elif frame:
            yield frame
            frame = {}


@pytest.fixture
def open_stream(live: httpx.AsyncClient) -> Open:
    @asynccontextmanager
    async def open_it(path: str, **headers: str) -> AsyncIterator[Frames]:
        async with live.stream("GET", path, headers=headers) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["cache-control"] == "no-store"
            yield frames(answer)

    return open_it


def wake(word: str = "alexa") -> events.WakeWordDetected:
    return events.WakeWordDetected(client="c", word=word, score=1)


async def test_ticket_opens_one_stream_without_a_token(
    client: httpx.AsyncClient, live: httpx.AsyncClient
) -> None:
    answer = await client.post("/tickets")
    assert (answer.status_code, answer.json()["expires_in_secs"]) == (201, 30)
    path = f"/events?ticket={answer.json()['ticket']}"
    nobody = {"Authorization": ""}
    async with live.stream("GET", path, headers=nobody) as stream:
        assert stream.status_code == 200
        assert json.loads((await anext(frames(stream)))["data"])["type"] == "stream_opened"
    assert (await live.get(path, headers=nobody)).status_code == 401


async def test_ticket_opens_nothing_but_streams(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    ticket = (await client.post("/tickets")).json()["ticket"]
    for path in ("/status", "/models", "/snapshot"):
        assert (await anonymous.get(path, params={"ticket": ticket})).status_code == 401
    assert (await anonymous.post("/tickets", params={"ticket": ticket})).status_code == 401
    assert (await anonymous.get("/events", params={"ticket": "x"})).status_code == 401


async def test_ticket_has_the_scope_of_its_token(
    context: ApiContext, anonymous: httpx.AsyncClient
) -> None:
    _, token = await context.tokens.create("page", TokenScope.READ)
    answer = await anonymous.post("/tickets", headers={"Authorization": f"Bearer {token}"})
    path, ticket = "/jobs/x/stream", answer.json()["ticket"]
    assert context.tickets.redeem(ticket) is TokenScope.READ
    app = create_app(replace(context, jobs=object()))  # type: ignore[arg-type]
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        ticket = context.tickets.create(TokenScope.READ)
        assert (await client.get(path, params={"ticket": ticket})).status_code == 403


async def test_ticket_expires(clock: FakeClock) -> None:
    tickets = TicketStore(clock)
    late, used = tickets.create(TokenScope.READ), tickets.create(TokenScope.USE)
    await clock.advance(29)
    assert tickets.redeem(used) is TokenScope.USE
    assert tickets.redeem(used) is None
    await clock.advance(1)
    assert tickets.redeem(late) is None
    first = tickets.create(TokenScope.READ)
    for _ in range(MAX_TICKETS):
        tickets.create(TokenScope.READ)
    assert tickets.redeem(first) is None


async def test_event_has_its_sequence_type_time_and_fields(
    open_stream: Open, bus: EventBus, context: ApiContext
) -> None:
    async with open_stream("/events") as stream:
        opened = await anext(stream)
        assert opened["event"] == "stream_opened"
        assert "id" not in opened
        assert json.loads(opened["data"]) == {
            "type": "stream_opened",
            "instance": context.instance,
            "last_event": 0,
            "missed": False,
        }
        bus.publish(wake())
        frame = await anext(stream)
    assert (frame["id"], frame["event"]) == ("1", "wake_word_detected")
    data = json.loads(frame["data"])
    assert data["word"] == "alexa"
    assert data["at"] == "2023-11-14T22:30:00.000Z"


async def test_event_stream_resumes_after_the_last_event_id(
    open_stream: Open, bus: EventBus
) -> None:
    for word in ("one", "two", "three"):
        bus.publish(wake(word))
    async with open_stream("/events", **{"Last-Event-ID": "1"}) as stream:
        assert json.loads((await anext(stream))["data"])["missed"] is False
        assert [(await anext(stream))["id"] for _ in range(2)] == ["2", "3"]
        bus.publish(wake("four"))
        assert (await anext(stream))["id"] == "4"


async def test_event_stream_reports_missed_events(open_stream: Open, bus: EventBus) -> None:
    for _ in range(HISTORY + 2):
        bus.publish(wake())
    async with open_stream("/events", **{"Last-Event-ID": "1"}) as stream:
        assert json.loads((await anext(stream))["data"])["missed"] is True
        assert (await anext(stream))["id"] == "3"


async def test_event_id_of_an_earlier_run_replays_this_run(
    open_stream: Open, bus: EventBus
) -> None:
    bus.publish(wake())
    async with open_stream("/events", **{"Last-Event-ID": "900"}) as stream:
        assert json.loads((await anext(stream))["data"])["missed"] is True
        assert (await anext(stream))["id"] == "1"


@pytest.mark.parametrize("value", ["x", "-1", "9" * 21, "9" * 6_000])
async def test_last_event_id_that_is_not_a_number_is_rejected(
    client: httpx.AsyncClient, value: str
) -> None:
    answer = await client.get("/events", headers={"Last-Event-ID": value})
    assert answer.status_code == 400
    assert "Last-Event-ID" in answer.json()["error"]


async def test_event_stream_reports_events_lost_by_a_slow_client(
    open_stream: Open, bus: EventBus
) -> None:
    async with open_stream("/events") as stream:
        await anext(stream)
        for _ in range(BACKLOG + 5):
            bus.publish(wake())
        lost = await anext(stream)
        assert json.loads(lost["data"]) == {"type": "events_lost", "count": 5}
        assert (await anext(stream))["id"] == "6"


async def test_idle_event_stream_sends_comments(context: ApiContext) -> None:
    app = create_app(replace(context, heartbeat=0.05))
    server = ApiServer(app, "127.0.0.1", 0)
    port = await server.start()
    headers = {"Authorization": f"Bearer {context.token}"}
    async with (
        httpx.AsyncClient(trust_env=False, timeout=5) as client,
        client.stream("GET", f"http://127.0.0.1:{port}/model/events", headers=headers) as answer,
    ):
        frame = await anext(frames(answer))
        assert frame[""].startswith("ping")
    await server.stop(1)


async def test_event_streams_end_when_the_server_stops(
    app: FastAPI, context: ApiContext, bus: EventBus
) -> None:
    server = ApiServer(app, "127.0.0.1", 0)
    port = await server.start()
    headers = {"Authorization": f"Bearer {context.token}"}
    async with (
        httpx.AsyncClient(trust_env=False, timeout=5) as client,
        client.stream("GET", f"http://127.0.0.1:{port}/events", headers=headers) as answer,
    ):
        stream = frames(answer)
        await anext(stream)
        bus.publish(events.ServerStopping())
        async with asyncio.timeout(10):
            # Much less than the grace time of other requests.
            await server.stop(300)
        assert [frame["event"] async for frame in stream] == ["server_stopping"]


async def test_client_that_disconnects_ends_its_subscription(
    open_stream: Open, bus: EventBus
) -> None:
    async with open_stream("/events") as stream:
        await anext(stream)
        assert len(bus._subscriptions) == 1
    async with asyncio.timeout(5):
        while bus._subscriptions:  # noqa: ASYNC110  (the bus tells nobody that it has no listener)
            await asyncio.sleep(0.01)


async def test_default_model_has_its_own_event_stream(open_stream: Open, bus: EventBus) -> None:
    async with open_stream("/model/events", **{"Last-Event-ID": "0"}) as stream:
        mine: dict[str, Any] = {"model": "whisper/base", "device": "cuda:0"}
        bus.publish(wake())
        bus.publish(events.ModelLoading(model="piper/joe"))
        bus.publish(
            events.ModelWaiting(
                needed_bytes=3951 << 20, free_bytes=512 << 20, retry_seconds=30.0, **mine
            )
        )
        bus.publish(events.ModelLoading(**mine))
        bus.publish(events.ModelLoaded(seconds=1, memory_bytes=1, **mine))
        bus.publish(events.ModelFailed(code="OOM", message="Full.", **mine))
        bus.publish(events.ModelUnloaded(reason="idle", **mine))
        received = [await anext(stream) for _ in range(5)]
    data = [json.loads(frame["data"]) for frame in received]
    assert [frame["event"] for frame in received] == [item["type"] for item in data]
    assert [frame["id"] for frame in received] == ["3", "4", "5", "6", "7"]
    assert data == [
        {
            "type": "model_waiting_for_gpu",
            "vram_needed_mb": 3951,
            "vram_free_mb": 512,
            "retry_in_secs": 30,
        },
        {"type": "model_loading"},
        {"type": "model_ready", "loaded_at": "2023-11-14T22:30:00.000Z"},
        {"type": "model_failed", "code": "OOM", "message": "Full."},
        {"type": "model_unloaded"},
    ]
