"""One stream of audio to one wake-word model, through the deaths of its worker."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from wyoming_servers.clock import Clock
from wyoming_servers.coordinator.face import CoordinatorFace
from wyoming_servers.domain import SPEECH_FORMAT, ModelSpec
from wyoming_servers.errors import (
    CapacityError,
    InferenceFailedError,
    ShuttingDownError,
    WorkerError,
)
from wyoming_servers.pipelines.together import together
from wyoming_servers.worker.base import Chunk, Run

BACKLOG_BYTES: Final = SPEECH_FORMAT.bytes_for(8.0)
"""Audio that may wait for the model. Older is stale: who spoke then has gone."""

DELAYS: Final = (0.25, 1.0, 2.0)
"""Seconds before a lost stream is opened again; after as many failures in a row it is given up."""

STABLE_SECONDS: Final = 10.0
"""A stream that lasted so long has shown that the model works: failures count anew."""


class Ear:
    """Feeds a model and hands on what it hears; opens a new run when its worker has died.

    What was said in between is kept up to `BACKLOG_BYTES`; what the dead worker had is lost.
    """

    def __init__(
        self,
        coordinator: CoordinatorFace,
        clock: Clock,
        spec: ModelSpec,
        request: Mapping[str, Any],
        client: str,
        on_heard: Callable[[Chunk], None],
    ) -> None:
        self._coordinator = coordinator
        self._clock = clock
        self._spec = spec
        self._request = request
        self._client = client
        self._on_heard = on_heard
        self._pieces: deque[tuple[bytes, int]] = deque()
        self._waiting = 0
        """Bytes in `_pieces`."""
        self._changed = asyncio.Event()
        """Set when there is audio to send, or the end."""
        self._room = asyncio.Event()
        self._ended = False
        self._opened = False
        """Whether there was a run."""
        self._since = 0.0
        """When the present run was opened."""
        self._closed = False
        """Whether nobody takes audio any more."""
        self._lost = False
        """Whether a run has died and no other is open yet."""

    async def feed(self, pcm: bytes, timestamp: int) -> None:
        """Add 16 kHz audio; waits while the model lags, drops the oldest while it is lost."""
        while self._waiting >= BACKLOG_BYTES and not self._closed:
            if self._lost:
                self._take()
            else:
                self._room.clear()
                await self._room.wait()
        if pcm and not self._closed:
            self._pieces.append((pcm, timestamp))
            self._waiting += len(pcm)
            self._changed.set()

    def end(self) -> None:
        """The stream is complete."""
        self._ended = True
        self._changed.set()

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
            self._since = self._clock.now()
            try:
                await self._listen()
            except (WorkerError, CapacityError) as err:
                if not self._lost and self._clock.now() - self._since >= STABLE_SECONDS:
                    failures = 0
                hopeless = not self._opened or isinstance(err, ShuttingDownError)
                if hopeless or failures == len(DELAYS):
                    raise
                self._lost = True
                self._room.set()
                await self._clock.sleep(DELAYS[failures])
                failures += 1
            else:
                return

    async def _listen(self) -> None:
        """One run, to the end of the stream or of the worker."""
        async with (
            self._coordinator.lease(self._spec.id, client=self._client) as lease,
            lease.open(self._request, streaming=True) as run,
        ):
            self._opened = True
            self._lost = False
            self._since = self._clock.now()
            await together(self._send(run), self._receive(run))

    async def _send(self, run: Run) -> None:
        while True:
            while self._pieces:
                pcm, timestamp = self._take()
                await run.send(pcm, {"timestamp": timestamp})
            if self._ended:
                await run.end()
                return
            self._changed.clear()
            await self._changed.wait()

    async def _receive(self, run: Run) -> None:
        async for chunk in run:
            self._on_heard(chunk)
        if not self._ended:
            raise InferenceFailedError(f"{self._spec.id} stopped listening by itself.")

    def _take(self) -> tuple[bytes, int]:
        piece = self._pieces.popleft()
        self._waiting -= len(piece[0])
        self._room.set()
        return piece
