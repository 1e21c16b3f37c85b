"""Fake of the server's Wyoming services over WebSockets; the tests set its answers."""

import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

FORMAT = {"rate": 22_050, "width": 2, "channels": 1}
AUDIO = b"\1\2" * 100


@dataclass
class FakeSpeech:
    """Answers of the services, and what they received."""

    transcript: str = "Turn on the light."
    ends_after: int | None = None
    """Audio chunks after which the server ends the turn by itself."""
    detects: str = "hey_jarvis"
    """Wake word that is detected in the second chunk."""
    error: str | None = None
    """Answer to every request, in place of the others."""
    breaks: bool = False
    """Close the connection instead of answering."""
    events: list[tuple[str, dict[str, Any], bytes]] = field(default_factory=list)
    """Everything that was received: type, data and payload."""

    def received(self, kind: str) -> list[dict[str, Any]]:
        """Return the data of the events of a type."""
        return [data for name, data, _ in self.events if name == kind]

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        chunks = 0
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            event = json.loads(message.data)
            payload = await socket.receive_bytes() if event.get("payload_length") else b""
            self.events.append((event["type"], event["data"], payload))
            chunks += event["type"] == "audio-chunk"
            if await self._answer(socket, event["type"], chunks):
                break
        await socket.close()
        return socket

    async def _answer(self, socket: web.WebSocketResponse, kind: str, chunks: int) -> bool:
        """Answer an event; return whether the connection ends."""
        match kind:
            case "transcribe" | "synthesize-start" | "detect" if self.error:
                await send(socket, "error", {"text": self.error, "code": "MODEL_MISSING"})
            case "audio-stop" | "synthesize-stop" if self.breaks:
                return True
            case "audio-chunk" if self.ends_after is not None and chunks == self.ends_after:
                await send(socket, "transcript", {"text": self.transcript})
            case "audio-stop":
                await send(socket, "transcript-start", {})
                await send(socket, "transcript", {"text": self.transcript})
            case "audio-chunk" if chunks == 2 and self.received("detect"):
                await send(socket, "detection", {"name": "other", "timestamp": 1})
                await send(socket, "detection", {"name": self.detects, "timestamp": 80})
            case "synthesize-start":
                await send(socket, "audio-start", {**FORMAT, "timestamp": 0})
            case "synthesize-chunk":
                await send(socket, "audio-chunk", FORMAT, AUDIO)
            case "synthesize-stop":
                await send(socket, "audio-stop", {})
                await send(socket, "synthesize-stopped", {})
        return False


async def send(
    socket: web.WebSocketResponse, kind: str, data: dict[str, Any], payload: bytes = b""
) -> None:
    """Send an event."""
    size = {"payload_length": len(payload)} if payload else {}
    await socket.send_json({"type": kind, "data": data, **size})
    if payload:
        await socket.send_bytes(payload)
