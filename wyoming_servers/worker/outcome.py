"""What comes back from a run: chunks in order, then exactly one end."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from wyoming_servers.errors import ConductorError
from wyoming_servers.worker.base import OutputChunk

OnConsumed = Callable[[OutputChunk], None]
"""Called when the reader has taken a chunk, or has dropped it."""


class RunStream:
    """Chunks until a result or an error; one reader, which may come before or after them.

    The writer calls `push` any number of times, then `end` or `fail` once; calls after that are
    ignored, because whoever fails all runs of a dead worker need not know which ended before.
    """

    def __init__(self, on_taken: OnConsumed | None = None) -> None:
        self._chunks: deque[OutputChunk] = deque()
        self._on_taken = on_taken
        self._changed = asyncio.Event()
        self._result: Mapping[str, Any] | None = None
        self._error: ConductorError | None = None

    @property
    def ended(self) -> bool:
        """Whether the result or the error is known; chunks may still wait to be read."""
        return self._result is not None or self._error is not None

    @property
    def error(self) -> ConductorError | None:
        """What the run failed with, if it did."""
        return self._error

    def push(self, chunk: OutputChunk) -> None:
        """Add a chunk."""
        if not self.ended:
            self._chunks.append(chunk)
            self._changed.set()

    def finish(self, result: Mapping[str, Any]) -> None:
        """Say that the run ended well."""
        if not self.ended:
            self._result = result
            self._changed.set()

    def fail(self, error: ConductorError) -> None:
        """Say that the run failed; chunks that wait are still read first."""
        if not self.ended:
            self._error = error
            self._changed.set()

    def discard(self) -> None:
        """Drop the chunks that nobody has read."""
        while self._chunks:
            self._take()

    async def chunks(self) -> AsyncIterator[OutputChunk]:
        """Yield chunks until the end. Raises the error that the run failed with."""
        while True:
            while self._chunks:
                yield self._take()
            if self.ended:
                break
            await self._wait()
        if self._error is not None:
            raise self._error

    async def result(self) -> Mapping[str, Any]:
        """Wait for the end and drop unread chunks. Raises the error that the run failed with."""
        while True:
            self.discard()
            if self._error is not None:
                raise self._error
            if self._result is not None:
                return self._result
            await self._wait()

    async def _wait(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _take(self) -> OutputChunk:
        chunk = self._chunks.popleft()
        if self._on_taken is not None:
            self._on_taken(chunk)
        return chunk
