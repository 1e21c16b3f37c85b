"""Listen for wake words in an endless stream of audio."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from wyoming_servers.audio.resample import Converter
from wyoming_servers.config.custom_wake_words import CustomWakeWords
from wyoming_servers.config.schema import Config
from wyoming_servers.core.aio import (
    cancel_and_wait,
    run_all,
)
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    AudioFormat,
    ModelSpec,
    Task,
)
from wyoming_servers.core.errors import InternalError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import WakeWordDetected
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.speech.wake.registry import (
    RegisteredWakeWord,
    WakeWordRegistry,
)
from wyoming_servers.speech.wake.stream import (
    OnOutput,
    WakeModelStream,
)
from wyoming_servers.telemetry.request_timer import RequestTimer
from wyoming_servers.worker.interface import OutputChunk

# One word, several satellites in earshot: which of them may answer. Pure.


class WakeArbiter:
    """The first satellite that hears a word wins it for `seconds`; 0 lets all of them win.

    First, not best: waiting for a better score would delay every command. A satellite that has won
    stays the winner, so that its own next detection is never taken for another's.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._winners: dict[str, tuple[str, float]] = {}
        """By word: who won it last, and when."""

    def wins(self, word: str, client: str, now: float) -> bool:
        """Tell whether this detection counts; `now` is in seconds and never decreases."""
        winner, since = self._winners.get(word, (client, now))
        if winner != client and now - since < self._seconds:
            return False
        self._winners[word] = (client, now)
        return True


MIN_STREAMS_FOR_BATCHING: Final = 8
"""Streams from which on two of them meet, on average, within the time they wait for each other."""

SLICE_SECONDS: Final = 0.25
"""Audio that is worked on before others get their turn; a client may send minutes at once."""


@dataclass(frozen=True, slots=True)
class WakePipelineRequest:
    """What to listen for."""

    names: tuple[str, ...] | None = None
    """Words; None or empty means all that are offered."""
    client: str = ""


@dataclass(frozen=True, slots=True)
class WakeDetection:
    """A wake word was heard."""

    word: str
    score: float
    """0 to 1."""
    timestamp: int
    """Milliseconds on the client's clock, or since the stream began if it sends no timestamps."""


class WakePipeline:
    """Listens for any installed wake word."""

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        specs: Mapping[str, ModelSpec],
        config: Config,
        bus: EventBus,
        clock: Clock,
        own: CustomWakeWords | None = None,
    ) -> None:
        """`own` are the words in the user's folder, if they are to be offered."""
        self._coordinator = coordinator
        self._config = config
        self._bus = bus
        self._clock = clock
        self._arbiter = WakeArbiter(config.wake.arbitration_window)
        self._streams = 0
        self.registry = WakeWordRegistry(specs, config.wake, own)

    def open(self, request: WakePipelineRequest) -> "WakeDetectionStream":
        """Prepare to listen. Raises ModelMissingError for a word that is not installed."""
        measure = RequestTimer(Task.WAKE, request.client, self._bus, self._clock)
        try:
            words = self.registry.find(request.names)
        except Exception as err:
            measure.finish(err)
            raise
        measure.model = words[0].spec.id
        return WakeDetectionStream(self, measure, request, words)

    # What a stream needs.

    def model_stream(
        self, spec: ModelSpec, names: Sequence[str], client: str, on_heard: OnOutput
    ) -> WakeModelStream:
        """Prepare to feed one model that waits for these words."""
        wake = self._config.wake
        request: dict[str, Any] = {
            "words": list(names),
            "threshold": {name: self.registry.threshold(name) for name in names},
            "trigger_level": {name: self.registry.trigger_level(name) for name in names},
            "refractory": wake.refractory,
            "vad": wake.vad,
        }
        return WakeModelStream(
            self._coordinator, self._clock, spec, request, client, on_heard, self._should_batch
        )

    @contextmanager
    def count_stream(self) -> Iterator[None]:
        """Count a stream while it is open."""
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    def publish(self, heard: WakeDetection, client: str, stages: dict[str, float]) -> bool:
        """Publish a detection; False if another satellite was first and this one is not told."""
        wins = self._arbiter.wins(heard.word, client, self._clock.now())
        self._bus.publish(
            WakeWordDetected(
                client=client,
                word=heard.word,
                score=heard.score,
                timestamp=heard.timestamp,
                suppressed=not wins,
                stages=stages,
            )
        )
        return wins

    def _should_batch(self) -> bool:
        return self._streams >= MIN_STREAMS_FOR_BATCHING


