"""One utterance: hears when it begins, pauses and ends, and has it transcribed."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from wyoming_servers.audio import turn_detector
from wyoming_servers.audio.turn_detector import TurnSettings
from wyoming_servers.config.schema import AsrSection, Config
from wyoming_servers.core.aio import ClockTimeout, cancel_and_wait
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import (
    AudioFormat,
    Priority,
)
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import (
    SpeechStarted,
    TranscriptGrew,
)
from wyoming_servers.scheduling.interface import (
    CoordinatorProtocol,
    Lease,
)
from wyoming_servers.speech.asr.audio_buffer import (
    SpeechBuffer,
    VadAnalyzer,
)
from wyoming_servers.speech.asr.local_agreement import LocalAgreement
from wyoming_servers.speech.asr.speculation import (
    AdmissionController,
    PartialTranscriber,
    Speculation,
    Transcribe,
)
from wyoming_servers.speech.asr.transcriber import (
    AsrRequest,
    Hypothesis,
    Transcriber,
    Transcript,
)
from wyoming_servers.speech.retry import Retry
from wyoming_servers.telemetry.request_timer import RequestTimer
from wyoming_servers.text.completeness import Completeness, assess_completeness

# How long to wait for more speech: by what is asked for, and by the words so far.

CONFIDENT_LOGPROB: Final = -0.3
"""Mean log-probability from which a complete sentence is believed to be all. Whisper base gives
whole commands -0.06 to -0.29. Of 43 that were cut off behind a word, it made 13 look complete, by
a full stop of its own, but 11 of these below -0.3."""


def end_silence(heard: Hypothesis, settings: TurnSettings) -> float:
    """Return the seconds of silence that end a turn after what was heard.

    1. Nothing was said, only a cough or a door: the speaker is still to begin.
    2. The text is broken: more must follow.
    3. It is complete, and the model is sure of it.
    4. All else.
    """
    if not heard.text:  # 1
        return settings.end_silence_incomplete
    completeness = assess_completeness(heard.text, heard.language)
    if completeness is Completeness.INCOMPLETE:  # 2
        return settings.end_silence_incomplete
    sure = heard.logprob is not None and heard.logprob >= CONFIDENT_LOGPROB
    if completeness is Completeness.COMPLETE and sure:  # 3
        return settings.end_silence_complete
    return settings.end_silence  # 4


def turn_settings(asr: AsrSection, request: AsrRequest) -> TurnSettings:
    """Return when a turn ends by itself: never, where the client is to end it."""
    wanted = asr.turn_detection if request.turn_detection is None else request.turn_detection
    if not wanted:
        # The client ends it; only the longest utterance is ours to bound.
        return TurnSettings(
            end_silence=math.inf,
            end_silence_complete=math.inf,
            end_silence_incomplete=math.inf,
            no_speech_timeout=math.inf,
            max_utterance=asr.max_utterance,
        )
    return TurnSettings(
        end_silence=asr.end_silence,
        end_silence_complete=min(asr.end_silence_complete, asr.end_silence),
        end_silence_incomplete=max(asr.end_silence_incomplete, asr.end_silence),
        no_speech_timeout=asr.no_speech_timeout,
        max_utterance=asr.max_utterance,
    ).for_sensitivity(request.vad_sensitivity)


PAUSE_THRESHOLD_GROWTH: Final = 1.5
MAX_PAUSE_THRESHOLD: Final = 0.5
"""After a speculation that was in vain, a pause must be longer by this factor to be worth another,
up to so many seconds."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AsrContext:
    """What all utterances share."""

    coordinator: CoordinatorProtocol
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
        house: AsrContext,
        measure: RequestTimer,
        request: AsrRequest,
        transcriber: Transcriber,
        traffic: AdmissionController,
        activity: VadAnalyzer,
    ) -> None:
        asr = house.config.asr
        self._context = house
        self._timer = measure
        self._request = request
        self._transcriber = transcriber
        self._admission = traffic
        self._turn_settings = turn_settings(asr, request)
        self._pause_threshold = self._turn_settings.pause_threshold
        self._turn_detector = turn_detector.TurnDetector(self._turn_settings)
        longest = asr.no_speech_timeout + asr.max_utterance
        self._buffer = SpeechBuffer(
            activity, self._turn_detector, longest, house.clock, self._on_turn_events
        )
        self._transcription: asyncio.Task[Transcript] | None = None
        """Holds the model from the first speech on."""
        self._speculation: Speculation | None = None
        """There while the model is held."""
        wanted = asr.partial_transcripts if request.partials is None else request.partials
        self._local_agreement = LocalAgreement() if wanted else None
        self._partial_texts: deque[str] = deque()
        self._partials_changed = asyncio.Event()
        """Set when there are pieces, and when there will be no more."""
        self._client_ended = False
        """Whether the client has said that it ends: a pause now is no pause."""
        self._finished = False
        self.ended = asyncio.Event()
        """Set when the turn is over: call `finish`, what is fed from now on is ignored."""

    async def feed(self, pcm: bytes, audio: AudioFormat) -> None:
        """Listen to a piece of audio of any length; the format may differ from the last piece's.

        Raises BadRequestError for a format that cannot be converted.
        """
        await self._buffer.feed(pcm, audio)

    async def end(self) -> None:
        """The client says that the utterance is over; later calls change nothing."""
        if self.ended.is_set():
            return
        self._client_ended = True
        await self._buffer.finish()
        self._end_turn()

    async def partial_texts(self) -> AsyncIterator[str]:
        """Yield what is certain of the transcript while the person speaks; ends with the turn.

        The pieces put together begin the text that `finish` returns. There are none unless they
        were asked for.
        """
        while True:
            while self._partial_texts:
                yield self._partial_texts.popleft()
            if self.ended.is_set():
                return
            self._partials_changed.clear()
            await self._partials_changed.wait()

    async def finish(self) -> Transcript:
        """End the turn if nobody did, and wait for the transcript; call it once.

        Raises what the coordinator and the worker raise, and DeadlineError after
        `limits.request_timeout` seconds.
        """
        await self.end()
        transcript = Transcript("", self._transcriber.language)
        if self._transcription is not None:
            waiting = f"for {self._transcriber.model} to transcribe"
            seconds = self._context.config.limits.request_timeout
            async with ClockTimeout(self._context.clock, seconds, waiting):
                transcript = await self._transcription
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
        failure = (
            await cancel_and_wait(self._transcription) if self._transcription is not None else None
        )
        self._buffer.close()
        if failure is None and not self._finished:
            failure = asyncio.CancelledError()
        self._timer.finish(error or failure)

    # The turn

    def _on_turn_events(self, events: list[turn_detector.TurnEvent]) -> None:
        """Do what speech, pauses and the end call for."""
        for event in events:
            if self.ended.is_set():
                return
            if isinstance(event, turn_detector.TurnStarted):
                self._context.bus.publish(SpeechStarted(client=self._request.client))
                self._transcription = asyncio.create_task(self._transcribe(), name="transcribe")
            elif isinstance(event, turn_detector.TurnResumed):
                self._on_resume()
            elif isinstance(event, turn_detector.TurnEnded):
                self._end_turn()
        # A pause that is over already, or is the end, is none.
        if events and isinstance(events[-1], turn_detector.TurnPaused):
            self._speculate()

    def _end_turn(self) -> None:
        if not self.ended.is_set():
            self._timer.restart("speech")
            self._buffer.closed = True
            self.ended.set()
            self._partials_changed.set()

    def _on_resume(self) -> None:
        """The pause was none: what was made in it is void, and the next must be longer."""
        if self._speculation is not None and self._speculation.discard():
            self._pause_threshold = min(
                self._pause_threshold * PAUSE_THRESHOLD_GROWTH, MAX_PAUSE_THRESHOLD
            )
            self._turn_detector.set_pause_threshold(self._pause_threshold)

    def _speculate(self) -> None:
        """Transcribe what was said up to this pause, if the model is there and has time."""
        if (
            self._speculation is None
            or self._client_ended
            or not self._context.config.asr.speculative_transcription
            or not self._buffer.is_live
        ):
            return
        if self._speculation.start(self._buffer.audio):
            # An end before the text is there would have to wait for it: better see what it says.
            self._on_turn_events(
                self._turn_detector.expect_end(self._turn_settings.end_silence_incomplete)
            )

    def _on_hypothesis(self, heard: Hypothesis | None) -> None:
        """The words up to this pause are known, or cannot be: say how long it may last."""
        if self.ended.is_set():
            return
        silence = self._turn_settings.end_silence
        if heard is not None:
            silence = end_silence(heard, self._turn_settings)
            self._publish_partial(heard)
        self._on_turn_events(self._turn_detector.expect_end(silence))

    def _publish_partial(self, heard: Hypothesis) -> None:
        """Tell what is certain by now to whoever asked for it."""
        if self._local_agreement is None or self.ended.is_set():
            return
        if piece := self._local_agreement.update(heard.text):
            self._partial_texts.append(piece)
            self._partials_changed.set()
            text, model = self._local_agreement.text, self._transcriber.model
            self._context.bus.publish(
                TranscriptGrew(client=self._request.client, model=model, text=text)
            )

    def _audio_for_partial(self) -> bytes | None:
        """Return the audio so far while somebody speaks; None in a pause, or if it is over."""
        speaking = (
            not self._turn_detector.paused and not self.ended.is_set() and self._buffer.is_live
        )
        return self._buffer.audio if speaking else None

    # The model

    async def _transcribe(self) -> Transcript:
        """Get hold of the model while the person speaks; transcribe when the turn is over."""
        try:
            heard = await self._transcribe_with_retry()
        finally:
            # A model that fails while somebody speaks: they need not speak to the end.
            self._end_turn()
        self._timer.audio_seconds = heard.seconds
        text = (
            heard.text
            if self._local_agreement is None
            else self._local_agreement.finish(heard.text)
        )
        return Transcript(text, heard.language, heard.seconds)

    async def _transcribe_with_retry(self) -> Hypothesis:
        """Return what the model made of the utterance; `finish` bounds both tries together."""
        coordinator = self._context.coordinator
        model, client = self._transcriber.model, self._request.client
        retry = Retry(self._timer)
        while True:
            async with coordinator.lease(model, client=client) as lease:
                try:
                    return await self._transcribe_on_lease(lease)
                except ConductorError as err:
                    if not retry.should_retry(err):
                        raise
            await retry.wait_for_memory(coordinator, lease.placement.device)

    async def _transcribe_on_lease(self, lease: Lease) -> Hypothesis:
        """Transcribe ahead until the turn is over, then answer with that or with a final run."""

        async def transcribe(audio: bytes, priority: Priority | None = None) -> Hypothesis:
            return await self._transcriber.run(lease, audio, priority)

        async with Speculation(
            transcribe,
            self._admission,
            self._on_hypothesis,
            client=self._request.client,
            model=self._transcriber.model,
            bus=self._context.bus,
            clock=self._context.clock,
        ) as speculation:
            self._speculation = speculation
            try:
                if self._turn_detector.paused:
                    # The model came when the speaker was silent already.
                    self._speculate()
                await self._wait_for_end(transcribe)
            finally:
                self._speculation = None
            self._timer.mark("queue")
            with self._timer.stage("inference"):
                return await speculation.final_hypothesis(lambda: transcribe(self._buffer.audio))

    async def _wait_for_end(self, transcribe: Transcribe) -> None:
        """Wait until the turn is over; meanwhile see what is certain, if that is asked for."""
        if self._local_agreement is None:
            await self.ended.wait()
            return
        partials = PartialTranscriber(
            transcribe,
            self._audio_for_partial,
            self._admission,
            self._context.clock,
            self._publish_partial,
        )
        task = asyncio.create_task(partials.run(), name="partials")
        try:
            await self.ended.wait()
        finally:
            if (error := await cancel_and_wait(task)) is not None:
                _LOGGER.error("Partial transcripts failed by a bug", exc_info=error)
