"""Listen for wake words in an endless stream of audio."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

from wyoming_servers.audio.resample import Converter
from wyoming_servers.bus import EventBus
from wyoming_servers.clock import Clock
from wyoming_servers.config.schema import Config
from wyoming_servers.coordinator.face import CoordinatorFace
from wyoming_servers.domain import SPEECH_FORMAT, AudioFormat, Kind, ModelSpec
from wyoming_servers.events import WakeWordDetected
from wyoming_servers.pipelines.ear import Ear
from wyoming_servers.pipelines.measure import Measure
from wyoming_servers.pipelines.together import stop, together
from wyoming_servers.pipelines.words import Word, WordBook
from wyoming_servers.worker.base import Chunk

SLICE_SECONDS: Final = 0.25
"""Audio that is worked on before others get their turn; a client may send minutes at once."""


@dataclass(frozen=True, slots=True)
class WakeRequest:
    """What to listen for."""

    names: tuple[str, ...] | None = None
    """Words; None or empty means all that are offered."""
    client: str = ""


@dataclass(frozen=True, slots=True)
class Detection:
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
        coordinator: CoordinatorFace,
        specs: Mapping[str, ModelSpec],
        config: Config,
        bus: EventBus,
        clock: Clock,
    ) -> None:
        self._coordinator = coordinator
        self._config = config
        self._bus = bus
        self._clock = clock
        self.words = WordBook(specs, config.wake.models)

    def open(self, request: WakeRequest) -> "Listening":
        """Prepare to listen. Raises ModelMissingError for a word that is not installed."""
        measure = Measure(Kind.WAKE, request.client, self._bus, self._clock)
        try:
            words = self.words.find(request.names)
        except Exception as err:
            measure.finish(err)
            raise
        measure.model = words[0].spec.id
        return Listening(
            self._coordinator, self._config, self._bus, self._clock, measure, request, words
        )


class Listening:
    """One stream; use it with `async with`.

    Audio goes in with `feed`, then perhaps `end`; detections come out of `async for`, which ends
    after `end` and raises if the model cannot be had any more. It outlives a worker that dies,
    with a gap.
    """

    def __init__(
        self,
        coordinator: CoordinatorFace,
        config: Config,
        bus: EventBus,
        clock: Clock,
        measure: Measure,
        request: WakeRequest,
        words: Sequence[Word],
    ) -> None:
        self._bus = bus
        self._measure = measure
        self._client = request.client
        self._detections: asyncio.Queue[Detection | None] = asyncio.Queue()
        """None is the end."""
        self._format: AudioFormat | None = None
        self._converter: Converter | None = None
        self._position = 0.0
        """Milliseconds, where the next piece begins."""
        self._ended = False
        specs = {word.spec.id: word.spec for word in words}
        self._ears = [
            Ear(
                coordinator,
                clock,
                spec,
                _request(config, [word.offer.name for word in words if word.spec.id == spec.id]),
                request.client,
                self._hear,
            )
            for spec in specs.values()
        ]

    async def feed(self, pcm: bytes, audio: AudioFormat, timestamp: int | None = None) -> None:
        """Listen to a piece of audio of any length that begins at `timestamp` (milliseconds).

        Waits while the model lags behind. Raises BadRequestError for a format that cannot be
        converted; when listening has failed it returns, and iterating raises.
        """
        if self._converter is None or audio != self._format:
            self._converter, self._format = Converter(audio, SPEECH_FORMAT), audio
        if timestamp is not None:
            self._position = float(timestamp)
        step = max(audio.frame_bytes, audio.bytes_for(SLICE_SECONDS))
        for start in range(0, len(pcm), step):
            if self._ended or self._work.done():
                return
            piece = pcm[start : start + step]
            converted = self._converter.feed(piece)
            for ear in self._ears:
                await ear.feed(converted, int(self._position))
            self._position += 1_000 * audio.seconds(len(piece))
            if start + step < len(pcm):
                await asyncio.sleep(0)

    def end(self) -> None:
        """Say that the stream is complete."""
        self._ended = True
        for ear in self._ears:
            ear.end()

    async def __aiter__(self) -> AsyncIterator[Detection]:
        while (detection := await self._detections.get()) is not None:
            yield detection
        await self._work

    async def __aenter__(self) -> Self:
        self._work = asyncio.create_task(self._listen(), name="listen for wake words")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failure = await stop(self._work)
        error = error or failure
        # A client that leaves without a word ends a stream in the usual way: it has heard enough.
        self._measure.finish(None if isinstance(error, asyncio.CancelledError) else error)

    async def _listen(self) -> None:
        try:
            await together(*(ear.run() for ear in self._ears))
        finally:
            self._detections.put_nowait(None)

    def _hear(self, chunk: Chunk) -> None:
        timestamp = chunk.data.get("timestamp")
        heard = Detection(
            word=str(chunk.data["word"]),
            score=float(chunk.data["score"]),
            timestamp=int(self._position if timestamp is None else timestamp),
        )
        self._bus.publish(
            WakeWordDetected(
                client=self._client, word=heard.word, score=heard.score, timestamp=heard.timestamp
            )
        )
        self._detections.put_nowait(heard)


def _request(config: Config, words: list[str]) -> dict[str, Any]:
    wake = config.wake
    return {
        "words": words,
        "threshold": wake.threshold,
        "trigger_level": wake.trigger_level,
        "refractory": wake.refractory,
    }
