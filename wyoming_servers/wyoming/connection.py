"""One client connection: reads and bounds its events, and passes them to a session in order."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from typing import Any, Final, Protocol

from wyoming.event import Event

from wyoming_servers.config.schema import LimitsSection
from wyoming_servers.core.aio import ClockTimeout, run_all
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.errors import (
    BusyError,
    ConductorError,
    DeadlineError,
    RequestError,
    ShuttingDownError,
)
from wyoming_servers.protocol.codec import (
    Frame,
    FrameDecoder,
    FrameLimits,
    FramingError,
    encode_frame,
)
from wyoming_servers.wyoming.session import (
    DisconnectedError,
    SessionFactory,
    SupportsInlineHandling,
    error_event,
)

READ_BYTES: Final = 64 * 1024
"""Most bytes of one read."""

WRITE_SECONDS: Final = 30.0
"""A client that reads nothing for this long is disconnected: it holds a model that others need."""

LINGER_SECONDS: Final = 1.0
"""How long a client may go on sending while it is being disconnected. Closing at once would make
its system discard the `error` event unread."""

SOFT_LIMIT_BYTES: Final = 1024 * 1024
"""Queued bytes of one client (32 s of 16 kHz speech) from which reading waits for the session."""

HARD_LIMIT_BYTES: Final = 8 * 1024 * 1024
"""Queued bytes of one client (4 min of 16 kHz speech) from which it is disconnected. Reached only
while the session is stalled, for example because it waits for a model."""

STALL_SECONDS: Final = 0.25
"""The session counts as stalled when it takes no event for this long."""

PORT_LIMIT_BYTES: Final = 128 * 1024 * 1024
"""Unprocessed bytes of all clients of one port: 16 clients at their hard limit."""

MAX_JOINED_BYTES: Final = 8 * 1024
"""Audio that is passed to the session in one event, roughly: 0.25 s of 16 kHz speech. A client that
sends a recording at once sends hundreds of small chunks, each as expensive as one such event."""

_LOGGER: Final = logging.getLogger(__name__)


class InfoSource(Protocol):
    """Provides the answer to `describe`."""

    @property
    def frame(self) -> bytes:
        """The encoded `info` event."""
        ...


class BufferBudget:
    """Bounds the unprocessed bytes of all clients of one port together.

    Over the limit, the clients that hold more than an equal share are refused; a client that
    streams live audio, whose buffer is small, is never the one that has to leave. So the sum stays
    below twice the limit.
    """

    def __init__(self, limit: int = PORT_LIMIT_BYTES) -> None:
        self._limit = limit
        self._sizes: dict[object, int] = {}
        self._total = 0

    @property
    def total(self) -> int:
        """Bytes held by all clients."""
        return self._total

    def update(self, client: object, size: int) -> None:
        """Record that `client` holds `size` bytes. Raises BusyError if that is too much."""
        before = self._sizes.get(client, 0)
        self._total += size - before
        if size:
            self._sizes[client] = size
        else:
            self._sizes.pop(client, None)
        if size > before and self._total > self._limit and size > self._limit // len(self._sizes):
            raise BusyError("The clients of this port have sent too much data.")

    def remove(self, client: object) -> None:
        """Forget a client that has left."""
        self._total -= self._sizes.pop(client, 0)


class Connection:
    """Reads events, bounded in size and number, and passes them to a session one by one.

    The reading task answers `describe` and `ping` at once, whatever the session is doing. The end
    of the stream cancels the session and all its work at any moment.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        info: InfoSource,
        make_session: SessionFactory,
        limits: LimitsSection,
        clock: Clock,
        budget: BufferBudget,
        *,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._info = info
        self._limits = limits
        self._clock = clock
        self._budget = budget
        self._write_seconds = write_seconds
        size = limits.max_event_bytes
        self._decoder = FrameDecoder(FrameLimits(data=size, payload=size))
        self._queue = EventQueue()
        self._last_read_at = clock.now()
        """When the client last sent bytes."""
        self._lingers = False
        """Whether the client may still be sending when the connection is closed."""
        self._stopping: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._name = _client_name(writer.get_extra_info("peername"))
        self._session = make_session(self)
        self._inline = self._session if isinstance(self._session, SupportsInlineHandling) else None
        self._handling = False
        """Whether the session is handling an event."""

    @property
    def name(self) -> str:
        """Address and port of the client."""
        return self._name

    async def run(self) -> None:
        """Serve the client until it leaves or is disconnected."""
        try:
            await run_all(self._read(), self._work(), self._watch_idle(), self._watch_stop())
        except DisconnectedError as err:
            _LOGGER.debug("%s: %s", self._name, err.message)
        finally:
            self._budget.remove(self)
            await close(self._reader, self._writer, linger=self._lingers)

    def stop(self, grace: float) -> None:
        """Close after the open request has ended, or after `grace` seconds."""
        if not self._stopping.done():
            self._stopping.set_result(grace)

    async def send(self, event: Event) -> None:
        """Send an event. Raises DisconnectedError if the client has left or does not read."""
        await self._write(encode_frame(Frame(event.type, event.data, event.payload or b"")))

    async def fail(self, error: Exception) -> None:
        """Log an error of a request and send it to the client."""
        if not isinstance(error, ConductorError):
            _LOGGER.error("%s: unexpected error in a request", self._name, exc_info=error)
        elif isinstance(error, RequestError):
            _LOGGER.info("%s: request refused: %s (%s)", self._name, error, error.code)
        else:
            _LOGGER.warning("%s: request failed: %s (%s)", self._name, error, error.code)
        await self.send(error_event(error))

    async def _read(self) -> None:
        """Decode events until the client leaves."""
        try:
            while data := await self._reader.read(READ_BYTES):
                self._last_read_at = self._clock.now()
                self._decoder.feed(data)
                self._update_budget()
                before = self._decoder.pending
                while (frame := self._decoder.next()) is not None:
                    await self._dispatch(frame, before - self._decoder.pending)
                    before = self._decoder.pending
                self._update_budget()
            self._decoder.eof()
        except (FramingError, BusyError) as err:
            # The start of the next event is unknown, or there is no room for it.
            self._lingers = True
            await self.fail(err)
            raise DisconnectedError("The stream of events cannot be read any further.") from err
        except ConnectionError as err:
            raise DisconnectedError(f"The connection was lost: {err}") from err
        raise DisconnectedError("The client left.")

    async def _dispatch(self, frame: Frame, size: int) -> None:
        """Answer an event, let the session handle it at once, or queue it."""
        if self._inline and not (self._handling or self._queue) and self._inline.try_handle(frame):
            return
        match frame.type:
            case "describe":
                _LOGGER.debug("%s: describe", self._name)
                await self._write(self._info.frame)
            case "ping":
                text = frame.data.get("text")
                await self.send(Event("pong", {"text": text if isinstance(text, str) else None}))
            case known if known in self._session.EVENTS:
                await self._queue.put(Event(known, frame.data, frame.payload), size)
            case unknown:
                _LOGGER.debug("%s: ignored an event of type %.60r", self._name, unknown)

    async def _work(self) -> None:
        """Pass the queued events to the session, one by one."""
        async with self._session:
            while True:
                event = await self._queue.get()
                self._update_budget()
                self._handling = True
                try:
                    await self._session.handle(event)
                except DisconnectedError:
                    raise
                except Exception as err:  # noqa: BLE001  (`fail` logs and sends it)
                    await self.fail(err)
                finally:
                    self._handling = False
                # A client that sends minutes of audio at once must not block the others.
                await asyncio.sleep(0)

    def _update_budget(self) -> None:
        self._budget.update(self, self._decoder.pending + self._queue.size)

    async def _watch_idle(self) -> None:
        """Disconnect a client that sends nothing although the server waits for it."""
        while True:
            left = self._last_read_at + self._limits.idle_timeout - self._clock.now()
            if left > 0:
                await self._clock.sleep(left)
            elif self._session.is_processing:
                self._last_read_at = self._clock.now()
            else:
                break
        if not self._session.idle.is_set():
            seconds = self._limits.idle_timeout
            await self.fail(
                DeadlineError(
                    f"The client sent nothing for {seconds:g} s.",
                    hint="Send the rest of the request, or close the connection.",
                )
            )
        raise DisconnectedError("The client sent nothing for too long.")

    async def _watch_stop(self) -> None:
        """When the server stops, wait for the open request within the grace period."""
        grace = await self._stopping
        with suppress(DeadlineError):
            async with ClockTimeout(self._clock, grace, "to finish the request"):
                await self._session.idle.wait()
        self._lingers = True
        if len(self._queue) or not self._session.idle.is_set():
            await self.fail(ShuttingDownError("The server is shutting down."))
        raise DisconnectedError("The server is shutting down.")

    async def _write(self, data: bytes) -> None:
        """Send bytes; waits while the client reads slowly."""
        transport = self._writer.transport
        if transport.is_closing():
            raise DisconnectedError("The client left.")
        self._writer.write(data)
        try:
            async with asyncio.timeout(self._write_seconds):
                await self._writer.drain()
        except TimeoutError as err:
            transport.abort()
            raise DisconnectedError("The client does not read its answers.") from err
        except ConnectionError as err:
            raise DisconnectedError(f"The connection was lost: {err}") from err


