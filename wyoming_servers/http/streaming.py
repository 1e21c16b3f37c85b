"""Streamed answers that close what they stream from, even if the client leaves before a byte."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


class ManagedStreamingResponse(StreamingResponse):
    """Bytes as they are made."""

    def __init__(self, pieces: AsyncIterator[bytes], owned: AsyncExitStack, kind: str) -> None:
        super().__init__(pieces, media_type=kind)
        self._resources = owned

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._resources:
            await super().__call__(scope, receive, send)


class ManagedEventSourceResponse(EventSourceResponse):
    """Server-sent events as they happen."""

    def __init__(self, events: AsyncIterator[ServerSentEvent], owned: AsyncExitStack) -> None:
        super().__init__(events, sep="\n")
        self._resources = owned

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._resources:
            await super().__call__(scope, receive, send)


def client_label(request: Request) -> str:
    """Return what the log calls the one who asks."""
    return f"http {request.client.host}" if request.client else "http"
