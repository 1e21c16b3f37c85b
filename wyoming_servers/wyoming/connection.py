"""One client connection: reads and bounds its events, and passes them to a session in order."""

import asyncio
import logging
from contextlib import suppress
from typing import Any, Final, Protocol

from wyoming.event import Event

from wyoming_servers.config.schema import LimitsSection
from wyoming_servers.core.aio import ClockTimeout, LoopTimeBudget, run_until_first
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.errors import (
    BusyError,
    ConductorError,
    DeadlineError,
    RequestError,
    ShuttingDownError,
)
from wyoming_servers.net.connection_limits import BufferBudget, client_address
from wyoming_servers.protocol.codec import (
    Frame,
    FrameDecoder,
    FramingError,
    client_limits,
    encode_frame,
)
from wyoming_servers.wyoming.session import (
    DisconnectedError,
    EventQueue,
    SessionFactory,
    SupportsInlineHandling,
    error_event,
)

READ_BYTES: Final = 64 * 1024
"""Most bytes of one read."""

BUFFER_BYTES: Final = 32 * 1024
"""Bytes of one client, beyond one read, that may lie unread before its system has to wait."""

WRITE_SECONDS: Final = 30.0
"""A client that reads nothing for this long is disconnected: it holds a model that others need."""

LINGER_SECONDS: Final = 1.0
"""How long a client may go on sending while it is being disconnected. Closing at once would make
its system discard the `error` event unread."""

FRAME_SECONDS: Final = 30.0
"""An event that is not complete after this many seconds (up to twice that) ends the connection: it
holds memory, and its bytes would keep an idle connection open."""

ERROR_SECONDS: Final = 5.0
"""A client that opens no other request for this long after an error is disconnected: it may not
know `error` events, and would wait for its answer until `limits.idle_timeout`."""

REQUEST_EVENTS: Final = frozenset({"transcribe", "synthesize", "synthesize-start", "detect"})
"""Events that open a request, and so tell that a client goes on after an error."""

BUSY_SECONDS: Final = 10.0
"""A client with an open request that sends nothing for this long counts as idle when others need
its place, unless it waits for the server."""

_LOGGER: Final = logging.getLogger(__name__)


