"""Streaming responses that release their resources, even if the client disconnects early."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send


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
    """Streams server-sent events and closes `resources` at the end."""

    def __init__(self, events: AsyncIterator[ServerSentEvent], resources: AsyncExitStack) -> None:
        super().__init__(events, sep="\n")
        self._resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._resources:
            await super().__call__(scope, receive, send)


def client_label(request: Request) -> str:
    """Return the name of the client in logs and traces."""
    return f"http {request.client.host}" if request.client else "http"
