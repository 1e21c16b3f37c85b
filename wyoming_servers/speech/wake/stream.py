"""One stream of audio to one wake-word model, through the deaths of its worker."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from wyoming_servers.core.aio import run_all
from wyoming_servers.core.clock import Clock
from wyoming_servers.core.domain import (
    SPEECH_FORMAT,
    ModelSpec,
)
from wyoming_servers.core.errors import (
    CapacityError,
    InferenceFailedError,
    ShuttingDownError,
    WorkerError,
)
from wyoming_servers.scheduling.interface import (
    CoordinatorProtocol,
    Lease,
)
from wyoming_servers.worker.interface import (
    OutputChunk,
    Run,
)

# Audio that waits to be sent to a model, in as few messages as the model can use. Pure.
#
# A client may send 10 ms at a time, a hundred times a second. A model computes only when a whole
# step has come, so what comes in between is sent along with what completes the step: nothing is
# heard later for it.

_BYTES_PER_MS: Final = SPEECH_FORMAT.rate * SPEECH_FORMAT.frame_bytes // 1_000

MAX_CLOCK_DRIFT_MS: Final = 10
"""How far a client's clock may stray from its samples before a piece is not joined to the one
before: then time was skipped, and the model must be told."""


class ChunkBatcher:
    """Pieces of 16 kHz audio with the time each begins, in milliseconds of the client's clock."""

    def __init__(self) -> None:
        self._chunks: deque[tuple[bytes, int]] = deque()
        self._lead = 0
        self._step = 0
        self._taken = 0
        self._needed = 1
        """Bytes with which the model could compute something."""
        self.size = 0
        """Bytes that wait."""

    def start_run(self, lead: int, step: int) -> None:
        """A new run has begun: the model computes at `lead` samples and with every `step` more.

        A step of 0 is one that is not known: every piece is due at once, by itself.
        """
        self._lead = lead * SPEECH_FORMAT.frame_bytes
        self._step = step * SPEECH_FORMAT.frame_bytes
        self._taken = 0
        self._needed = self._until_next()

    @property
    def sent_samples(self) -> int:
        """Samples of this run that were taken."""
        return self._taken // SPEECH_FORMAT.frame_bytes

    @property
    def is_due(self) -> bool:
        """Whether the model could compute something with what waits."""
        return self.size >= self._needed

    def add(self, pcm: bytes, timestamp: int) -> None:
        """Append a piece."""
        self._chunks.append((pcm, timestamp))
        self.size += len(pcm)

    def drop_oldest(self) -> None:
        """Forget the piece that has waited longest."""
        self.size -= len(self._chunks.popleft()[0])

    def take(self) -> tuple[bytes, int]:
        """Take the oldest piece, joined with those that follow it without a gap in time."""
        first, timestamp = self._chunks.popleft()
        pcms = [first]
        expected = timestamp + len(first) / _BYTES_PER_MS
        while (
            self._step and self._chunks and abs(self._chunks[0][1] - expected) <= MAX_CLOCK_DRIFT_MS
        ):
            pcms.append(self._chunks.popleft()[0])
            expected += len(pcms[-1]) / _BYTES_PER_MS
        pcm = b"".join(pcms)
        self._taken += len(pcm)
        self._needed = self._until_next()
        self.size -= len(pcm)
        return pcm, timestamp

    def _until_next(self) -> int:
        """Return the bytes from what was taken to the end of the next step."""
        if not self._step:
            return 1
        beyond = self._taken - self._lead
        return -beyond if beyond < 0 else self._step - beyond % self._step


BACKLOG_BYTES: Final = SPEECH_FORMAT.bytes_for(8.0)
"""Audio that may wait for the model. Older is stale: who spoke then has gone."""

RECONNECT_DELAYS: Final = (0.25, 1.0, 2.0)
"""Seconds before a lost stream is opened again; after as many failures in a row it is given up."""

STABLE_SECONDS: Final = 10.0
"""A stream that lasted so long has shown that the model works: failures count anew."""

BATCH_WAIT_SECONDS: Final = 0.02
"""How long a stream waits for others, so that the model computes them together. 16 streams in one
step cost half of 16 steps; nobody hears 20 ms, a quarter of the time between two steps."""

_MAX_SENT_MESSAGES: Final = 64
"""Messages whose times are kept, for the stages of a detection: 5 s of them."""

