"""`/events`: all events of the server as server-sent events.

The `id` of a message is the sequence number of the event. A client that reconnects with
`Last-Event-ID` receives the events it missed, as far as they are kept. Numbers restart with the
server: the first message of `/events`, `stream_opened`, contains the run (`instance`) and whether
events were missed, in which case the client must read the full state again.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header
from sse_starlette import EventSourceResponse, ServerSentEvent

from wyoming_servers.core import events
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.core.event_bus import (
    HISTORY,
    EventBus,
    SequencedEvent,
    Subscription,
)
from wyoming_servers.http import schemas
from wyoming_servers.http.context import (
    ApiContext,
    Context,
)
from wyoming_servers.http.problems import PROBLEM_RESPONSES

router = APIRouter(responses={**PROBLEM_RESPONSES})

LastEventId = Annotated[
    str | None,
    Header(description="Number of the last event received; browsers set it automatically."),
]

EventTranslator = Callable[[SequencedEvent], dict[str, Any] | None]
"""Returns the JSON of an event (with `type`), or None to leave it out of the stream."""

_RECONNECT_MS: Final = 2_000
"""Time EventSource waits before it reconnects."""

EVENT_STREAM_ROUTE: Final[dict[str, Any]] = {
    "response_class": EventSourceResponse,
    "responses": {
        200: {"content": {"text/event-stream": {}}, "description": "Event stream; never ends."}
    },
}
"""Keyword arguments of a route that streams events."""


@router.get("/events", tags=["events"], summary="Stream all events", **EVENT_STREAM_ROUTE)
async def all_events(context: Context, last_event_id: LastEventId = None) -> EventSourceResponse:
    """The `data` of each event is JSON with `type`, `at` (ISO 8601, UTC) and fields of the type."""
    after, missed = resume_position(context.bus, last_event_id)
    opened = {
        "type": "stream_opened",
        "instance": context.instance,
        "last_event": context.bus.last_sequence,
        "missed": missed,
    }
    return _respond(context, after, _event_json, opened)


@router.get(
    "/model/events",
    tags=["models"],
    summary="Stream the events of the default model",
    **EVENT_STREAM_ROUTE,
)
async def default_model_events(
    context: Context, last_event_id: LastEventId = None
) -> EventSourceResponse:
    """`model_loading`, `model_ready`, `model_unloaded`, `model_waiting_for_gpu`, `model_failed`."""
    after, _ = resume_position(context.bus, last_event_id)
    model = context.config.asr.model

    def translate(item: SequencedEvent) -> dict[str, Any] | None:
        return _model_event_json(item) if getattr(item.event, "model", None) == model else None

    return _respond(context, after, translate)


def _respond(
    context: ApiContext,
    after: int | None,
    translate: EventTranslator,
    opened: dict[str, Any] | None = None,
) -> EventSourceResponse:
    return EventSourceResponse(
        _stream(context, after, translate, opened), ping=context.heartbeat, sep="\n"
    )


async def _stream(
    context: ApiContext,
    after: int | None,
    translate: EventTranslator,
    opened: dict[str, Any] | None,
) -> AsyncIterator[ServerSentEvent]:
    """Yield events until the server stops; cancelled if the client disconnects."""
    with context.bus.subscribe(after) as subscription:
        if opened is not None:
            yield sse_event(opened, retry=_RECONNECT_MS)
        lost = 0
        async for item in until_closed(context.closing, subscription):
            if subscription.dropped > lost:
                # The client reads too slowly; it must read the full state again.
                yield sse_event({"type": "events_lost", "count": subscription.dropped - lost})
                lost = subscription.dropped
            data = translate(item)
            if data is not None:
                yield sse_event(data, id=str(item.sequence))


async def until_closed(
    closing: asyncio.Event, subscription: Subscription
) -> AsyncIterator[SequencedEvent]:
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


def _event_json(item: SequencedEvent) -> dict[str, Any]:
    return {**item.event.as_dict(), "at": schemas.iso_timestamp(item.timestamp)}


def _model_event_json(item: SequencedEvent) -> dict[str, Any] | None:
    match item.event:
        case events.ModelLoading() | events.ModelUnloaded():
            return {"type": item.event.type}
        case events.ModelLoaded():
            return {"type": item.event.type, "loaded_at": schemas.iso_timestamp(item.timestamp)}
        case events.ModelWaiting() as waiting:
            return {
                "type": waiting.type,
                "vram_needed_mb": schemas.mib(waiting.needed_bytes),
                "vram_free_mb": schemas.mib(waiting.free_bytes),
                "retry_in_secs": round(waiting.retry_seconds),
            }
        case events.ModelFailed() as failed:
            return {"type": failed.type, "code": failed.code, "message": failed.message}
        case _:
            return None


def sse_event(data: dict[str, Any], **fields: Any) -> ServerSentEvent:
    """Return a message with JSON `data`, named after its `type`."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return ServerSentEvent(text, event=data["type"], sep="\n", **fields)


def resume_position(bus: EventBus, last_event_id: str | None) -> tuple[int | None, bool]:
    """Return the number to continue after (None: only new events) and whether events are missed."""
    if last_event_id is None:
        return None, False
    if not last_event_id.isdecimal():
        raise BadRequestError("Last-Event-ID must be the number of an event.")
    last = int(last_event_id)
    if last > bus.last_sequence:
        # The number is from an earlier run: all events of this run are new to the client.
        return 0, True
    kept = bus.recent(HISTORY)
    return last, bool(kept) and kept[0].sequence > last + 1