class EventQueue:
    """A queue of events between the reading task and the session, bounded in bytes.

    Only reading shows that a client has left, so the reader must not wait for a session that waits
    for a model: when no event is taken for a while, events are queued up to a second, larger limit.
    """

    def __init__(
        self,
        soft_limit: int = SOFT_LIMIT_BYTES,
        hard_limit: int = HARD_LIMIT_BYTES,
        stall_timeout: float = STALL_SECONDS,
    ) -> None:
        """Limits in bytes, `stall_timeout` in seconds."""
        self._soft_limit = soft_limit
        self._hard_limit = hard_limit
        self._stall_timeout = stall_timeout
        self._events: deque[tuple[Event, int]] = deque()
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()
        self._stalled = False
        self.size = 0
        """Bytes in the queue."""

    def __len__(self) -> int:
        return len(self._events)

    async def put(self, event: Event, size: int) -> None:
        """Add an event of `size` bytes. Raises BusyError at the hard limit."""
        while self.size >= self._soft_limit and not self._stalled:
            self._taken.clear()
            try:
                async with asyncio.timeout(self._stall_timeout):
                    await self._taken.wait()
            except TimeoutError:
                self._stalled = True
        if self.size >= self._hard_limit:
            raise BusyError(
                "The client sent more data than the server can queue.",
                hint="Wait for the answer before sending more.",
            )
        self._events.append((event, size))
        self.size += size
        self._filled.set()

    async def get(self) -> Event:
        """Wait for the next event; consecutive audio chunks are joined into one event."""
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        event = self._pop()
        if event.type == "audio-chunk" and event.payload:
            payloads, length = [event.payload], len(event.payload)
            while length < MAX_JOINED_BYTES and self._next_can_join(event):
                payloads.append(self._pop().payload or b"")
                length += len(payloads[-1])
            event = Event(event.type, event.data, b"".join(payloads))
        self._stalled = False
        self._taken.set()
        return event

    def _next_can_join(self, event: Event) -> bool:
        """Return whether the next event is audio of the same format and has no timestamp of its
        own.
        """
        if not self._events:
            return False
        following = self._events[0][0]
        return following.type == event.type and following.data == event.data

    def _pop(self) -> Event:
        event, size = self._events.popleft()
        self.size -= size
        return event


async def close(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, linger: bool
) -> None:
    """Close a connection; with `linger`, give the client time to read what was sent last."""
    transport = writer.transport
    with suppress(OSError, TimeoutError):
        if linger and not transport.is_closing():
            writer.write_eof()
            async with asyncio.timeout(LINGER_SECONDS):
                while await reader.read(READ_BYTES):
                    pass
    writer.close()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            await writer.wait_closed()
    # A client that has not read by now will not read any more.
    transport.abort()


def _client_name(address: Any) -> str:
    """Return `address:port`; IPv4 clients of an IPv6 socket are named by their IPv4 address."""
    if not address:
        return "unknown"
    host = str(address[0])
    with suppress(ValueError):
        parsed = ip_address(host)
        if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
            host = str(parsed.ipv4_mapped)
    return f"{host}:{address[1]}"
