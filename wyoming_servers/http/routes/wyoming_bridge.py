"""`/ws/wyoming`: bridge between WebSockets and the Wyoming servers, for browsers.

`/ws/wyoming?service=asr|tts|wake`. An event is a text message `{"type", "data"}`. An event with a
payload has `"payload_length"`, and the payload is the binary message that follows. Browsers cannot
send an Authorization header; they offer the subprotocols `wyoming` and `bearer.TOKEN` instead.
A message that is no event is answered by an `error` event and closes the WebSocket.
"""

import asyncio
import contextlib
import json
from typing import Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from wyoming.error import Error
from wyoming.event import Event

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.http.context import ApiContext
from wyoming_servers.protocol.codec import (
    Frame,
    FrameDecoder,
    FrameLimits,
    FramingError,
    encode_frame,
)

router = APIRouter()

SUBPROTOCOL: Final = "wyoming"

_SERVICES: Final = ("asr", "tts", "wake")

# Close codes of RFC 6455, and "try again later".
_NORMAL: Final = 1000
_INVALID_DATA: Final = 1007
_REFUSED: Final = 1008
_INTERNAL_ERROR: Final = 1011
_UNAVAILABLE: Final = 1013

_READ_BYTES: Final = 64 * 1024

_LOOPBACK_OF_WILDCARD: Final = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104


class _InvalidEventError(Exception):
    """Raised when the browser sends an invalid event."""


@router.websocket("/ws/wyoming")
async def bridge(socket: WebSocket) -> None:
    """Forward events in both directions until either side disconnects."""
    context: ApiContext = socket.app.state.context
    offered = socket.scope.get("subprotocols", [])
    port = context.ports.get(socket.query_params.get("service", ""))
    if port is None or socket.query_params["service"] not in _SERVICES:
        await socket.close(
            _REFUSED, "service must be asr, tts or wake, and enabled on this server."
        )
        return
    await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
    host = context.config.host
    try:
        reader, writer = await asyncio.open_connection(_LOOPBACK_OF_WILDCARD.get(host, host), port)
    except OSError:
        await socket.close(_UNAVAILABLE, "The service is not available.")
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
    limit = context.config.limits.max_event_bytes
    tasks = [
        asyncio.create_task(_from_browser(socket, writer, limit), name="WebSocket to Wyoming"),
        asyncio.create_task(_to_browser(reader, socket, limit), name="Wyoming to WebSocket"),
        asyncio.create_task(_closing(context), name="wait for shutdown"),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    error = next((task.exception() for task in done if task.exception()), None)
    with contextlib.suppress(RuntimeError):  # the client disconnected meanwhile
        match error:
            case None | OSError():
                await socket.close(_NORMAL)
            case WebSocketDisconnect():
                pass
            case _InvalidEventError():
                problem = BadRequestError(f"Invalid message: {error}.")
                await _send(socket, Error(str(problem), problem.code).event())
                await socket.close(_INVALID_DATA, str(error))
            case FramingError():
                await socket.close(_INTERNAL_ERROR, "The service sent an invalid event.")
            case _:
                raise error


async def _from_browser(socket: WebSocket, writer: asyncio.StreamWriter, limit: int) -> None:
    while True:
        text = await _receive(socket)
        if not isinstance(text, str):
            raise _InvalidEventError("a binary message without an event before it")
        event = _event(text, limit)
        size = event.pop("payload_length", 0)
        payload = await _receive(socket) if size else b""
        if isinstance(payload, str):
            raise _InvalidEventError("a text message in place of the payload")
        if len(payload) != size:
            raise _InvalidEventError("payload_length is not the length of the payload")
        writer.write(encode_frame(Frame(event["type"], event["data"], payload)))
        await writer.drain()


async def _to_browser(reader: asyncio.StreamReader, socket: WebSocket, limit: int) -> None:
    decoder = FrameDecoder(FrameLimits(data=limit, payload=limit))
    while data := await reader.read(_READ_BYTES):
        decoder.feed(data)
        for frame in decoder:
            await _send(socket, Event(frame.type, frame.data, frame.payload or None))


async def _receive(socket: WebSocket) -> str | bytes:
    """Return the next message; raises WebSocketDisconnect."""
    message = await socket.receive()
    if message["type"] != "websocket.receive":
        raise WebSocketDisconnect(message.get("code", _NORMAL))
    text: str | None = message.get("text")
    data: bytes = message.get("bytes") or b""
    return data if text is None else text


async def _send(socket: WebSocket, event: Event) -> None:
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
    except (ValueError, RecursionError) as err:
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
