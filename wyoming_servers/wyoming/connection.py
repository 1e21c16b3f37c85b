"""One client: a task that reads, a task that works, and bounds on everything between."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from typing import Final, Protocol

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

# What a client has sent and nobody has worked on yet, bounded in bytes.

SOFT_LIMIT_BYTES: Final = 1024 * 1024
"""Half a minute of 16 kHz speech; with more the client waits while it is worked off."""

HARD_LIMIT_BYTES: Final = 8 * 1024 * 1024
"""Four minutes of speech; who sends more while we do something else is cut off."""

MAX_JOINED_BYTES: Final = 8 * 1024
"""Of audio that is handed over in one piece, about: 0.25 s of 16 kHz speech. A client that sends a
recording at once sends a hundred small chunks, each of which costs as much as one such piece."""

STALL_SECONDS: Final = 0.25
"""Without an event taken for so long, the work is stuck in something."""


class EventQueue:
    """A queue of events for one reader and one worker.

    Only reading shows that a client has left, so the reader may not wait for a worker that waits
    for a model: when nothing is taken for a while, events are put in up to a second, larger bound.
    """

    def __init__(
        self,
        enough: int = SOFT_LIMIT_BYTES,
        most: int = HARD_LIMIT_BYTES,
        patience: float = STALL_SECONDS,
    ) -> None:
        self._soft_limit = enough
        self._hard_limit = most
        self._stall_timeout = patience
        self._events: deque[tuple[Event, int]] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._taken = asyncio.Event()
        self._stalled = False

    def __len__(self) -> int:
        return len(self._events)

    async def put(self, event: Event, size: int) -> None:
        """Add an event of `size` bytes. Raises BusyError if there is no room for it."""
        while self._bytes >= self._soft_limit and not self._stalled:
            self._taken.clear()
            try:
                async with asyncio.timeout(self._stall_timeout):
                    await self._taken.wait()
            except TimeoutError:
                self._stalled = True
        if self._bytes >= self._hard_limit:
            raise BusyError("More was sent than can be kept.", hint="Wait for the answers.")
        self._events.append((event, size))
        self._bytes += size
        self._filled.set()

    async def get(self) -> Event:
        """Wait for the next event; chunks of audio that wait behind each other come as one."""
        while not self._events:
            self._filled.clear()
            await self._filled.wait()
        event = self._pop()
        if event.type == "audio-chunk" and event.payload:
            pieces, length = [event.payload], len(event.payload)
            while length < MAX_JOINED_BYTES and self._next_can_join(event):
                pieces.append(self._pop().payload or b"")
                length += len(pieces[-1])
            event = Event(event.type, event.data, b"".join(pieces))
        self._stalled = False
        self._taken.set()
        return event

    def _next_can_join(self, event: Event) -> bool:
        """Whether the next event is audio of the same kind, without a time of its own."""
        if not self._events:
            return False
        following = self._events[0][0]
        return following.type == event.type and following.data == event.data

    def _pop(self) -> Event:
        event, size = self._events.popleft()
        self._bytes -= size
        return event


READ_BYTES: Final = 64 * 1024

WRITE_SECONDS: Final = 30.0
"""A client that takes nothing for so long is cut off: it holds a model that others wait for."""

LINGER_SECONDS: Final = 1.0
"""How long a client that is cut off may go on sending. Closing at once would make its system
throw away our `error` unread."""

_LOGGER: Final = logging.getLogger(__name__)


class InfoSource(Protocol):
    """What answers `describe`."""

    @property
    def frame(self) -> bytes:
        """The `info` event as bytes, ready to send."""
        ...


class Connection:
    """Reads events, bounded in size and number, and hands them to a session one by one.

    `describe` and `ping` are answered by the reading task, whatever the session is busy with. The
    end of the stream, at any moment, cancels the session and with it all its work.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        info: InfoSource,
        make_session: SessionFactory,
        limits: LimitsSection,
        clock: Clock,
        *,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._info = info
        self._limits = limits
        self._clock = clock
        self._write_seconds = write_seconds
        size = limits.event_bytes
        self._decoder = FrameDecoder(FrameLimits(data=size, payload=size))
        self._queue = EventQueue()
        self._last_read_at = clock.now()
        """When bytes last came."""
        self._cut_off = False
        """Whether the client may still be sending when we close."""
        self._stopping: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        address = writer.get_extra_info("peername")
        self._name = f"{address[0]}:{address[1]}" if address else "unknown"
        self._session = make_session(self)
        self._inline = self._session if isinstance(self._session, SupportsInlineHandling) else None
        self._handling = False
        """Whether the session is in the middle of an event."""

    @property
    def name(self) -> str:
        """Its address and port."""
        return self._name

    async def run(self) -> None:
        """Serve the client until it leaves or is cut off."""
        try:
            await run_all(self._read(), self._work(), self._watch_idle(), self._watch_stop())
        except DisconnectedError as err:
            _LOGGER.debug("%s: %s", self._name, err.message)
        finally:
            await self._close()

    def stop(self, grace: float) -> None:
        """Close when the open request has ended, after `grace` seconds at the latest."""
        if not self._stopping.done():
            self._stopping.set_result(grace)

    async def send(self, event: Event) -> None:
        """Send an event. Raises DisconnectedError if the client has left or does not read."""
        await self._write(encode_frame(Frame(event.type, event.data, event.payload or b"")))

    async def fail(self, error: Exception) -> None:
        """Tell the client, and the log, that its request has failed."""
        if not isinstance(error, ConductorError):
            _LOGGER.error("%s: a request failed by a bug", self._name, exc_info=error)
        elif isinstance(error, RequestError):
            _LOGGER.info("%s: refused: %s (%s)", self._name, error, error.code)
        else:
            _LOGGER.warning("%s: failed: %s (%s)", self._name, error, error.code)
        await self.send(error_event(error))

    async def _read(self) -> None:
        """Turn bytes into events until there are no more."""
        try:
            while data := await self._reader.read(READ_BYTES):
                self._last_read_at = self._clock.now()
                self._decoder.feed(data)
                before = self._decoder.pending
                while (frame := self._decoder.next()) is not None:
                    await self._dispatch(frame, before - self._decoder.pending)
                    before = self._decoder.pending
            self._decoder.eof()
        except (FramingError, BusyError) as err:
            # Where the next event begins is unknown, or there is no room for it: say so, and end.
            self._cut_off = True
            await self.fail(err)
            raise DisconnectedError("cannot be read any more") from err
        except ConnectionError as err:
            raise DisconnectedError(f"connection lost: {err}") from err
        raise DisconnectedError("left")

    async def _dispatch(self, frame: Frame, size: int) -> None:
        if self._inline and not (self._handling or self._queue) and self._inline.try_handle(frame):
            return
        match frame.type:
            case "describe":
                _LOGGER.debug("%s: describe", self._name)
                await self._write(self._info.frame)
            case "ping":
                echo = frame.data.get("text")
                await self.send(Event("pong", {"text": echo if isinstance(echo, str) else None}))
            case known if known in self._session.EVENTS:
                await self._queue.put(Event(known, frame.data, frame.payload), size)
            case unknown:
                _LOGGER.debug("%s: ignored an event of type %.60r", self._name, unknown)

    async def _work(self) -> None:
        """Hand the events to the session, one by one, in order."""
        async with self._session:
            while True:
                event = await self._queue.get()
                self._handling = True
                try:
                    await self._session.handle(event)
                except DisconnectedError:
                    raise
                except Exception as err:  # noqa: BLE001  (`fail` logs it, and the client is told)
                    await self.fail(err)
                finally:
                    self._handling = False
                # A client that sends minutes of audio at once must not hold up the others.
                await asyncio.sleep(0)

    async def _watch_idle(self) -> None:
        """Cut off a client that says nothing although it is its turn."""
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
                DeadlineError(f"Nothing came for {seconds:g} s.", hint="Send the rest, or close.")
            )
        raise DisconnectedError("was silent for too long")

    async def _watch_stop(self) -> None:
        """When the server stops: wait for the open request, within its grace."""
        grace = await self._stopping
        with suppress(DeadlineError):
            async with ClockTimeout(self._clock, grace, "to end"):
                await self._session.idle.wait()
        self._cut_off = True
        if len(self._queue) or not self._session.idle.is_set():
            await self.fail(ShuttingDownError("The server stops."))
        raise DisconnectedError("the server stops")

    async def _write(self, data: bytes) -> None:
        """Send bytes; waits while the client lags behind."""
        transport = self._writer.transport
        if transport.is_closing():
            raise DisconnectedError("left")
        self._writer.write(data)
        try:
            async with asyncio.timeout(self._write_seconds):
                await self._writer.drain()
        except TimeoutError as err:
            transport.abort()
            raise DisconnectedError("does not read what it asked for") from err
        except ConnectionError as err:
            raise DisconnectedError(f"connection lost: {err}") from err

    async def _close(self) -> None:
        await close(self._reader, self._writer, linger=self._cut_off)


async def close(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, linger: bool
) -> None:
    """Close a connection; with `linger`, let the client read our last words first."""
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
    # What the client has not taken by now it will not take.
    transport.abort()
