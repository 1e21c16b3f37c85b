"""Entry point of wake words: an endless stream of audio in, detections out."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Self

from wyoming_servers.audio.pcm import Converter
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core.aio import LoopTimeBudget, cancel_and_wait, run_all
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import SPEECH_FORMAT, AudioFormat, ModelSpec, Task
from wyoming_servers.core.errors import ConductorError, InternalError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import WakeWordDetected
from wyoming_servers.models.manager import ExplainMissing, explained
from wyoming_servers.scheduling.interface import CoordinatorProtocol
from wyoming_servers.speech.speaker.recognizer import SpeakerRecognizer
from wyoming_servers.speech.speaker.scoring import SpeakerMatch
from wyoming_servers.speech.wake.registry import (
    CustomWakeWords,
    WakeWordRegistry,
    WakeWordSelection,
)
from wyoming_servers.speech.wake.stream import OnOutput, WakeModelStream
from wyoming_servers.telemetry.request_records import RequestTimer
from wyoming_servers.worker.interface import OutputChunk

_LOGGER: Final = logging.getLogger(__name__)

MIN_STREAMS_FOR_BATCHING: Final = 8
"""From this number of streams on, two of them meet, on average, within the batch wait."""

SLICE_SECONDS: Final = 0.25
"""Audio that is processed before other tasks run; a client may send minutes at once."""


VERIFIED_SECONDS: Final = 1.5
"""Audio before a detection whose speaker is recognized: a wake word and what surrounds it."""


@dataclass(frozen=True, slots=True)
class WakePipelineRequest:
    """Options of one stream."""

    names: tuple[str, ...] | None = None
    """Names of wake words; None or empty means all that are offered."""
    client: str = ""
    """Address and port of the client, by which arbitration tells satellites apart."""


@dataclass(frozen=True, slots=True)
class WakeDetection:
    """One detected wake word."""

    word: str
    score: float
    """0 to 1."""
    timestamp: int
    """Milliseconds on the client's clock, or since the start of the stream if the client sends no
    timestamps."""
    speaker: str = ""
    """Name of the speaker; empty if wake words are not verified."""


class WakePipeline:
    """Detects all installed wake words."""

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        specs: Mapping[str, ModelSpec],
        config: ConfigHolder,
        bus: EventBus,
        clock: Clock,
        custom_words: CustomWakeWords | None = None,
        *,
        explain_missing: ExplainMissing | None = None,
        loop_time: LoopTimeBudget | None = None,
    ) -> None:
        """`custom_words` are the wake words in the user's folder, if they are offered."""
        self.loop_time = loop_time or LoopTimeBudget()
        """Turns of the event loop, for audio that comes faster than it is spoken."""
        self._explain_missing = explain_missing
        self._coordinator = coordinator
        self._config = config
        self._bus = bus
        self._clock = clock
        self._arbiter = WakeArbiter()
        self._speakers: SpeakerRecognizer | None = None
        self._streams = 0
        self.registry = WakeWordRegistry(specs, config, custom_words)

    def open(self, request: WakePipelineRequest) -> "WakeDetectionStream":
        """Open a stream with the configuration of this moment.

        Raises ModelMissingError if none of the wake words is installed.
        """
        timer = RequestTimer(Task.WAKE, request.client, self._bus, self._clock)
        try:
            selection = self.registry.find(request.names)
        except Exception as err:
            better = explained(err, self._explain_missing, Task.WAKE, request.names or [None])
            timer.finish(better or err)
            if better is not None:
                raise better from err
            raise
        timer.model = selection.words[0].spec.id
        return WakeDetectionStream(self, timer, request, selection)

    def recognize_speakers(self, speakers: SpeakerRecognizer) -> None:
        """Verify the speakers of wake words, if the settings ask for it."""
        self._speakers = speakers

    # For the streams

    @property
    def verifies_speakers(self) -> bool:
        """Whether a wake word must be said by an enrolled speaker."""
        speakers = self._speakers
        wanted = self._config.current.speakers.verify_wake_words
        return wanted and speakers is not None and speakers.active and bool(speakers.candidates)

    async def verify(self, audio: bytes, client: str, request: str) -> SpeakerMatch | None:
        """Return who said a wake word; None if nobody enrolled did.

        Raises the errors of the speaker model.
        """
        if self._speakers is None:
            return None
        sample = await self._speakers.embed_short(audio, client)
        match = self._speakers.conclude(request, client, sample, kind=Task.WAKE, gate=True)
        return match if match is not None and match.known else None

    def model_stream(
        self, spec: ModelSpec, names: Sequence[str], client: str, on_output: OnOutput
    ) -> WakeModelStream:
        """Return a stream to one model that detects these wake words."""
        wake = self._config.current.wake
        request: dict[str, Any] = {
            "words": list(names),
            "threshold": {name: self.registry.threshold(name) for name in names},
            "trigger_level": {name: self.registry.trigger_level(name) for name in names},
            "refractory": wake.refractory,
            "vad": wake.vad,
        }
        return WakeModelStream(
            self._coordinator, self._clock, spec, request, client, on_output, self._should_batch
        )

    @contextmanager
    def count_stream(self) -> Iterator[None]:
        """Count a stream while it is open."""
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    def publish(
        self,
        detection: WakeDetection,
        client: str,
        stages: dict[str, float],
        *,
        refused: bool = False,
    ) -> bool:
        """Publish a detection; False if another satellite was first and gets the detection.

        One that was refused because of its speaker is published as suppressed.
        """
        window = self._config.current.wake.arbitration_window
        wins = not refused and self._arbiter.wins(detection.word, client, self._clock.now(), window)
        self._bus.publish(
            WakeWordDetected(
                client=client,
                word=detection.word,
                score=detection.score,
                timestamp=detection.timestamp,
                suppressed=not wins,
                stages=stages,
            )
        )
        return wins

    def _should_batch(self) -> bool:
        return self._streams >= MIN_STREAMS_FOR_BATCHING


