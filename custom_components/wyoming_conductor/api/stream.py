"""Server-sent events (WHATWG HTML, section 9.2), from bytes to events."""

import json
from collections.abc import AsyncIterator

from .errors import ConductorResponseError
from .models import ServerEvent

MAX_EVENT_BYTES = 1024 * 1024
"""Longer than any event of the server's; a peer that sends more is not ours."""


async def parse(chunks: AsyncIterator[bytes]) -> AsyncIterator[ServerEvent]:
    """Yield the events in a stream of bytes, however it is cut.

    Comments (heartbeats) and fields we do not use are passed over. Raises ConductorResponseError
    for an event whose data is not a JSON object with a type, or that is too long.
    """
    buffer = b""
    number: str | None = None
    data: list[str] = []
    size = 0
    async for chunk in chunks:
        buffer += chunk
        *lines, buffer = buffer.split(b"\n")
        if size + len(buffer) > MAX_EVENT_BYTES:
            raise ConductorResponseError("an event is too long")
        for line in lines:
            name, _, value = line.rstrip(b"\r").decode(errors="replace").partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                data.append(value)
                size += len(value)
                if size > MAX_EVENT_BYTES:
                    raise ConductorResponseError("an event is too long")
            elif name == "id":
                number = value
            elif not name and not value and data:
                # An empty line ends the event.
                yield _event("\n".join(data), number)
                number, data, size = None, [], 0


def _event(text: str, number: str | None) -> ServerEvent:
    try:
        data = json.loads(text)
    except ValueError as err:
        raise ConductorResponseError("an event is not JSON") from err
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise ConductorResponseError("an event has no type")
    return ServerEvent(type=data["type"], data=data, id=number)
