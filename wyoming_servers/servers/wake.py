"""Wyoming's wake words: detect, audio-start, audio-chunk … → detection …, not-detected."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import ClassVar, Final, Self

from wyoming.event import Event
from wyoming.wake import Detection, NotDetected

from wyoming_servers.domain import AudioFormat
from wyoming_servers.pipelines.together import stop
from wyoming_servers.pipelines.wake import Listening, WakePipeline, WakeRequest
from wyoming_servers.protocol.codec import Frame
from wyoming_servers.servers import fields
from wyoming_servers.servers.errors import DisconnectedError
from wyoming_servers.servers.session import Peer

_EXACT: Final = 2**53
"""Milliseconds below which every number is exact; `fields` has a word about others."""


class WakeSession:
    """Listens to one client's endless audio and tells every wake word in it.

    What `detect` asks for holds until the next `detect`; without one, all words count.
    """

    EVENTS: ClassVar[frozenset[str]] = frozenset(
        {"detect", "audio-start", "audio-chunk", "audio-stop"}
    )

    def __init__(self, peer: Peer, pipeline: WakePipeline) -> None:
        self._peer = peer
        self._pipeline = pipeline
        self.idle = asyncio.Event()
        self.idle.set()
        """Always: a stream has no end, so a server that stops does not wait for it."""
        self._request = WakeRequest(client=peer.name)
        self._refused = False
        """Whether the last `detect` was refused."""
        self._deaf = False
        """Whether the stream was answered by an error: its audio is thrown away."""
        self._format: AudioFormat | None = None
        self._numbers: tuple[int, int, int] | None = None
        """The same as rate, width and channels."""
        self._listening: Listening | None = None
        self._telling: asyncio.Task[None] | None = None

    @property
    def working(self) -> bool:
        """Never: a client that listens for a wake word sends audio."""
        return False

    def handle_now(self, frame: Frame) -> bool:
        """Take more audio of the stream that is open, in the format it has."""
        listening, known, data = self._listening, self._format, frame.data
        if frame.type != "audio-chunk" or listening is None or known is None or self._deaf:
            return False
        if (data.get("rate"), data.get("width"), data.get("channels")) != self._numbers:
            return False
        at = data.get("timestamp")
        if at is not None and not (type(at) is int and 0 <= at < _EXACT):
            return False
        return listening.feed_now(frame.payload, known, at)

    async def handle(self, event: Event) -> None:
        """Take the next event. What it raises ends the stream."""
        match event.type:
            case "detect":
                await self._detect(event)
            case "audio-start":
                await self._start(event)
            case "audio-chunk":
                await self._hear(event)
            case "audio-stop":
                await self._stop()
            case _:
                raise AssertionError(event.type)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._leave()

    async def _detect(self, event: Event) -> None:
        await self._leave()
        self._refused = True
        self._deaf = False
        fields.section(event.data, "context")
        names = fields.texts(event.data, "names")
        self._request = WakeRequest(names=names or None, client=self._peer.name)
        # The model is called now, the audio follows at once.
        await self._open()
        self._refused = False

    async def _start(self, event: Event) -> None:
        if self._refused:
            return
        self._deaf = True
        self._format = fields.audio_format(event.data)
        self._numbers = None
        self._deaf = False

    async def _hear(self, event: Event) -> None:
        if self._refused or self._deaf:
            return
        listening = self._listening or await self._open()
        try:
            audio = self._format = fields.audio_format(event.data, self._format)
            self._numbers = (audio.rate, audio.width, audio.channels)
            at = fields.timestamp(event.data)
            await listening.feed(event.payload or b"", audio, at)
        except Exception:
            await self._leave()
            self._deaf = True
            raise

    async def _stop(self) -> None:
        if self._refused or self._deaf:
            # A bad `detect` stays bad: it is for the client to send another.
            self._deaf = False
            return
        listening = self._listening or await self._open()
        listening.end()
        if self._telling is not None:
            await asyncio.wait([self._telling])

    async def _open(self) -> Listening:
        """Begin a stream and the task that tells what is heard in it."""
        self._deaf = True  # Should it be refused.
        listening = self._pipeline.open(self._request)
        self._deaf = False
        entered = asyncio.Event()
        self._telling = asyncio.create_task(
            self._tell(listening, entered), name=f"tell {self._peer.name}"
        )
        # Nothing is fed before somebody is there to clean up.
        await entered.wait()
        self._listening = listening
        return listening

    async def _leave(self) -> None:
        """End the stream without a word."""
        self._listening = None
        if self._telling is not None:
            await stop(self._telling)
            self._telling = None

    async def _tell(self, listening: Listening, entered: asyncio.Event) -> None:
        """Send every detection until the stream ends."""
        heard = False
        try:
            async with listening:
                entered.set()
                async for found in listening:
                    heard = True
                    answer = Detection(name=found.word, timestamp=found.timestamp)
                    await self._peer.send(answer.event())
                if not heard:
                    await self._peer.send(NotDetected().event())
        except DisconnectedError:
            pass  # The reading task sees it too, and ends the connection.
        except Exception as err:  # noqa: BLE001  (`fail` logs it, and the client is told)
            self._deaf = True
            with suppress(DisconnectedError):
                await self._peer.fail(err)
        finally:
            if self._listening is listening:
                self._listening = None
