"""One utterance: hears when it begins, pauses and ends, and has it transcribed."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from wyoming_servers.audio import endpoint
from wyoming_servers.bus import EventBus
from wyoming_servers.clock import Clock
from wyoming_servers.config.schema import Config
from wyoming_servers.coordinator.face import CoordinatorFace, Lease
from wyoming_servers.domain import AudioFormat, Priority
from wyoming_servers.errors import ConductorError
from wyoming_servers.events import SpeechStarted, TranscriptGrew
from wyoming_servers.pipelines.deadline import Deadline
from wyoming_servers.pipelines.hearing import Activity, Hearing
from wyoming_servers.pipelines.measure import Measure
from wyoming_servers.pipelines.partials import Partials
from wyoming_servers.pipelines.patience import silence_after, turn_settings
from wyoming_servers.pipelines.retry import Retry
from wyoming_servers.pipelines.speculation import Speculation, Transcribe
from wyoming_servers.pipelines.stable import StablePrefix
from wyoming_servers.pipelines.together import stop
from wyoming_servers.pipelines.traffic import Traffic
from wyoming_servers.pipelines.transcription import AsrRequest, Hypothesis, Transcriber, Transcript

HOLD_GROWTH: Final = 1.5
HOLD_MOST: Final = 0.5
"""After a speculation that was in vain, a pause must be longer by this factor to be worth another,
up to so many seconds."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """What all utterances share."""

    coordinator: CoordinatorFace
    config: Config
    bus: EventBus
    clock: Clock


class Utterance:
    """One utterance, from the first sound to the transcript; use it with `async with`.

    Audio goes in with `feed`. The turn is over when `end` was called, or by itself, which
    `ended` tells: when the speaker has finished (with turn detection), when nobody has spoken,
    when it is as long as may be kept, or when the model has failed. Then `finish` gives the
    transcript or raises; there is exactly one.

    At a pause the audio so far is transcribed already. If the pause was the end, that is the
    transcript; and its words say how long a pause is likely to be the end.
    """

    def __init__(
        self,
        house: House,
        measure: Measure,
        request: AsrRequest,
        transcriber: Transcriber,
        traffic: Traffic,
        activity: Activity,
    ) -> None:
        asr = house.config.asr
        self._house = house
        self._measure = measure
        self._request = request
        self._transcriber = transcriber
        self._traffic = traffic
        self._settings = turn_settings(asr, request)
        self._hold = self._settings.hold
        self._turn = endpoint.TurnDetector(self._settings)
        longest = asr.no_speech_timeout + asr.max_utterance
        self._hearing = Hearing(activity, self._turn, longest, house.clock, self._follow)
        self._work: asyncio.Task[Transcript] | None = None
        """Holds the model from the first speech on."""
        self._speculation: Speculation | None = None
        """There while the model is held."""
        wanted = asr.partials if request.partials is None else request.partials
        self._stable = StablePrefix() if wanted else None
        self._pieces: deque[str] = deque()
        self._news = asyncio.Event()
        """Set when there are pieces, and when there will be no more."""
        self._closing = False
        """Whether the client has said that it ends: a pause now is no pause."""
        self._finished = False
        self.ended = asyncio.Event()
        """Set when the turn is over: call `finish`, what is fed from now on is ignored."""

    async def feed(self, pcm: bytes, audio: AudioFormat) -> None:
        """Listen to a piece of audio of any length; the format may differ from the last piece's.

        Raises BadRequestError for a format that cannot be converted.
        """
        await self._hearing.feed(pcm, audio)

    async def end(self) -> None:
        """The client says that the utterance is over; later calls change nothing."""
        if self.ended.is_set():
            return
        self._closing = True
        await self._hearing.finish()
        self._close_turn()

    async def pieces(self) -> AsyncIterator[str]:
        """Yield what is certain of the transcript while the person speaks; ends with the turn.

        The pieces put together begin the text that `finish` returns. There are none unless they
        were asked for.
        """
        while True:
            while self._pieces:
                yield self._pieces.popleft()
            if self.ended.is_set():
                return
            self._news.clear()
            await self._news.wait()

    async def finish(self) -> Transcript:
        """End the turn if nobody did, and wait for the transcript; call it once.

        Raises what the coordinator and the worker raise, and DeadlineError after `limits.request`
        seconds.
        """
        await self.end()
        transcript = Transcript("", self._transcriber.language)
        if self._work is not None:
            waiting = f"for {self._transcriber.model} to transcribe"
            seconds = self._house.config.limits.request
            async with Deadline(self._house.clock, seconds, waiting):
                transcript = await self._work
        self._finished = True
        return transcript

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failure = await stop(self._work) if self._work is not None else None
        self._hearing.close()
        if failure is None and not self._finished:
            failure = asyncio.CancelledError()
        self._measure.finish(error or failure)

    # The turn

    def _follow(self, events: list[endpoint.TurnEvent]) -> None:
        """Do what speech, pauses and the end call for."""
        for event in events:
            if self.ended.is_set():
                return
            if isinstance(event, endpoint.SpeechStarted):
                self._house.bus.publish(SpeechStarted(client=self._request.client))
                self._work = asyncio.create_task(self._transcribe(), name="transcribe")
            elif isinstance(event, endpoint.Resumed):
                self._go_on()
            elif isinstance(event, endpoint.TurnEnded):
                self._close_turn()
        # A pause that is over already, or is the end, is none.
        if events and isinstance(events[-1], endpoint.Paused):
            self._speculate()

    def _close_turn(self) -> None:
        if not self.ended.is_set():
            self._measure.restart("speech")
            self._hearing.over = True
            self.ended.set()
            self._news.set()

    def _go_on(self) -> None:
        """The pause was none: what was made in it is void, and the next must be longer."""
        if self._speculation is not None and self._speculation.void():
            self._hold = min(self._hold * HOLD_GROWTH, HOLD_MOST)
            self._turn.hold_for(self._hold)

    def _speculate(self) -> None:
        """Transcribe what was said up to this pause, if the model is there and has time."""
        if (
            self._speculation is None
            or self._closing
            or not self._house.config.asr.speculation
            or not self._hearing.live
        ):
            return
        if self._speculation.begin(self._hearing.audio):
            # An end before the text is there would have to wait for it: better see what it says.
            self._follow(self._turn.expect_end(self._settings.silence_max))

    def _judge(self, heard: Hypothesis | None) -> None:
        """The words up to this pause are known, or cannot be: say how long it may last."""
        if self.ended.is_set():
            return
        silence = self._settings.silence
        if heard is not None:
            silence = silence_after(heard, self._settings)
            self._show(heard)
        self._follow(self._turn.expect_end(silence))

    def _show(self, heard: Hypothesis) -> None:
        """Tell what is certain by now to whoever asked for it."""
        if self._stable is None or self.ended.is_set():
            return
        if piece := self._stable.hear(heard.text):
            self._pieces.append(piece)
            self._news.set()
            text, model = self._stable.text, self._transcriber.model
            self._house.bus.publish(
                TranscriptGrew(client=self._request.client, model=model, text=text)
            )

    def _spoken(self) -> bytes | None:
        """Return the audio so far while somebody speaks; None in a pause, or if it is over."""
        speaking = not self._turn.paused and not self.ended.is_set() and self._hearing.live
        return self._hearing.audio if speaking else None

    # The model

    async def _transcribe(self) -> Transcript:
        """Get hold of the model while the person speaks; transcribe when the turn is over."""
        try:
            heard = await self._try_twice()
        finally:
            # A model that fails while somebody speaks: they need not speak to the end.
            self._close_turn()
        self._measure.audio_seconds = heard.seconds
        text = heard.text if self._stable is None else self._stable.finish(heard.text)
        return Transcript(text, heard.language, heard.seconds)

    async def _try_twice(self) -> Hypothesis:
        """Return what the model made of the utterance; `finish` bounds both tries together."""
        coordinator, clock = self._house.coordinator, self._house.clock
        model, client = self._transcriber.model, self._request.client
        retry = Retry(self._measure)
        while True:
            async with coordinator.lease(model, client=client) as lease:
                try:
                    return await self._use(lease)
                except ConductorError as err:
                    if not retry.take(err):
                        raise
            await retry.settle(coordinator, clock, lease.placement.device)

    async def _use(self, lease: Lease) -> Hypothesis:
        """Transcribe ahead until the turn is over, then answer with that or with a final run."""

        async def transcribe(audio: bytes, priority: Priority | None = None) -> Hypothesis:
            return await self._transcriber.run(lease, audio, priority)

        async with Speculation(
            transcribe,
            self._traffic,
            self._judge,
            client=self._request.client,
            model=self._transcriber.model,
            bus=self._house.bus,
            clock=self._house.clock,
        ) as speculation:
            self._speculation = speculation
            try:
                if self._turn.paused:
                    # The model came when the speaker was silent already.
                    self._speculate()
                await self._wait_for_end(transcribe)
            finally:
                self._speculation = None
            self._measure.mark("queue")
            with self._measure.stage("inference"):
                return await speculation.answer(lambda: transcribe(self._hearing.audio))

    async def _wait_for_end(self, transcribe: Transcribe) -> None:
        """Wait until the turn is over; meanwhile see what is certain, if that is asked for."""
        if self._stable is None:
            await self.ended.wait()
            return
        partials = Partials(transcribe, self._spoken, self._traffic, self._house.clock, self._show)
        task = asyncio.create_task(partials.run(), name="partials")
        try:
            await self.ended.wait()
        finally:
            if (error := await stop(task)) is not None:
                _LOGGER.error("Partial transcripts failed by a bug", exc_info=error)