class WakeDetectionStream:
    """One stream; use it with `async with`.

    Audio goes in with `feed`, then perhaps `end`; detections come out of `async for`, which ends
    after `end` and raises if the model cannot be had any more. It outlives a worker that dies,
    with a gap.
    """

    def __init__(
        self,
        owner: WakePipeline,
        measure: RequestTimer,
        request: WakePipelineRequest,
        words: Sequence[RegisteredWakeWord],
    ) -> None:
        self._pipeline = owner
        self._timer = measure
        self._client = request.client
        self._detections: asyncio.Queue[WakeDetection | None] = asyncio.Queue()
        """None is the end."""
        self._format: AudioFormat | None = None
        self._converter: Converter | None = None
        self._slice = 0
        """Bytes that are worked on in one go."""
        self._byte_ms = 0.0
        """Milliseconds that a byte lasts."""
        self._position = 0.0
        """Milliseconds, where the next piece begins."""
        self._ended = False
        self._model_streams = [
            owner.model_stream(
                spec,
                [word.info.name for word in words if word.spec.id == spec.id],
                request.client,
                self._on_output,
            )
            for spec in {word.spec.id: word.spec for word in words}.values()
        ]

    async def feed(self, pcm: bytes, audio: AudioFormat, timestamp: int | None = None) -> None:
        """Listen to a piece of audio of any length that begins at `timestamp` (milliseconds).

        Waits while the model lags behind. Raises BadRequestError for a format that cannot be
        converted; when listening has failed it returns, and iterating raises.
        """
        self._set_format(audio)
        if timestamp is not None:
            self._position = float(timestamp)
        for start in range(0, len(pcm), self._slice):
            if self._is_closed:
                return
            for ear in self._model_streams:
                if not ear.has_room:
                    await ear.wait_for_room()
            self._add(pcm[start : start + self._slice])
            if start + self._slice < len(pcm):
                await asyncio.sleep(0)

    def try_feed(self, pcm: bytes, audio: AudioFormat, timestamp: int | None = None) -> bool:
        """As `feed`, for more of the same format; False, and nothing is done, if it had to wait."""
        if self._is_closed:
            return True
        if audio != self._format or len(pcm) > self._slice:
            return False
        for ear in self._model_streams:
            if not ear.has_room:
                return False
        if timestamp is not None:
            self._position = float(timestamp)
        self._add(pcm)
        return True

    def end(self) -> None:
        """Say that the stream is complete."""
        self._ended = True
        for ear in self._model_streams:
            ear.end()

    async def __aiter__(self) -> AsyncIterator[WakeDetection]:
        while (detection := await self._detections.get()) is not None:
            yield detection
        await self._task

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="listen for wake words")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failure = await cancel_and_wait(self._task)
        error = error or failure
        # A client that leaves without a word ends a stream in the usual way: it has heard enough.
        self._timer.finish(None if isinstance(error, asyncio.CancelledError) else error)

    @property
    def _is_closed(self) -> bool:
        """Whether nobody takes audio any more."""
        return self._ended or self._task.done()

    def _set_format(self, audio: AudioFormat) -> None:
        """Prepare for audio of this format. Raises BadRequestError."""
        if audio is self._format or audio == self._format:
            return
        self._converter, self._format = Converter(audio, SPEECH_FORMAT), audio
        self._slice = max(audio.frame_bytes, audio.bytes_for(SLICE_SECONDS))
        self._byte_ms = 1_000 * audio.seconds(1)

    def _add(self, piece: bytes) -> None:
        """Convert a piece and hand it to every model; all of them have room."""
        if self._converter is None:
            raise InternalError("Audio was fed before its format was known.")
        converted = self._converter.feed(piece)
        for ear in self._model_streams:
            ear.add(converted, int(self._position))
        self._position += len(piece) * self._byte_ms

    async def _run(self) -> None:
        try:
            with self._pipeline.count_stream():
                await run_all(*(ear.run() for ear in self._model_streams))
        finally:
            self._detections.put_nowait(None)

    def _on_output(self, chunk: OutputChunk, stages: dict[str, float]) -> None:
        timestamp = chunk.data.get("timestamp")
        heard = WakeDetection(
            word=str(chunk.data["word"]),
            score=float(chunk.data["score"]),
            timestamp=int(self._position if timestamp is None else timestamp),
        )
        if self._pipeline.publish(heard, self._client, stages):
            self._detections.put_nowait(heard)