OnOutput = Callable[[OutputChunk, dict[str, float]], None]
"""Called with what the model tells, and the seconds of its stages (queue, inference)."""


class WakeModelStream:
    """Feeds a model and hands on what it hears; opens a new run when its worker has died.

    What was said in between is kept up to `BACKLOG_BYTES`; what the dead worker had is lost.
    """

    def __init__(
        self,
        coordinator: CoordinatorProtocol,
        clock: Clock,
        spec: ModelSpec,
        request: Mapping[str, Any],
        client: str,
        on_heard: OnOutput,
        crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        """`crowded` tells whether there are other streams to compute together with."""
        self._coordinator = coordinator
        self._clock = clock
        self._spec = spec
        self._request = request
        self._client = client
        self._on_output = on_heard
        self._should_batch = crowded
        self._batcher = ChunkBatcher()
        self._audio_ready = asyncio.Event()
        """Set when there is audio to send, or the end."""
        self._room = asyncio.Event()
        self._sent_messages: deque[tuple[int, float, float]] = deque(maxlen=_MAX_SENT_MESSAGES)
        """Of each message of this run: its last sample, when it was due, when it was sent."""
        self._due_since: float | None = None
        """When there was enough audio to send."""
        self._ended = False
        self._opened = False
        """Whether there was a run."""
        self._run_started_at = 0.0
        """When the present run was opened."""
        self._closed = False
        """Whether nobody takes audio any more."""
        self._disconnected = False
        """Whether a run has died and no other is open yet."""

    @property
    def has_room(self) -> bool:
        """Whether audio can be added now. While no model listens the oldest makes room."""
        return self._closed or self._disconnected or self._batcher.size < BACKLOG_BYTES

    async def wait_for_room(self) -> None:
        """Wait while the model lags, until audio can be added."""
        while not self.has_room:
            self._room.clear()
            await self._room.wait()

    def add(self, pcm: bytes, timestamp: int) -> None:
        """Add 16 kHz audio, for which there must be room."""
        if self._closed or not pcm:
            return
        while self._disconnected and self._batcher.size >= BACKLOG_BYTES:
            self._batcher.drop_oldest()
        self._batcher.add(pcm, timestamp)
        if self._due_since is None and self._batcher.is_due:
            self._due_since = self._clock.now()
            self._audio_ready.set()

    def end(self) -> None:
        """The stream is complete."""
        self._ended = True
        self._audio_ready.set()

    async def run(self) -> None:
        """Listen until the stream ends.

        Raises what the coordinator raises if the model cannot even be had once, and the last
        failure if opening anew has failed as often as `DELAYS` has entries.
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
                if (
                    not self._disconnected
                    and self._clock.now() - self._run_started_at >= STABLE_SECONDS
                ):
                    failures = 0
                hopeless = not self._opened or isinstance(err, ShuttingDownError)
                if hopeless or failures == len(RECONNECT_DELAYS):
                    raise
                self._disconnected = True
                self._room.set()
                await self._clock.sleep(RECONNECT_DELAYS[failures])
                failures += 1
            else:
                return

    async def _run_once(self) -> None:
        """One run, to the end of the stream or of the worker."""
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
        """Wait until the next mark of a grid that all streams share, so that they meet there."""
        if not self._ended and self._should_batch():
            await self._clock.sleep(BATCH_WAIT_SECONDS - self._clock.now() % BATCH_WAIT_SECONDS)

    async def _send_all(self, run: Run) -> None:
        now = self._clock.now()
        came = now if self._due_since is None else self._due_since
        self._due_since = None
        while self._batcher.size:
            pcm, timestamp = self._batcher.take()
            self._sent_messages.append((self._batcher.sent_samples, came, now))
            self._room.set()
            await run.send(pcm, {"timestamp": timestamp})
        # What came while the pipe was full has been sent along: the next piece is due anew.
        self._due_since = None

    async def _receive(self, run: Run) -> None:
        async for chunk in run:
            self._on_output(chunk, self._stages(chunk.data.get("sample")))
        if not self._ended:
            raise InferenceFailedError(f"{self._spec.id} stopped listening by itself.")

    def _stages(self, sample: object) -> dict[str, float]:
        """Return how long the audio that ends with `sample` waited, and was computed."""
        for end, came, sent in self._sent_messages:
            if isinstance(sample, int) and end >= sample:
                return {"queue": sent - came, "inference": self._clock.now() - sent}
        return {}
