"""Recognizes speakers while they speak, and collects the speech that enrolls them."""

import asyncio
import logging
import string
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from wyoming_servers.config.holder import ConfigHolder
from wyoming_servers.core.aio import ClockTimeout, cancel_and_wait, run_all
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import SPEECH_FORMAT, ModelSpec
from wyoming_servers.core.errors import (
    BadRequestError,
    ConductorError,
    ConflictError,
    DeadlineError,
    ModelMissingError,
    WorkerError,
)
from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.core.events import SpeakerRecognized
from wyoming_servers.scheduling.interface import CoordinatorProtocol, Lease
from wyoming_servers.speech.speaker.scoring import (
    SHORT_ALLOWANCE,
    Candidate,
    Embedding,
    SpeakerMatch,
    find_speaker,
    group_voices,
    mean_embedding,
    measure_threshold,
)
from wyoming_servers.speech.speaker.store import Speaker, SpeakerStore, VoiceSample
from wyoming_servers.worker.interface import Run

MAX_PROBE_SECONDS: Final = 10.0
"""Speech of one utterance that is embedded; more does not change the result."""

SAMPLE_SECONDS: Final = 3.0
"""A recording is cut into samples of this length: about a voice command."""

MIN_SAMPLE_SECONDS: Final = 0.8
"""Speech that a sample must have."""

_SEND_BYTES: Final = SPEECH_FORMAT.bytes_for(0.2)
"""Audio of one message; a model computes every 0.4 s or less often."""

_MAX_RECENT: Final = 100
_RECENT_SECONDS: Final = 900.0
"""How many utterances, and for how long, can be used for enrollment. They are embeddings in memory,
no audio."""

_DEFAULT_THRESHOLD: Final = 0.6

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RecentSpeech:
    """The voice of a recent utterance."""

    request: str
    """Id of the request."""
    client: str
    ended: float
    """Seconds since 1970."""
    sample: VoiceSample
    match: SpeakerMatch | None


