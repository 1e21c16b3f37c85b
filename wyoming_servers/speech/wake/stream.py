"""Streams the audio of one client to one wake word model, and reconnects when its worker dies."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from wyoming_servers.core.aio import run_all
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import SPEECH_FORMAT, ModelSpec
from wyoming_servers.core.errors import (
    CapacityError,
    InferenceFailedError,
    ShuttingDownError,
    WorkerError,
)
from wyoming_servers.scheduling.interface import CoordinatorProtocol, Lease
from wyoming_servers.worker.interface import OutputChunk, Run

BACKLOG_BYTES: Final = SPEECH_FORMAT.bytes_for(8.0)
"""Audio that may wait for the model. A wake word that is older needs no answer any more."""

RECONNECT_DELAYS: Final = (0.25, 1.0, 2.0)
"""Seconds before a lost run is opened again; one more failure in a row ends the stream."""

STABLE_SECONDS: Final = 10.0
"""After a run of this length, failures are counted from zero again."""

BATCH_WAIT_SECONDS: Final = 0.02
"""How long a stream waits for other streams, so that the model computes them in one batch. A batch
of 16 streams costs half as much as 16 single steps, and 20 ms, a quarter of the time between two
steps, are not noticed."""

MAX_CLOCK_DRIFT_MS: Final = 10
"""A chunk whose timestamp differs from the end of the chunk before by more is not joined to it: the
client has skipped time, and the model must know."""

_MAX_SENT_MESSAGES: Final = 64
"""Messages whose times are kept to time the stages of a detection: 5 s of audio."""

_BYTES_PER_MS: Final = SPEECH_FORMAT.rate * SPEECH_FORMAT.frame_bytes // 1_000

OnOutput = Callable[[OutputChunk, dict[str, float]], None]
"""Called with an output of the model and the seconds of its stages `queue` and `inference`."""


class WakeModelStream:
    """Feeds a model and passes on its output; opens a new run when its worker has died.

    Audio that arrives in between is kept up to `BACKLOG_BYTES`. Audio that the dead worker has
    received is lost.
    """

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        clock: Clock,
        spec: ModelSpec,
        request: Mapping[str, Any],
        client: str,
        on_output: OnOutput,
        should_batch: Callable[[], bool] = lambda: False,
    ) -> None:
        """`should_batch` returns whether there are enough other streams to wait for."""
        self._coordinator = coordinator
        self._clock = clock
        self._spec = spec
        self._request = request
        self._client = client
        self._on_output = on_output
        self._should_batch = should_batch
        self._batcher = ChunkBatcher()
        self._audio_ready = asyncio.Event()
        """Set when there is audio to send, or when the stream ends."""
        self._room = asyncio.Event()
        self._sent_messages: deque[tuple[int, float, float]] = deque(maxlen=_MAX_SENT_MESSAGES)
        """Of each message of this run: its last sample, when it was due, when it was sent."""
        self._due_since: float | None = None
        """Since when there has been enough audio to send."""
        self._ended = False
        self._opened = False
        """Whether a run was ever opened."""
        self._run_started_at = 0.0
        """When the current run was opened."""
        self._closed = False
        """Whether audio is no longer accepted."""
        self._disconnected = False
        """Whether a run has died and no other is open yet."""

    @property
    def held_bytes(self) -> int:
        """Bytes of audio that wait for the model."""
        return self._batcher.size

    @property
    def has_room(self) -> bool:
        """Whether audio can be added now; without a run, old audio is dropped to make room."""
        return self._closed or self._disconnected or self._batcher.size < BACKLOG_BYTES

    async def wait_for_room(self) -> None:
        """Wait while the model lags behind, until audio can be added."""
        while not self.has_room:
            self._room.clear()
            await self._room.wait()

    def add(self, pcm: bytes, timestamp: int) -> None:
        """Add 16 kHz audio that starts at `timestamp` (milliseconds); there must be room for it."""
        if self._closed or not pcm:
            return
        while self._disconnected and self._batcher.size >= BACKLOG_BYTES:
            self._batcher.drop_oldest()
        self._batcher.add(pcm, timestamp)
        if self._due_since is None and self._batcher.is_due:
            self._due_since = self._clock.now()
            self._audio_ready.set()

    def end(self) -> None:
        """Mark the audio as complete."""
        self._ended = True
        self._audio_ready.set()

    async def run(self) -> None:
        """Feed the model until the stream ends.

        Raises the error of the coordinator if no run could ever be opened, and the last error if
        there were more failures in a row than `RECONNECT_DELAYS` has entries.
        """
        try:
            await self._run()
        finally:
            self._closed = True
            self._room.set()

    async def _run(self) -> None:
        failures = 0
        while True:
            self._run_started_at = self._clock.now()
            try:
                await self._run_once()
            except (WorkerError, CapacityError) as err:
                lasted = self._clock.now() - self._run_started_at
                if not self._disconnected and lasted >= STABLE_SECONDS:
                    failures = 0
                fatal = not self._opened or isinstance(err, ShuttingDownError)
                if fatal or failures == len(RECONNECT_DELAYS):
                    raise
                self._disconnected = True
                self._room.set()
                await self._clock.sleep(RECONNECT_DELAYS[failures])
                failures += 1
            else:
                return

    async def _run_once(self) -> None:
        """Feed one run, until the end of the stream or of the worker."""
        async with (
            self._coordinator.lease(self._spec.id, client=self._client) as lease,
            lease.open(self._request, streaming=True) as run,
        ):
            self._on_run_opened(lease)
            await run_all(self._send(run), self._receive(run))

    def _on_run_opened(self, lease: Lease) -> None:
        self._opened = True
        self._disconnected = False
        self._run_started_at = self._clock.now()
        self._batcher.start_run(
            int(lease.info.values.get("lead", 0)), int(lease.info.values.get("step", 0))
        )
        # How much is due is known only now: what came before may be too little.
        self._due_since = self._run_started_at if self._batcher.is_due else None
        self._sent_messages.clear()

    async def _send(self, run: Run) -> None:
        while True:
            if self._batcher.is_due or (self._ended and self._batcher.size):
                await self._wait_for_batch()
                await self._send_all(run)
            elif self._ended:
                await run.end()
                return
            else:
                self._audio_ready.clear()
                await self._audio_ready.wait()

    async def _wait_for_batch(self) -> None:
        """Wait until the next mark of a time grid that all streams share, so that they meet."""
        if not self._ended and self._should_batch():
            await self._clock.sleep(BATCH_WAIT_SECONDS - self._clock.now() % BATCH_WAIT_SECONDS)

    async def _send_all(self, run: Run) -> None:
        now = self._clock.now()
        due_since = now if self._due_since is None else self._due_since
        self._due_since = None
        while self._batcher.size:
            pcm, timestamp = self._batcher.take()
            self._sent_messages.append((self._batcher.sent_samples, due_since, now))
            self._room.set()
            await run.send(pcm, {"timestamp": timestamp})
        # Audio that arrived while the pipe was full has been sent as well.
        self._due_since = None

    async def _receive(self, run: Run) -> None:
        async for chunk in run:
            self._on_output(chunk, self._stages(chunk.data.get("sample")))
        if not self._ended:
            raise InferenceFailedError(f"{self._spec.id} ended the stream unexpectedly.")

    def _stages(self, sample: object) -> dict[str, float]:
        """Return how long the audio up to `sample` was queued, and how long its inference took."""
        for end, due_since, sent_at in self._sent_messages:
            if isinstance(sample, int) and end >= sample:
                return {"queue": sent_at - due_since, "inference": self._clock.now() - sent_at}
        return {}


class ChunkBatcher:
    """Queues chunks of 16 kHz audio with their timestamps, and joins them into few messages. Pure.

    A client may send 10 ms at a time, a hundred times a second. A model computes only when a whole
    step is complete, so the chunks in between are sent together with the one that completes the
    step: no detection is delayed by that. Timestamps are milliseconds on the client's clock.
    """

    def __init__(self) -> None:
        self._chunks: deque[tuple[bytes, int]] = deque()
        self._lead = 0
        self._step = 0
        self._taken = 0
        """Bytes of this run that were taken."""
        self._needed = 1
        """Bytes that complete the next step of the model."""
        self.size = 0
        """Bytes in the queue."""

    def start_run(self, lead: int, step: int) -> None:
        """Start a new run: the model computes at `lead` samples, then every `step` samples.

        A step of 0 means unknown: every chunk is due at once and is not joined.
        """
        self._lead = lead * SPEECH_FORMAT.frame_bytes
        self._step = step * SPEECH_FORMAT.frame_bytes
        self._taken = 0
        self._needed = self._until_next_step()

    @property
    def sent_samples(self) -> int:
        """Samples of this run that were taken."""
        return self._taken // SPEECH_FORMAT.frame_bytes

    @property
    def is_due(self) -> bool:
        """Whether the queued audio completes a step of the model."""
        return self.size >= self._needed

    def add(self, pcm: bytes, timestamp: int) -> None:
        """Append a chunk."""
        self._chunks.append((pcm, timestamp))
        self.size += len(pcm)

    def drop_oldest(self) -> None:
        """Drop the oldest chunk."""
        self.size -= len(self._chunks.popleft()[0])

    def take(self) -> tuple[bytes, int]:
        """Take the oldest chunk, joined with those that follow it without a gap in time."""
        first, timestamp = self._chunks.popleft()
        parts = [first]
        expected = timestamp + len(first) / _BYTES_PER_MS
        while (
            self._step and self._chunks and abs(self._chunks[0][1] - expected) <= MAX_CLOCK_DRIFT_MS
        ):
            parts.append(self._chunks.popleft()[0])
            expected += len(parts[-1]) / _BYTES_PER_MS
        pcm = b"".join(parts)
        self._taken += len(pcm)
        self._needed = self._until_next_step()
        self.size -= len(pcm)
        return pcm, timestamp

    def _until_next_step(self) -> int:
        """Return the bytes between the taken audio and the end of the next step."""
        if not self._step:
            return 1
        beyond = self._taken - self._lead
        return -beyond if beyond < 0 else self._step - beyond % self._step