class WakeDetectionStream:
    """The audio and the detections of one client; use it with `async with`.

    Feed audio with `feed`, then call `end` if the audio ends; iterate for the detections. Iteration
    stops after `end`, and raises if the model is not available any more. A worker that dies causes
    a gap, not the end of the stream.
    """

    def __init__(
        self,
        pipeline: WakePipeline,
        timer: RequestTimer,
        request: WakePipelineRequest,
        selection: WakeWordSelection,
    ) -> None:
        words = selection.words
        self.error = selection.error
        """Names a wake word that is not installed, while the others are detected."""
        self._requested = selection.requested
        self._pipeline = pipeline
        self._timer = timer
        self._client = request.client
        self._detections: asyncio.Queue[WakeDetection | None] = asyncio.Queue()
        """None marks the end."""
        self._format: AudioFormat | None = None
        self._converter: Converter | None = None
        self._slice = 0
        """Bytes that are processed in one go."""
        self._byte_ms = 0.0
        """Milliseconds that one byte lasts."""
        self._position = 0.0
        """Milliseconds at which the next audio starts."""
        self._verifies = pipeline.verifies_speakers
        self._recent_audio = bytearray()
        """The last `VERIFIED_SECONDS`, if speakers are verified."""
        self._verifications: set[asyncio.Task[None]] = set()
        self._ended = False
        self._model_streams = [
            pipeline.model_stream(
                spec,
                [word.info.name for word in words if word.spec.id == spec.id],
                request.client,
                self._on_output,
            )
            for spec in {word.spec.id: word.spec for word in words}.values()
        ]

    @property
    def held_bytes(self) -> int:
        """Bytes of audio that wait for the models."""
        return sum(stream.held_bytes for stream in self._model_streams)

    async def feed(self, pcm: bytes, audio: AudioFormat, timestamp: int | None = None) -> None:
        """Feed audio of any length that starts at `timestamp` (milliseconds).

        Waits while the model lags behind. Raises BadRequestError for a format that cannot be
        converted. Returns if the stream has failed: iteration raises the error.
        """
        self._set_format(audio)
        if timestamp is not None:
            self._position = float(timestamp)
        for start in range(0, len(pcm), self._slice):
            if len(pcm) > self._slice:
                await self._pipeline.loop_time.wait()
            if self._is_closed:
                return
            for stream in self._model_streams:
                if not stream.has_room:
                    await stream.wait_for_room()
            self._add(pcm[start : start + self._slice])

    def try_feed(self, pcm: bytes, audio: AudioFormat, timestamp: int | None = None) -> bool:
        """Like `feed`, for more audio of the same format; does nothing and returns False if it
        would have to wait.
        """
        if self._is_closed:
            return True
        if audio != self._format or len(pcm) > self._slice:
            return False
        for stream in self._model_streams:
            if not stream.has_room:
                return False
        if timestamp is not None:
            self._position = float(timestamp)
        self._add(pcm)
        return True

    def end(self) -> None:
        """Mark the audio as complete."""
        self._ended = True
        for stream in self._model_streams:
            stream.end()

    async def __aiter__(self) -> AsyncIterator[WakeDetection]:
        while (detection := await self._detections.get()) is not None:
            yield detection
        await self._task

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="wake stream")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failure = await cancel_and_wait(self._task)
        error = error or failure
        # A client usually ends a stream by leaving, once a wake word was detected.
        self._timer.finish(None if isinstance(error, asyncio.CancelledError) else error)

    @property
    def _is_closed(self) -> bool:
        """Whether audio is no longer accepted."""
        return self._ended or self._task.done()

    def _set_format(self, audio: AudioFormat) -> None:
        """Prepare for audio of this format. Raises BadRequestError."""
        if audio is self._format or audio == self._format:
            return
        self._converter, self._format = Converter(audio, SPEECH_FORMAT, find_encoding=True), audio
        self._slice = max(audio.frame_bytes, audio.bytes_for(SLICE_SECONDS))
        self._byte_ms = 1_000 * audio.seconds(1)

    def _add(self, pcm: bytes) -> None:
        """Convert audio and add it to the stream of every model; all of them have room."""
        if self._converter is None:
            raise InternalError("Audio was fed before its format was known.")
        converted = self._converter.feed(pcm)
        if self._verifies:
            self._recent_audio += converted
            del self._recent_audio[: -SPEECH_FORMAT.bytes_for(VERIFIED_SECONDS)]
        for stream in self._model_streams:
            stream.add(converted, int(self._position))
        self._position += len(pcm) * self._byte_ms

    async def _run(self) -> None:
        try:
            with self._pipeline.count_stream():
                await run_all(*(stream.run() for stream in self._model_streams))
                if self._verifications:
                    await asyncio.wait(self._verifications)
        finally:
            for task in self._verifications:
                task.cancel()
            self._detections.put_nowait(None)

    def _on_output(self, chunk: OutputChunk, stages: dict[str, float]) -> None:
        timestamp = chunk.data.get("timestamp")
        detection = WakeDetection(
            word=str(chunk.data["word"]),
            score=float(chunk.data["score"]),
            timestamp=int(self._position if timestamp is None else timestamp),
        )
        if self._verifies:
            task = asyncio.create_task(self._verify(detection, stages), name="verify wake word")
            self._verifications.add(task)
            task.add_done_callback(self._verifications.discard)
        else:
            self._report(detection, stages)

    async def _verify(self, detection: WakeDetection, stages: dict[str, float]) -> None:
        """Report a detection if an enrolled speaker said the word, or if that cannot be known."""
        audio = bytes(self._recent_audio)
        try:
            match = await self._pipeline.verify(audio, self._client, self._timer.id)
        except ConductorError as err:
            _LOGGER.warning("%s: a wake word could not be verified: %s", self._client, err)
            self._report(detection, stages)
            return
        name = "" if match is None else match.name
        self._report(replace(detection, speaker=name), stages, refused=match is None)

    def _report(
        self, detection: WakeDetection, stages: dict[str, float], *, refused: bool = False
    ) -> None:
        if self._pipeline.publish(detection, self._client, stages, refused=refused):
            requested = self._requested[detection.word]
            self._detections.put_nowait(replace(detection, word=requested))


class WakeArbiter:
    """Selects one of several satellites that hear the same wake word: the first one. Pure.

    The first, not the best: waiting for a better score would delay every command. A satellite that
    has won stays the winner, so that its next detection is not taken for one of another satellite.

    A satellite is identified by the address and port of its connection. Home Assistant opens a new
    connection for every detection, from one address: behind it, all satellites look different each
    time, and the second detection of one satellite within the window is suppressed.
    """

    def __init__(self) -> None:
        self._winners: dict[str, tuple[str, float]] = {}
        """By wake word: the client that won it last, and when."""

    def wins(self, word: str, client: str, now: float, window: float) -> bool:
        """Return whether this detection counts.

        `window` is in seconds, 0 lets every detection count; `now` is in seconds and never
        decreases.
        """
        winner, since = self._winners.get(word, (client, now))
        if winner != client and now - since < window:
            return False
        self._winners[word] = (client, now)
        return True
