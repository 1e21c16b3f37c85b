"""Speech to text: the entry point and one utterance, from its audio to its transcript."""

import asyncio
import logging
import math
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Final, Self

from wyoming_servers.audio.turn_detector import (
    TurnDetector,
    TurnEnded,
    TurnEvent,
    TurnPaused,
    TurnResumed,
    TurnStarted,
)
from wyoming_servers.audio.vad import VoiceActivityDetector
from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.config.schema import Config
from wyoming_servers.core.aio import ClockTimeout, LoopTimeBudget, cancel_and_wait
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import AudioFormat, ModelSpec, Priority, Task
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import SpeechStarted, TranscriptGrew
from wyoming_servers.models.manager import ExplainMissing, explained
from wyoming_servers.scheduling.interface import CoordinatorProtocol, Lease
from wyoming_servers.speech.asr.local_agreement import LocalAgreement
from wyoming_servers.speech.asr.recording import MAX_PART_SECONDS, transcribe_parts
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
    VocabularySource,
    select_asr_model,
)
from wyoming_servers.speech.asr.turn import (
    PartialText,
    PauseEvidence,
    SpeechBuffer,
    TurnUpdate,
    VadAnalyzer,
    VoiceStarted,
    VoiceStopped,
    turn_settings,
)
from wyoming_servers.speech.asr.turn_analyzer import TurnAnalyzer
from wyoming_servers.speech.retry import Retry
from wyoming_servers.speech.speaker.recognizer import SpeakerRecognizer, VoiceProbe
from wyoming_servers.telemetry.request_records import RequestArchive, RequestContent, RequestTimer

__all__ = [
    "AsrPipeline",
    "AsrRequest",
    "PartialText",
    "Transcript",
    "Utterance",
    "VadAnalyzer",
    "VocabularySource",
    "VoiceStarted",
    "VoiceStopped",
]

PAUSE_THRESHOLD_GROWTH: Final = 1.5
MAX_PAUSE_THRESHOLD: Final = 0.5
"""After a discarded speculation, a pause must be longer by this factor to start another one, up to
this length in seconds."""

_SPEAKER_WAIT: Final = 0.02
"""Seconds that a transcript waits for the speaker at most: the embedding is usually ready."""

_GATE_WAIT: Final = 10.0
"""Seconds that a transcript waits for the speaker if only known speakers are answered."""

_PROBE_LEAD: Final = 0.2
"""Seconds before the detected start of the speech that belong to the voice."""

_LOGGER: Final = logging.getLogger(__name__)


class AsrPipeline:
    """Transcribes with the configured model, or with another one that knows the language."""

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        specs: Mapping[str, ModelSpec],
        config: ConfigHolder,
        bus: EventBus,
        clock: Clock,
        *,
        make_vad: Callable[[], VadAnalyzer] = VoiceActivityDetector,
        vocabulary: VocabularySource | None = None,
        explain_missing: ExplainMissing | None = None,
        loop_time: LoopTimeBudget | None = None,
    ) -> None:
        """`loop_time` bounds the work on audio that comes faster than it is spoken."""
        self._loop_time = loop_time or LoopTimeBudget()
        self._explain_missing = explain_missing
        self._coordinator = coordinator
        self._specs = specs
        self._config = config
        self._bus = bus
        self._clock = clock
        self._make_vad = make_vad
        self._vocabulary = vocabulary
        self._archive: RequestArchive | None = None
        self._speakers: SpeakerRecognizer | None = None
        self._admission: dict[str, AdmissionController] = {}
        """By model, for every model that was used."""

    def open(self, request: AsrRequest) -> "Utterance":
        """Open an utterance with the configuration of this moment; takes no lease before speech.

        Raises ModelMissingError for an unknown model, and UnsupportedLanguageError if no installed
        model, or not the requested model, supports the language.
        """
        config = self._config.current
        timer = RequestTimer(Task.ASR, request.client, self._bus, self._clock)
        try:
            choice = select_asr_model(self._specs, config.asr, request.model, request.language)
        except Exception as err:
            model = request.model or config.asr.model
            better = explained(err, self._explain_missing, Task.ASR, [model])
            timer.finish(better or err)
            if better is not None:
                raise better from err
            raise
        timer.model = model = choice.spec.id
        if model not in self._admission:
            self._admission[model] = AdmissionController(self._coordinator, model)
        speakers = self._speakers
        if speakers is not None and not speakers.store.by_id:
            speakers = None  # nobody is enrolled
        context = AsrContext(
            self._coordinator,
            config,
            self._bus,
            self._clock,
            self._loop_time,
            self._archive,
            speakers,
        )
        transcriber = Transcriber(request, choice, config.asr, self._vocabulary)
        return Utterance(
            context,
            timer,
            request,
            transcriber,
            self._admission[model],
            self._make_vad(),
            config.asr.turn_model if config.asr.turn_model in self._specs else None,
        )

    def keep_in(self, archive: RequestArchive) -> None:
        """Keep text and audio of all later utterances in an archive."""
        self._archive = archive

    def recognize_speakers(self, speakers: SpeakerRecognizer) -> None:
        """Recognize the speakers of all later utterances."""
        self._speakers = speakers