class InfoSource(Protocol):
    """Provides the answer to `describe`."""

    @property
    def frame(self) -> bytes:
        """The encoded `info` event."""
        ...


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
        loop_time: LoopTimeBudget | None = None,
        *,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        self._reader = reader
        self._writer = writer
        # asyncio reads 256 KiB at a time, also for clients whose data waits here.
        writer.transport.max_size = READ_BYTES  # type: ignore[attr-defined]
        self._info = info
        self._limits = limits
        self._clock = clock
        self._budget = budget
        self._loop_time = loop_time or LoopTimeBudget()
        self._write_seconds = write_seconds
        self._decoder = FrameDecoder(client_limits(limits.max_event_bytes))
        self._frame_began_at: float | None = None
        """When the first byte of the unfinished event came; None if there is none."""
        self._queue = EventQueue()
        self._last_read_at = clock.now()
        """When the client last sent bytes."""
        self._lingers = False
        """Whether the client may still be sending when the connection is closed."""
        self._failed_at: float | None = None
        """When the last request failed; None if another one was opened since."""
        self._failed = asyncio.Event()
        """Set when `_failed_at` was set."""
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

    @property
    def idle_since(self) -> float | None:
        """When the client last sent something, if nothing is done for it; see `ClientHandle`."""
        if self._session.is_processing or len(self._queue):
            return None
        if self._session.has_request and self._clock.now() < self._last_read_at + BUSY_SECONDS:
            return None
        return self._last_read_at

    def displace(self) -> None:
        """Close at once, because another client needs the place."""
        _LOGGER.info("%s: disconnected, another client needs the connection", self._name)
        event = error_event(BusyError("Another client needs this connection."))
        self._writer.write(encode_frame(Frame(event.type, event.data)))
        self._writer.transport.abort()

    async def run(self) -> None:
        """Serve the client until it leaves or is disconnected."""
        try:
            await run_until_first(
                self._read(),
                self._work(),
                self._watch_idle(),
                self._watch_errors(),
                self._watch_stop(),
            )
        except DisconnectedError as err:
            _LOGGER.debug("%s: %s", self._name, err.message)
        finally:
            # Connection and session refer to each other: until the garbage collection the memory
            # would be neither free nor counted.
            self._decoder.clear()
            self._queue.clear()
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
        self._failed_at = self._clock.now()
        self._failed.set()

    async def _read(self) -> None:
        """Decode events; returns when the client has left."""
        try:
            while data := await self._reader.read(READ_BYTES):
                self._last_read_at = self._clock.now()
                self._decoder.feed(data)
                self._update_budget()
                before = self._decoder.pending
                if before > READ_BYTES:
                    await self._loop_time.wait()  # parsing it may take 10 ms
                while (frame := self._decoder.next()) is not None:
                    self._frame_began_at = None
                    await self._dispatch(frame, before - self._decoder.pending)
                    before = self._decoder.pending
                    await self._loop_time.wait()
                if self._frame_began_at is None and self._decoder.is_inside_frame:
                    self._frame_began_at = self._last_read_at
                self._update_budget()
            self._decoder.eof()
            _LOGGER.debug("%s: the client left", self._name)
        except (FramingError, BusyError) as err:
            # The start of the next event is unknown, or there is no room for it.
            self._lingers = True
            # The traceback would keep the frames of the decoder, with all they hold.
            await self.fail(err.with_traceback(None))
            raise DisconnectedError("The stream of events cannot be read any further.") from err
        except ConnectionError as err:
            raise DisconnectedError(f"The connection was lost: {err}") from err

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
                memory = self._decoder.frame_memory
                await self._queue.put(Event(known, frame.data, frame.payload), size, memory)
            case unknown:
                _LOGGER.debug("%s: ignored an event of type %.60r", self._name, unknown)

    async def _work(self) -> None:
        """Pass the queued events to the session, one by one."""
        async with self._session:
            while True:
                event = await self._queue.get()
                self._budget.record(self, self._memory)
                self._handling = True
                try:
                    await self._loop_time.wait()
                    await self._session.handle(event)
                    if event.type in REQUEST_EVENTS or self._session.has_request:
                        self._failed_at = None
                except DisconnectedError:
                    raise
                except Exception as err:  # noqa: BLE001  (`fail` logs and sends it)
                    await self.fail(err)
                finally:
                    self._handling = False
                self._budget.record(self, self._memory)

    @property
    def _memory(self) -> int:
        """Bytes of memory held for this client, or reserved for its answer."""
        unsent: int = self._writer.transport.get_write_buffer_size()
        return self._decoder.memory + self._queue.memory + self._session.held_bytes + unsent

    def _update_budget(self) -> None:
        self._budget.update(self, self._memory)

    async def _watch_idle(self) -> None:
        """Disconnect a client that sends nothing, or only parts of an event, although the server
        waits for it.
        """
        while True:
            now = self._clock.now()
            left = self._last_read_at + self._limits.idle_timeout - now
            if self._frame_began_at is not None and now >= self._frame_began_at + FRAME_SECONDS:
                self._lingers = True
                await self.fail(
                    DeadlineError(
                        f"An event was not complete after {FRAME_SECONDS:g} s.",
                        hint="Send each event at once.",
                    )
                )
                raise DisconnectedError("The client did not complete an event.")
            if left > 0:
                await self._clock.sleep(min(left, FRAME_SECONDS))
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

    async def _watch_errors(self) -> None:
        """Disconnect a client that opens no other request after an error."""
        while True:
            self._failed.clear()
            if self._failed_at is None:
                await self._failed.wait()
            elif (left := self._failed_at + ERROR_SECONDS - self._clock.now()) > 0:
                await self._clock.sleep(left)
            else:
                self._lingers = True
                raise DisconnectedError("The client opened no other request after an error.")

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
        if not transport.get_write_buffer_size():
            return  # the usual case; a timeout costs more than the rest of this function
        # Audio for clients that do not read counts as well.
        self._update_budget()
        try:
            async with asyncio.timeout(self._write_seconds):
                await self._writer.drain()
        except TimeoutError as err:
            transport.abort()
            raise DisconnectedError("The client does not read its answers.") from err
        except ConnectionError as err:
            raise DisconnectedError(f"The connection was lost: {err}") from err


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
    with suppress(OSError):
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                await writer.wait_closed()
        except TimeoutError:
            # A client that has not read by now will not read any more.
            transport.abort()


def _client_name(address: Any) -> str:
    """Return `address:port`; IPv4 clients of an IPv6 socket are named by their IPv4 address."""
    return f"{client_address(address)}:{address[1]}" if address else "unknown"
