"""Interface of workers for the rest of the server.

`process.ProcessLauncher` implements it with child processes, `fake.FakeLauncher` for tests.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

from wyoming_servers.core.domain import (
    ModelSpec,
    Placement,
    Priority,
)

OnProgress = Callable[[str, int], None]
"""Called in the event loop with the phase and the percentage (-1 if unknown)."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """Report of a worker whose model is ready."""

    seconds: float
    """Duration of load and warm-up."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """Facts that only the loaded model knows; see `engines.base`."""


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """Why a worker process is gone."""

    returncode: int | None
    """As in `subprocess`: a negative number is a signal; None if the process never started."""
    expected: bool
    """Whether the server requested the exit."""
    reason: str
    """For the log and the user, such as `killed by signal 9 (SIGKILL)`."""
    code: str = "INFERENCE_FAILED"
    """Error code of the requests that the exit has failed, such as `OOM`."""


@dataclass(frozen=True, slots=True)
class OutputChunk:
    """A chunk of a run's output."""

    data: Mapping[str, Any]
    payload: bytes = b""


class Run(Protocol):
    """One inference on a worker: starts with its `async with`, and leaving that early cancels it.

    Iterating and `result` raise the ConductorError that ended the run. If the process dies, they
    raise the error of its ExitStatus at once, not at a deadline.
    """

    async def send(self, payload: bytes, data: Mapping[str, Any] | None = None) -> None:
        """Send the next input of a streaming run; waits while the worker has enough input."""
        ...

    async def end(self) -> None:
        """Close the input of a streaming run."""
        ...

    def __aiter__(self) -> AsyncIterator[OutputChunk]:
        """Yield the output until the run ends."""
        ...

    async def result(self) -> Mapping[str, Any]:
        """Wait for the end and return the result; unread chunks are dropped."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Worker(Protocol):
    """A process that holds, or is about to hold, one model."""

    @property
    def pid(self) -> int:
        """Process id."""
        ...

    @property
    def exited(self) -> asyncio.Future[ExitStatus]:
        """Done as soon as the process is gone, for any reason. Never cancelled, never fails."""
        ...

    async def load(self, on_progress: OnProgress) -> LoadResult:
        """Load and warm up. Raises LoadFailedError, OutOfMemoryError, DeviceLostError."""
        ...

    def open(
        self,
        request: Mapping[str, Any],
        *,
        payload: bytes = b"",
        streaming: bool = False,
        priority: Priority = Priority.BACKGROUND,
    ) -> Run:
        """Prepare a run; it starts when its `async with` is entered."""
        ...

    async def ping(self) -> float:
        """Return the seconds that its message loop took to answer."""
        ...

    async def stop(self, grace: float) -> ExitStatus:
        """Request unload and exit; terminate after `grace` seconds, kill after as many again."""
        ...

    def kill(self) -> None:
        """Kill the process now, because it hangs; `exited` follows."""
        ...


class Launcher(Protocol):
    """Starts workers."""

    async def launch(self, spec: ModelSpec, placement: Placement) -> Worker:
        """Start a process for the model; nothing is loaded yet.

        Raises LoadFailedError when no process can be started.
        """
        ...