@dataclass(frozen=True, slots=True)
class AsrContext:
    """Services of an utterance, and the configuration when it was opened."""

    coordinator: CoordinatorProtocol
    config: Config
    bus: EventBus
    clock: Clock
    loop_time: LoopTimeBudget
    archive: RequestArchive | None = None
    """Where text and audio are kept, if the owner wants that."""
    speakers: SpeakerRecognizer | None = None
    """Compares voices, if that is possible."""


class Utterance:
    """One utterance, from the first audio to the transcript; use it with `async with`.

    Feed audio with `feed`. The turn ends with `end`, or by itself, which sets `ended`: when the
    speaker has finished (with turn detection), when there is no speech, when the utterance reaches
    its longest length, or when the model has failed. Then `finish` returns the one transcript, or
    raises.

    At each pause the audio so far is transcribed. If the pause is the end, this is the transcript.
    Its text, and a model that hears whether the speaker has finished, decide how long the pause may
    last (see `turn.end_silence`).

    `audio.turn_detector` holds the state of the turn: waiting, speaking, paused, ended.
    """

    def __init__(
        self,
        context: AsrContext,
        timer: RequestTimer,
        request: AsrRequest,
        transcriber: Transcriber,
        admission: AdmissionController,
        vad: VadAnalyzer,
        turn_model: str | None = None,
    ) -> None:
        """`turn_model` hears at each pause whether the speaker has finished."""
        asr = context.config.asr
        self._context = context
        self._timer = timer
        self._request = request
        self._transcriber = transcriber
        self._admission = admission
        self._turn_settings = turn_settings(asr, request)
        self._pause_threshold = self._turn_settings.pause_threshold
        self._turn_detector = TurnDetector(self._turn_settings)
        self._buffer = SpeechBuffer(
            vad,
            self._turn_detector,
            self._turn_settings.no_speech_timeout + self._turn_settings.max_utterance,
            context.clock,
            self._on_turn_events,
            context.loop_time,
            continuous=request.continuous,
        )
        self._evidence = PauseEvidence()
        self._turn_analyzer: TurnAnalyzer | None = None
        """None if the client ends the turn, or by the words alone."""
        if turn_model is not None and math.isfinite(self._turn_settings.end_silence):
            self._turn_analyzer = TurnAnalyzer(
                context.coordinator,
                turn_model,
                self._on_turn_analysis,
                client=request.client,
                clock=context.clock,
            )
        self._transcription: asyncio.Task[Transcript] | None = None
        """Leases the model from the start of speech on."""
        self._speculation: Speculation | None = None
        """Set while the model is leased and the turn has not ended."""
        self._gate = context.speakers is not None and context.speakers.gate
        """Whether only known speakers are answered."""
        self._voice_probe: VoiceProbe | None = None
        """Embeds the voice, from the start of speech on, if voices are compared."""
        self._probed_bytes = 0
        """Bytes of the kept audio that the probe need not get."""
        partials = asr.partial_transcripts if request.partials is None else request.partials
        self._local_agreement = LocalAgreement() if partials and not self._gate else None
        self._partial_transcriber: PartialTranscriber | None = None
        """Set while the model is leased and the turn has not ended, if partials are requested."""
        self._updates: deque[TurnUpdate] = deque()
        """What `updates` has still to yield."""
        self._updated = asyncio.Event()
        """Set when there are updates, and when the turn ends."""
        self._fed_at: float | None = None
        """When the last audio was processed; None before the first, and while it is processed."""
        self._stall_watch: asyncio.Task[None] | None = None
        self._client_ended = False
        """Whether the client has ended the turn: a pause in the last audio is none."""
        self._finished = False
        self._text = ""
        """The transcript."""
        self.ended = asyncio.Event()
        """Set when the turn has ended: call `finish`; audio that is fed now is ignored."""

    @property
    def held_bytes(self) -> int:
        """Bytes of audio that are kept."""
        return self._buffer.size

    async def feed(self, pcm: bytes, audio: AudioFormat) -> None:
        """Feed audio of any length; the format may differ from that of the audio before.

        Raises BadRequestError for a format that cannot be converted.
        """
        self._fed_at = None
        await self._buffer.feed(pcm, audio)
        self._feed_voice_probe()
        self._fed_at = self._context.clock.now()
        if self._partial_transcriber is not None:
            self._partial_transcriber.recheck()

    async def end(self) -> None:
        """End the turn at the request of the client; later calls do nothing."""
        if self.ended.is_set():
            return
        self._client_ended = True
        await self._buffer.finish()
        self._end_turn()

    async def updates(self) -> AsyncIterator[TurnUpdate]:
        """Yield what becomes known during the turn; ends with it.

        `VoiceStarted` comes with the first speech, `VoiceStopped` at the end of a turn with
        speech, and between them the stable parts of the transcript, if they were requested.
        Concatenated, the parts are the beginning of the text that `finish` returns.
        """
        while True:
            while self._updates:
                yield self._updates.popleft()
            if self.ended.is_set():
                return
            self._updated.clear()
            await self._updated.wait()

    async def finish(self) -> Transcript:
        """End the turn, if it has not ended, and wait for the transcript; call it once.

        Raises the errors of the coordinator and the worker, and DeadlineError after
        `limits.request_timeout` seconds.
        """
        await self.end()
        transcript = Transcript("", self._transcriber.language)
        if self._transcription is not None:
            purpose = f"for {self._transcriber.model} to transcribe"
            parts = math.ceil(self._buffer.seconds / MAX_PART_SECONDS)
            seconds = self._context.config.limits.request_timeout * max(1, parts)
            async with ClockTimeout(self._context.clock, seconds, purpose):
                transcript = await self._transcription
            transcript = await self._with_speaker(transcript)
        self._finished = True
        self._text = transcript.text
        return transcript

    async def __aenter__(self) -> Self:
        if math.isfinite(self._turn_settings.no_speech_timeout):
            self._stall_watch = asyncio.create_task(self._watch_stall(), name="stalled audio")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        failure: BaseException | None = None
        if self._stall_watch is not None:
            await cancel_and_wait(self._stall_watch)
        if self._transcription is not None:
            failure = await cancel_and_wait(self._transcription)
        if self._voice_probe is not None:
            await self._voice_probe.close()
        self._buffer.close()
        if (archive := self._context.archive) is not None:
            pcm = self._buffer.audio if archive.keeps_audio else b""
            archive.add(self._timer.id, RequestContent(self._text, pcm))
        if failure is None and not self._finished:
            failure = asyncio.CancelledError()
        self._timer.finish(error or failure)

    # The turn

    def _on_turn_events(self, events: list[TurnEvent]) -> None:
        """Handle the start of speech, its pauses and the end of the turn, in order."""
        queue = deque(events)
        while queue and not self.ended.is_set():
            match queue.popleft():
                case TurnStarted(at):
                    self._context.bus.publish(SpeechStarted(client=self._request.client))
                    self._update(VoiceStarted(at))
                    self._transcription = asyncio.create_task(self._transcribe(), name="transcribe")
                    if self._context.speakers is not None:
                        self._voice_probe = self._context.speakers.open(self._request.client)
                        self._probed_bytes = self._buffer.position(at - _PROBE_LEAD)
                case TurnPaused() if not queue:
                    # With more events behind it, the pause is over already, or is the end.
                    queue.extend(self._on_pause())
                case TurnResumed():
                    self._on_resume()
                case TurnEnded():
                    self._end_turn()
                case _:
                    pass

    def _on_pause(self) -> list[TurnEvent]:
        """Analyze and transcribe the audio up to this pause, as far as the models are free.

        Returns the end of the turn if the pause has lasted long enough already.
        """
        if self._client_ended or not self._buffer.is_live:
            return []
        evidence, audio = self._evidence, self._buffer.speech
        # It may have been asked already: the model of speech-to-text is leased during the pause.
        is_asked = evidence.awaits_sound or evidence.finished is not None
        if self._turn_analyzer is not None and not is_asked:
            evidence.awaits_sound = self._turn_analyzer.start(audio)
        if self._speculation is not None and self._context.config.asr.speculative_transcription:
            evidence.awaits_text = self._speculation.start(audio)
        if not evidence.awaits_text and not evidence.awaits_sound:
            return []
        return self._turn_detector.expect_end(evidence.end_silence(self._turn_settings))

    def _on_resume(self) -> None:
        """Forget the pause, and require a longer one for the next speculation."""
        self._evidence = PauseEvidence()
        if self._turn_analyzer is not None:
            self._turn_analyzer.discard()
        if self._speculation is not None and self._speculation.discard():
            self._pause_threshold = min(
                self._pause_threshold * PAUSE_THRESHOLD_GROWTH, MAX_PAUSE_THRESHOLD
            )
            self._turn_detector.set_pause_threshold(self._pause_threshold)

    def _on_turn_analysis(self, finished: float | None) -> None:
        """Set how long the pause may last, by its sound; None if there is no answer."""
        self._evidence.awaits_sound, self._evidence.finished = False, finished
        self._on_evidence()

    def _on_hypothesis(self, hypothesis: Hypothesis | None) -> None:
        """Set how long the pause may last, by the text up to it; None if there is no text."""
        self._evidence.awaits_text, self._evidence.hypothesis = False, hypothesis
        if hypothesis is not None:
            self._publish_partial(hypothesis)
        self._on_evidence()

    def _on_evidence(self) -> None:
        if not self.ended.is_set():
            silence = self._evidence.end_silence(self._turn_settings)
            self._on_turn_events(self._turn_detector.expect_end(silence))

    def _end_turn(self) -> None:
        if not self.ended.is_set():
            self._timer.restart("speech")
            self._buffer.closed = True
            self._feed_voice_probe()
            if self._voice_probe is not None:
                self._voice_probe.end()
            self.ended.set()
            if self._turn_detector.speech_end is not None:
                self._updates.append(VoiceStopped(self._turn_detector.speech_end))
            self._updated.set()

    def _update(self, update: TurnUpdate) -> None:
        self._updates.append(update)
        self._updated.set()

    async def _watch_stall(self) -> None:
        """End the turn of a client that stops sending: without audio there is no silence."""
        clock, limit = self._context.clock, self._turn_settings.no_speech_timeout
        while not self.ended.is_set():
            fed_at = clock.now() if self._fed_at is None else self._fed_at
            left = fed_at + limit - clock.now()
            if left <= 0:
                _LOGGER.info("%s: no audio for %g s; the turn ends", self._request.client, limit)
                await self.end()
                return
            await clock.sleep(left)

    # The speaker

    def _feed_voice_probe(self) -> None:
        """Pass on the audio that has come since the last time."""
        if self._voice_probe is not None:
            pcm = self._buffer.audio_from(self._probed_bytes)
            self._probed_bytes += len(pcm)
            self._voice_probe.add(pcm)

    async def _with_speaker(self, transcript: Transcript) -> Transcript:
        """Return the transcript with the speaker, and without text if it is refused.

        Raises the error of the speaker model if only known speakers are answered.
        """
        speakers, probe = self._context.speakers, self._voice_probe
        if speakers is None or probe is None:
            return transcript
        gate = self._gate and bool(transcript.text)
        sample = probe.sample
        if gate or sample is None:
            sample = await probe.finish(_GATE_WAIT if gate else _SPEAKER_WAIT)
        if gate and sample is None:
            probe.raise_error()
        match = speakers.conclude(
            self._timer.id, self._request.client, sample, kind=Task.ASR, gate=gate
        )
        if match is not None and match.known:
            self._timer.speaker, self._timer.confidence = match.name, match.confidence
            return replace(transcript, speaker=match)
        return replace(transcript, text="") if gate else transcript

    def _publish_partial(self, hypothesis: Hypothesis) -> None:
        """Publish the text that has become stable, if partial texts are requested."""
        if self._local_agreement is None or self.ended.is_set():
            return
        if text := self._local_agreement.update(hypothesis.text):
            self._update(PartialText(text))
            self._context.bus.publish(
                TranscriptGrew(
                    client=self._request.client,
                    model=self._transcriber.model,
                    text=self._local_agreement.text,
                )
            )

    def _audio_for_partial(self) -> bytes | None:
        """Return the audio so far during speech; None in a pause and after the end."""
        speaking = (
            not self._turn_detector.paused and not self.ended.is_set() and self._buffer.is_live
        )
        return self._buffer.audio if speaking else None

    # The model

    async def _transcribe(self) -> Transcript:
        """Lease the model while the speaker speaks; transcribe when the turn has ended."""
        try:
            async with self._turn_analyzer or nullcontext():
                hypothesis = await self._transcribe_with_retry()
        finally:
            # If the model fails during the turn, the speaker need not speak to the end.
            self._end_turn()
        self._timer.audio_seconds = hypothesis.seconds
        text = hypothesis.text
        if self._local_agreement is not None:
            text = self._local_agreement.finish(text)
        return Transcript(text, hypothesis.language, hypothesis.seconds)

    async def _transcribe_with_retry(self) -> Hypothesis:
        """Return the transcript, with one retry; the timeout of `finish` covers both attempts."""
        coordinator = self._context.coordinator
        retry = Retry(self._timer)
        while True:
            async with coordinator.lease(
                self._transcriber.model, client=self._request.client
            ) as lease:
                try:
                    return await self._transcribe_on_lease(lease)
                except ConductorError as err:
                    if not retry.should_retry(err):
                        raise
            await retry.wait_for_memory(coordinator, lease.placement.device)

    async def _transcribe_on_lease(self, lease: Lease) -> Hypothesis:
        """Speculate until the turn ends; return the result of a speculation or of a final run."""

        async def transcribe(audio: bytes, priority: Priority | None = None) -> Hypothesis:
            return await self._transcriber.run(lease, audio, priority)

        async def transcribe_part(audio: bytes, language: str | None) -> Hypothesis:
            return await self._transcriber.run(lease, audio, Priority.BACKGROUND, language)

        def final_run() -> Coroutine[Any, Any, Hypothesis]:
            if self._buffer.seconds <= MAX_PART_SECONDS:
                return transcribe(self._buffer.speech)
            return transcribe_parts(self._buffer.audio, self._buffer.pauses, transcribe_part)

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
                    # The lease was granted during a pause.
                    self._on_turn_events(self._on_pause())
                await self._wait_for_end(transcribe)
            finally:
                self._speculation = None
            self._timer.mark("queue")
            with self._timer.stage("inference"):
                return await speculation.final_hypothesis(len(self._buffer.speech), final_run)

    async def _wait_for_end(self, transcribe: Transcribe) -> None:
        """Wait for the end of the turn, with partial transcriptions if they are requested."""
        if self._local_agreement is None:
            await self.ended.wait()
            return
        self._partial_transcriber = PartialTranscriber(
            transcribe,
            self._audio_for_partial,
            self._admission,
            self._context.coordinator,
            self._context.clock,
            self._publish_partial,
        )
        task = asyncio.create_task(self._partial_transcriber.run(), name="partial transcripts")
        try:
            await self.ended.wait()
        finally:
            self._partial_transcriber = None
            if (error := await cancel_and_wait(task)) is not None:
                _LOGGER.error("Unexpected error in partial transcripts", exc_info=error)
