"""`/ws/wyoming`: bridge between WebSockets and the Wyoming servers, for browsers.

`/ws/wyoming?service=asr|tts|wake`. An event is a text message `{"type", "data"}`. An event with a
payload has `"payload_length"`, and the payload is the binary message that follows. Browsers cannot
send an Authorization header; they offer the subprotocols `wyoming` and `bearer.TOKEN` instead.
"""

import asyncio
import contextlib
import json
from typing import Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from wyoming.event import Event, async_read_event, async_write_event

from wyoming_servers.http.auth import is_valid_token
from wyoming_servers.http.context import ApiContext

router = APIRouter()

SUBPROTOCOL: Final = "wyoming"

_BEARER: Final = "bearer."
_SERVICES: Final = ("asr", "tts", "wake")

_BAD_DATA: Final = 1007
_REFUSED: Final = 1008
_GONE: Final = 1013

_LOOPBACK_OF_WILDCARD: Final = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104


class _InvalidEventError(Exception):
    """Raised when the browser sends an invalid event."""


@router.websocket("/ws/wyoming")
async def wyoming(socket: WebSocket) -> None:
    """Forward events in both directions until either side disconnects."""
    context: ApiContext = socket.app.state.context
    offered = socket.scope.get("subprotocols", [])
    if not is_valid_token(context, _token(socket, offered)):
        await socket.close(_REFUSED, "The token is missing or not valid.")
        return
    port = context.ports.get(socket.query_params.get("service", ""))
    if port is None or socket.query_params["service"] not in _SERVICES:
        await socket.close(
            _REFUSED, "service must be asr, tts or wake, and enabled on this server."
        )
        return
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    host = context.config.host
    try:
        reader, writer = await asyncio.open_connection(
            _LOOPBACK_OF_WILDCARD.get(host, host), port, limit=context.config.limits.event_bytes
        )
    except OSError:
        await socket.close(_GONE, "The service is not available.")
        return
    try:
        await _bridge(context, socket, reader, writer)
    finally:
        writer.close()


async def _bridge(
    context: ApiContext,
    socket: WebSocket,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    limit = context.config.limits.event_bytes
    tasks = [
        asyncio.create_task(_from_browser(socket, writer, limit), name="WebSocket to Wyoming"),
        asyncio.create_task(_to_browser(reader, socket), name="Wyoming to WebSocket"),
        asyncio.create_task(_closing(context), name="wait for shutdown"),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    error = next((task.exception() for task in done if task.exception()), None)
    if isinstance(error, WebSocketDisconnect):
        return
    with contextlib.suppress(RuntimeError):  # the client disconnected meanwhile
        if isinstance(error, _InvalidEventError):
            await socket.close(_BAD_DATA, str(error))
        elif isinstance(error, OSError) or error is None:
            await socket.close(1000)
    if error is not None and not isinstance(error, _InvalidEventError | OSError):
        raise error


async def _from_browser(socket: WebSocket, writer: asyncio.StreamWriter, limit: int) -> None:
    while True:
        event = _event(await socket.receive_text(), limit)
        size = event.pop("payload_length", 0)
        payload = await socket.receive_bytes() if size else None
        if payload is not None and len(payload) != size:
            raise _InvalidEventError("payload_length is not the length of the payload")
        await async_write_event(Event(event["type"], event["data"], payload), writer)


async def _to_browser(reader: asyncio.StreamReader, socket: WebSocket) -> None:
    while (event := await async_read_event(reader)) is not None:
        message: dict[str, Any] = {"type": event.type, "data": event.data}
        if event.payload:
            message["payload_length"] = len(event.payload)
        await socket.send_text(json.dumps(message, ensure_ascii=False))
        if event.payload:
            await socket.send_bytes(event.payload)


async def _closing(context: ApiContext) -> None:
    await context.closing.wait()


def _event(text: str, limit: int) -> dict[str, Any]:
    try:
        event = json.loads(text)
    except ValueError as err:
        raise _InvalidEventError("a message is not JSON") from err
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise _InvalidEventError("an event needs a type")
    event.setdefault("data", {})
    size = event.get("payload_length", 0)
    if not isinstance(event["data"], dict):
        raise _InvalidEventError("data must be an object")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= limit:
        raise _InvalidEventError("payload_length is too large")
    return event


def _token(socket: WebSocket, offered: list[str]) -> str | None:
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token
    return next((name[len(_BEARER) :] for name in offered if name.startswith(_BEARER)), None)
