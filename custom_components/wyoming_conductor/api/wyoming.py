"""Wyoming events over a WebSocket of the server, with the client's token and TLS.

An event is a text message. Its payload, if it has one, is the binary message that follows.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientError, ClientWebSocketResponse, WSMsgType

from .errors import ConductorConnectionError, ConductorRequestError, ConductorResponseError
from .fields import Json, as_mapping, get_int, get_str

_CLOSED: Final = (WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED)

_UNAVAILABLE_CODES: Final = (1008, 1013)
"""Close codes of a service that is disabled or not available."""


@dataclass(frozen=True, slots=True)
class WyomingEvent:
    """An event of the Wyoming protocol."""

    type: str
    data: Json
    payload: bytes = b""


class WyomingConnection:
    """Connection to one service; one task may send while another one receives.

    Every method raises ConductorConnectionError if the connection breaks.
    """

    def __init__(self, socket: ClientWebSocketResponse, name: str) -> None:
        """Use an open WebSocket; `name` is the address in error messages."""
        self._socket = socket
        self._name = name

    async def send(
        self, kind: str, data: Mapping[str, Any] | None = None, payload: bytes = b""
    ) -> None:
        """Send an event."""
        message: dict[str, Any] = {"type": kind, "data": dict(data or {})}
        if payload:
            message["payload_length"] = len(payload)
        try:
            await self._socket.send_str(json.dumps(message))
            if payload:
                await self._socket.send_bytes(payload)
        except (ClientError, OSError) as err:
            raise ConductorConnectionError(f"{self._name} closed the connection") from err

    async def receive(self, seconds: float | None = None) -> WyomingEvent:
        """Return the next event, or raise ConductorConnectionError if none comes in this time.

        Raises ConductorRequestError for an `error` event, and ConductorResponseError for a message
        that is no event.
        """
        try:
            async with asyncio.timeout(seconds):
                text = await self._receive(WSMsgType.TEXT)
        except TimeoutError as err:
            raise ConductorConnectionError(f"{self._name} timed out") from err
        try:
            message = as_mapping(json.loads(text), "event")
        except ValueError as err:
            raise ConductorResponseError("an event is not JSON") from err
        kind, data = get_str(message, "type"), as_mapping(message.get("data") or {}, "data")
        payload = b""
        if get_int(message, "payload_length", 0):
            payload = await self._receive(WSMsgType.BINARY)
        if kind == "error":
            text = get_str(data, "text", "") or "the request failed"
            raise ConductorRequestError(text, code=get_str(data, "code", ""))
        return WyomingEvent(kind, data, payload)

    async def close(self) -> None:
        """Close the connection; a task that receives gets ConductorConnectionError."""
        await self._socket.close()

    async def _receive(self, kind: WSMsgType) -> Any:
        message = await self._socket.receive()
        if message.type is kind:
            return message.data
        if message.type in _CLOSED or message.type is WSMsgType.ERROR:
            reason = ""
            if self._socket.close_code in _UNAVAILABLE_CODES and isinstance(message.extra, str):
                reason = f": {message.extra}"
            raise ConductorConnectionError(f"{self._name} closed the connection{reason}")
        raise ConductorResponseError("a message is not an event")
