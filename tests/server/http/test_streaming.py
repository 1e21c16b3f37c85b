"""Streaming responses: what is closed when a client disconnects."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

from sse_starlette import ServerSentEvent
from starlette.types import Message

from wyoming_servers.http.streaming import ManagedEventSourceResponse, sse_event


async def test_event_stream_closes_its_generator_before_its_resources() -> None:
    closed: list[str] = []
    sending = asyncio.Event()

    async def events() -> AsyncGenerator[ServerSentEvent, None]:
        try:
            while True:
                yield sse_event({"type": "x"})
        finally:
            closed.append("generator")

    async def receive() -> Message:
        await sending.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        # The client stops reading, so the generator is suspended when it disconnects.
        if message["type"] == "http.response.body":
            sending.set()
            await asyncio.Event().wait()

    resources = AsyncExitStack()
    resources.callback(closed.append, "resources")
    response = ManagedEventSourceResponse(events(), resources)
    async with asyncio.timeout(5):
        await response({"type": "http", "method": "GET"}, receive, send)
    assert closed == ["generator", "resources"]