class SpeakerRecognizer:
    """Compares the voices of utterances with the enrolled speakers.

    While nobody is enrolled, no model is loaded and nothing is computed.
    """

    def __init__(
        self,
        store: SpeakerStore,
        coordinator: CoordinatorProtocol,
        specs: Mapping[str, ModelSpec],
        config: ConfigHolder,
        bus: EventBus,
        clock: Clock,
    ) -> None:
        self.store = store
        self._coordinator = coordinator
        self._specs = specs
        self._config = config
        self._bus = bus
        self._clock = clock
        self._recent: OrderedDict[str, RecentSpeech] = OrderedDict()
        self._candidates: list[Candidate] = []
        self._candidates_of: tuple[int, str, float] | None = None
        """Revision of the store, model and its threshold, of which the candidates are."""

    @property
    def model(self) -> str:
        """Id of the configured model."""
        return self._config.current.speakers.model

    @property
    def installed(self) -> bool:
        """Whether the configured model is installed."""
        return self.model in self._specs

    @property
    def active(self) -> bool:
        """Whether voices are compared: somebody is enrolled, or about to be."""
        enabled = self._config.current.speakers.enabled
        return enabled and bool(self.store.by_id) and self.installed

    @property
    def gate(self) -> bool:
        """Whether only known speakers are answered."""
        return (
            self._config.current.asr.only_known_speakers and self.active and bool(self.candidates)
        )

    @property
    def default_threshold(self) -> float:
        """Similarity from which voices count as one, if nothing was measured."""
        spec = self._specs.get(self.model)
        return float(spec.options.get("threshold", _DEFAULT_THRESHOLD)) if spec else 0.0

    @property
    def candidates(self) -> list[Candidate]:
        """The speakers that can be recognized with the configured model."""
        key = (self.store.revision, self.model, self.default_threshold)
        if self._candidates_of != key:
            self._candidates_of = key
            self._candidates = [
                Candidate(
                    each.id,
                    each.name,
                    mean_embedding(each.embeddings(self.model)),
                    self.threshold(each),
                )
                for each in self.store.all()
                if not each.foreign and each.embeddings(self.model)
            ]
        return self._candidates

    def threshold(self, speaker: Speaker) -> float:
        """Return the similarity from which speech is that of a speaker: set or measured."""
        if speaker.threshold is not None:
            return speaker.threshold
        own = speaker.embeddings(self.model)
        if not own:
            return self.default_threshold
        foreign = [
            embedding
            for other in self.store.all()
            if other.id != speaker.id
            for embedding in other.embeddings(self.model)
        ]
        return measure_threshold(own, foreign, self.default_threshold)

    def preload(self, reason: str) -> None:
        """Load the model, if voices are compared."""
        if self.active:
            self._coordinator.prefetch(self.model, reason)

    def open(self, client: str) -> "VoiceProbe | None":
        """Begin to embed an utterance; None if voices are not compared."""
        if not self.active:
            return None
        return VoiceProbe(self._coordinator, self._clock, self.model, client)

    def match(self, sample: VoiceSample) -> SpeakerMatch | None:
        """Return the most similar speaker; None if there are none to compare with."""
        if sample.model != self.model:
            return None
        return find_speaker(sample.embedding, sample.seconds, self.candidates)

    def conclude(
        self, request: str, client: str, sample: VoiceSample | None, *, kind: str, gate: bool
    ) -> SpeakerMatch | None:
        """Compare the voice of a request, publish the result, and keep the sample for a while.

        With `gate`, the event says whether the request is refused.
        """
        match = None if sample is None else self.match(sample)
        if sample is not None:
            self._recent[request] = RecentSpeech(request, client, self._clock.wall(), sample, match)
            self._prune()
        known = match is not None and match.known
        if match is not None or gate:
            self._bus.publish(
                SpeakerRecognized(
                    client=client,
                    request=request,
                    kind=kind,
                    speaker=match.name if match is not None and known else "",
                    speaker_id=match.id if match is not None and known else "",
                    confidence=0.0 if match is None else round(match.confidence, 4),
                    refused=gate and not known,
                )
            )
        return match

    # Enrollment

    def recent(self) -> list[RecentSpeech]:
        """Return the voices of recent utterances, newest first."""
        self._prune()
        return list(reversed(self._recent.values()))

    def recent_samples(
        self, requests: Sequence[str] = (), *, client: str = "", last: int = 0
    ) -> list[VoiceSample]:
        """Return the samples of requests, or of the last ones of a client (a prefix).

        Raises ConflictError if there are none, or one of them is not kept.
        """
        kept = {each.request: each for each in self.recent()}
        if missing := [request for request in requests if request not in kept]:
            raise ConflictError(
                f"The voice of the request {missing[0][:40]!r} is not kept.",
                hint="`GET /speakers/recent` lists what can be used: the last minutes only.",
            )
        found = [kept[request] for request in requests]
        found += [each for each in kept.values() if each.client.startswith(client)][:last]
        if not found:
            raise ConflictError(
                "There is no recent speech.",
                hint="Say something to the satellite, then try again within 15 minutes.",
            )
        return [each.sample for each in found]

    async def embed_short(self, audio: bytes, client: str = "") -> VoiceSample | None:
        """Return the sample of a short recording; None if there is no speech.

        Raises the errors of the coordinator and the worker.
        """
        async with self._coordinator.lease(self.model, client=client) as lease:
            return await self._embed_on(lease, audio)

    async def _embed_on(self, lease: Lease, audio: bytes) -> VoiceSample | None:
        sample: VoiceSample | None = None
        async with lease.open({}, payload=audio) as run:
            async for chunk in run:
                sample = _sample(self.model, chunk.payload, chunk.data)
        return sample

    async def embed(self, audio: bytes, client: str = "") -> list[VoiceSample]:
        """Return samples of a recording (16 kHz).

        Raises BadRequestError if it has too little speech, ModelMissingError, and the errors of the
        coordinator and the worker.
        """
        if not self.installed:
            raise ModelMissingError(
                f"The model {self.model} is not installed.",
                hint=f"`wyoming-conductor models pull {self.model}` installs it.",
            )
        size = SPEECH_FORMAT.bytes_for(SAMPLE_SECONDS)
        samples: list[VoiceSample] = []
        async with self._coordinator.lease(self.model, client=client) as lease:
            for start in range(0, len(audio), size):
                sample = await self._embed_on(lease, audio[start : start + size])
                if sample is not None and sample.seconds >= MIN_SAMPLE_SECONDS:
                    samples.append(sample)
        if not samples:
            raise BadRequestError(
                f"The recording has less than {MIN_SAMPLE_SECONDS:g} s of speech.",
                hint="Record three sentences, close to the microphone.",
            )
        return samples

    async def label(
        self, pieces: Sequence[bytes], client: str = "", *, letters: str = string.ascii_uppercase
    ) -> list[str]:
        """Return who speaks in each piece of 16 kHz audio: a name, or a letter for a voice.

        A piece without speech has the label of the piece before it. Raises the errors of the
        coordinator and the worker.
        """
        voices: list[Embedding] = []
        names: list[str | None] = []
        places: list[int | None] = []
        limit = SPEECH_FORMAT.bytes_for(MAX_PROBE_SECONDS)
        async with self._coordinator.lease(self.model, client=client) as lease:
            for piece in pieces:
                sample = await self._embed_on(lease, piece[:limit]) if piece else None
                match = None if sample is None else self.match(sample)
                names.append(match.name if match is not None and match.known else None)
                places.append(None if sample is None or names[-1] else len(voices))
                if places[-1] is not None and sample is not None:
                    voices.append(sample.embedding)
        groups = group_voices(voices, self.default_threshold - SHORT_ALLOWANCE)
        found: list[str] = []
        for name, place in zip(names, places, strict=True):
            if name is not None:
                found.append(name)
            elif place is not None:
                found.append(letters[groups[place] % len(letters)])
            else:
                found.append(found[-1] if found else letters[0])
        return found

    def _prune(self) -> None:
        since = self._clock.wall() - _RECENT_SECONDS
        while self._recent:
            oldest = next(iter(self._recent.values()))
            if len(self._recent) <= _MAX_RECENT and oldest.ended >= since:
                return
            self._recent.popitem(last=False)

    def forget_recent(self) -> None:
        """Forget the voices of recent utterances."""
        self._recent.clear()


