"""`/events`: all events of the server as server-sent events.

The `id` of a message is the sequence number of the event. A client that reconnects with
`Last-Event-ID` receives the events it missed, as far as they are kept. Numbers restart with the
server: the first message of `/events`, `stream_opened`, contains the run (`instance`) and whether
events were missed, in which case the client must read the full state again.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field
from sse_starlette import ServerSentEvent

from wyoming_servers.core import events
from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.event_bus import SequencedEvent
from wyoming_servers.http import schemas
from wyoming_servers.http.auth.access import GrantedScope
from wyoming_servers.http.auth.tokens import TICKET_SECONDS
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.http.streaming import (
    EVENT_STREAM_ROUTE,
    LastEventId,
    ManagedEventSourceResponse,
    resume_position,
    sse_event,
    until_closed,
)

router = APIRouter(responses={**PROBLEM_RESPONSES})

EventTranslator = Callable[[SequencedEvent], dict[str, Any] | None]
"""Returns the JSON of an event (with `type`), or None to leave it out of the stream."""

_RECONNECT_MS: Final = 2_000
"""Time EventSource waits before it reconnects."""


@router.get("/events", tags=["events"], summary="Stream all events", **EVENT_STREAM_ROUTE)
async def stream_events(
    context: Context, last_event_id: LastEventId = None
) -> ManagedEventSourceResponse:
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
async def stream_default_model_events(
    context: Context, last_event_id: LastEventId = None
) -> ManagedEventSourceResponse:
    """`model_loading`, `model_ready`, `model_unloaded`, `model_waiting_for_gpu`, `model_failed`."""
    after, _ = resume_position(context.bus, last_event_id)
    model = context.config.asr.model

    def translate(item: SequencedEvent) -> dict[str, Any] | None:
        return _model_event_json(item) if getattr(item.event, "model", None) == model else None

    return _respond(context, after, translate)


class TicketResponse(BaseModel):
    """A ticket."""

    ticket: str = Field(description="Append it to the address, as `?ticket=TICKET`.")
    expires_in_secs: int


@router.post("/tickets", tags=["events"], status_code=201, summary="Create a ticket for a stream")
async def create_ticket(context: Context, scope: GrantedScope) -> TicketResponse:
    """For EventSource and WebSocket in browsers, which cannot send a token: the ticket opens
    `/events`, `/model/events`, `/jobs/{id}/stream` or `/ws/wyoming` once, with the scope of the
    token of this request. When the connection is lost, get another one; `Last-Event-ID` of
    EventSource continues where the stream ended.
    """
    return TicketResponse(
        ticket=context.tickets.create(scope), expires_in_secs=round(TICKET_SECONDS)
    )


def _respond(
    context: ApiContext,
    after: int | None,
    translate: EventTranslator,
    opened: dict[str, Any] | None = None,
) -> ManagedEventSourceResponse:
    return ManagedEventSourceResponse(
        _stream(context, after, translate, opened), ping=context.heartbeat
    )


async def _stream(
    context: ApiContext,
    after: int | None,
    translate: EventTranslator,
    opened: dict[str, Any] | None,
) -> AsyncGenerator[ServerSentEvent, None]:
    """Yield events until the server stops; closed if the client disconnects."""
    with context.bus.subscribe(after) as subscription:
        if opened is not None:
            yield sse_event(opened, retry=_RECONNECT_MS)
        lost = 0
        async with aclosing(until_closed(context.closing, subscription)) as items:
            async for item in items:
                if subscription.dropped > lost:
                    # The client reads too slowly; it must read the full state again.
                    yield sse_event({"type": "events_lost", "count": subscription.dropped - lost})
                    lost = subscription.dropped
                data = translate(item)
                if data is not None:
                    yield sse_event(data, id=str(item.sequence))


def _event_json(item: SequencedEvent) -> dict[str, Any]:
    return {**item.event.as_dict(), "at": iso_timestamp(item.timestamp)}


def _model_event_json(item: SequencedEvent) -> dict[str, Any] | None:
    match item.event:
        case events.ModelLoading() | events.ModelUnloaded():
            return {"type": item.event.type}
        case events.ModelLoaded():
            return {"type": item.event.type, "loaded_at": iso_timestamp(item.timestamp)}
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
