"""Parser of server-sent events (WHATWG HTML, section 9.2)."""

import json
from collections.abc import AsyncIterator

from .errors import ConductorResponseError
from .models import ServerEvent

MAX_EVENT_BYTES = 1024 * 1024
"""Far above the longest event of the server; bounds the memory that a peer can claim."""


async def parse_events(chunks: AsyncIterator[bytes]) -> AsyncIterator[ServerEvent]:
    """Yield the events of a byte stream, whatever its chunk boundaries.

    Comments (heartbeats) and unused fields are skipped. Raises ConductorResponseError for an event
    whose data is not a JSON object with a type, or that exceeds MAX_EVENT_BYTES.
    """
    buffer = b""
    event_id: str | None = None
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
                event_id = value
            elif not name and not value and data:
                # An empty line ends the event.
                yield _decode("\n".join(data), event_id)
                event_id, data, size = None, [], 0


def _decode(text: str, event_id: str | None) -> ServerEvent:
    try:
        data = json.loads(text)
    except ValueError as err:
        raise ConductorResponseError("an event is not JSON") from err
    if not isinstance(data, dict) or not isinstance(data.get("type"), str):
        raise ConductorResponseError("an event has no type")
    return ServerEvent(type=data["type"], data=data, id=event_id)