class VoiceProbe:
    """Embeds the speech of one utterance while it arrives; `close` it."""

    def __init__(
        self, coordinator: CoordinatorProtocol, clock: Clock, model: str, client: str
    ) -> None:
        self._coordinator = coordinator
        self._clock = clock
        self._model = model
        self._client = client
        self._audio = bytearray()
        """All audio, because a second attempt begins with the first."""
        self._changed = asyncio.Event()
        """Set when there is more audio, and at its end."""
        self._ended = False
        self._error: ConductorError | None = None
        self.sample: VoiceSample | None = None
        """The embedding so far."""
        self._task = asyncio.create_task(self._run(), name="speaker recognition")

    def add(self, pcm: bytes) -> None:
        """Append 16 kHz audio; what is beyond `MAX_PROBE_SECONDS` is ignored."""
        left = SPEECH_FORMAT.bytes_for(MAX_PROBE_SECONDS) - len(self._audio)
        if left > 0 and not self._ended:
            self._audio += pcm[:left]
            self._changed.set()

    def end(self) -> None:
        """Mark the audio as complete."""
        self._ended = True
        self._changed.set()

    async def finish(self, seconds: float) -> VoiceSample | None:
        """Return the embedding of all audio, or what there is after so many seconds."""
        self.end()
        if not self._task.done():
            try:
                async with ClockTimeout(self._clock, seconds, "to recognize the speaker"):
                    await asyncio.wait([self._task])
            except DeadlineError:
                _LOGGER.debug("%s: the speaker is not known in time", self._client)
        return self.sample

    def raise_error(self) -> None:
        """Raise the error for which there is no embedding, if there is one."""
        if self._error is not None:
            raise self._error

    async def close(self) -> None:
        """Stop."""
        await cancel_and_wait(self._task)

    async def _run(self) -> None:
        for attempt in (1, 2):
            try:
                await self._embed()
            except ConductorError as err:
                _LOGGER.debug("%s: the speaker cannot be recognized: %s", self._client, err)
                if attempt == 1 and isinstance(err, WorkerError):
                    continue
                self._error = err
            return

    async def _embed(self) -> None:
        async with (
            self._coordinator.lease(self._model, client=self._client) as lease,
            lease.open({}, streaming=True) as run,
        ):
            await run_all(self._send(run), self._receive(run))

    async def _send(self, run: Run) -> None:
        sent = 0
        while True:
            if len(self._audio) - sent >= _SEND_BYTES or (self._ended and sent < len(self._audio)):
                chunk = bytes(self._audio[sent:])
                sent += len(chunk)
                await run.send(chunk)
            elif self._ended:
                await run.end()
                return
            else:
                self._changed.clear()
                await self._changed.wait()

    async def _receive(self, run: Run) -> None:
        async for chunk in run:
            self.sample = _sample(self._model, chunk.payload, chunk.data)


def _sample(model: str, payload: bytes, data: Mapping[str, object]) -> VoiceSample:
    seconds = data.get("seconds")
    return VoiceSample(
        model,
        np.frombuffer(payload, "<f4").astype(np.float32),
        float(seconds) if isinstance(seconds, int | float) else 0.0,
    )
