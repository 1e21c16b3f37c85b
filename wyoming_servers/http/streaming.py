"""Streaming responses and server-sent events.

The responses release their resources even if the client disconnects before the first byte.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing
from typing import Annotated, Any, Final

from fastapi import Header
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.core.event_bus import HISTORY, EventBus, SequencedEvent, Subscription


class ManagedStreamingResponse(StreamingResponse):
    """Streams bytes and closes `resources` at the end."""

    def __init__(
        self, chunks: AsyncIterator[bytes], resources: AsyncExitStack, media_type: str
    ) -> None:
        super().__init__(chunks, media_type=media_type)
        self._resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._resources:
            await super().__call__(scope, receive, send)


class ManagedEventSourceResponse(EventSourceResponse):
    """Streams server-sent events; closes the generator, then `resources`, at the end.

    A generator that is only dropped is closed by the garbage collector, which may be after its
    resources are gone.
    """

    def __init__(
        self,
        events: AsyncGenerator[ServerSentEvent, None],
        resources: AsyncExitStack | None = None,
        *,
        ping: float | None = None,
    ) -> None:
        """`ping` is the number of seconds between comments in an idle stream."""
        super().__init__(events, ping=ping, sep="\n")
        self._events = events
        self._resources = resources or AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._resources, aclosing(self._events):
            await super().__call__(scope, receive, send)


LastEventId = Annotated[
    str | None,
    Header(description="Number of the last event received; browsers set it automatically."),
]

_MAX_EVENT_ID_DIGITS: Final = 20

EVENT_STREAM_ROUTE: Final[dict[str, Any]] = {
    "response_class": EventSourceResponse,
    "responses": {
        200: {"content": {"text/event-stream": {}}, "description": "Event stream; never ends."}
    },
}
"""Keyword arguments of a route that streams events."""


async def until_closed(
    closing: asyncio.Event, subscription: Subscription
) -> AsyncGenerator[SequencedEvent, None]:
    """Yield the events of a subscription until the server stops."""
    closed = asyncio.ensure_future(closing.wait())
    following: asyncio.Future[SequencedEvent] | None = None
    try:
        while not closing.is_set():
            following = asyncio.ensure_future(subscription.next())
            await asyncio.wait({closed, following}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                yield following.result()
    finally:
        closed.cancel()
        if following is not None:
            following.cancel()


def sse_event(data: dict[str, Any], **fields: Any) -> ServerSentEvent:
    """Return a message with JSON `data`, named after its `type`."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return ServerSentEvent(text, event=data["type"], sep="\n", **fields)


def openai_event(data: dict[str, Any]) -> ServerSentEvent:
    """Return a message as OpenAI sends it: a `data` line alone; some clients know no other."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return ServerSentEvent(text, sep="\n")


def resume_position(bus: EventBus, last_event_id: str | None) -> tuple[int | None, bool]:
    """Return the number to continue after (None: only new events) and whether events are missed."""
    if last_event_id is None:
        return None, False
    # Python refuses to convert texts of thousands of digits.
    if not (last_event_id.isdecimal() and len(last_event_id) <= _MAX_EVENT_ID_DIGITS):
        raise BadRequestError("Last-Event-ID must be the number of an event.")
    last = int(last_event_id)
    if last > bus.last_sequence:
        # The number is from an earlier run: all events of this run are new to the client.
        return 0, True
    recent = bus.recent(HISTORY)
    return last, bool(recent) and recent[0].sequence > last + 1


def client_label(request: Request) -> str:
    """Return the name of the client in logs and traces."""
    return f"http {request.client.host}" if request.client else "http"
