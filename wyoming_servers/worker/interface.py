"""What a worker is to the rest of the server, whatever carries its messages.

`process.ProcessLauncher` starts a child process; a test uses `fake.FakeLauncher`.
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
    """What a worker reported when its model was ready."""

    seconds: float
    """Load and warm-up together."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """What only the loaded model knows; see `engines.base`."""


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """Why a worker process is gone."""

    returncode: int | None
    """As subprocess has it: negative is the signal's number; None if it never started."""
    expected: bool
    """Whether the server asked for it."""
    reason: str
    """One sentence for the log and the user, such as `killed by signal 9 (SIGKILL)`."""
    code: str = "INFERENCE_FAILED"
    """The error code a request that met this exit gets (`OOM` when the kernel killed it…)."""


@dataclass(frozen=True, slots=True)
class OutputChunk:
    """A piece of a run's output."""

    data: Mapping[str, Any]
    payload: bytes = b""


class Run(Protocol):
    """One inference on a worker. Leaving `async with` early cancels it there.

    Iterating and `result` raise the ConductorError the run ended with; if the process dies,
    that is InferenceFailedError (or the Exit's code) at once, not at a deadline.
    """

    async def send(self, payload: bytes, data: Mapping[str, Any] | None = None) -> None:
        """Send the next piece of the input of a streaming run; waits while the pipe is full."""
        ...

    async def end(self) -> None:
        """Say that the input is complete."""
        ...

    def __aiter__(self) -> AsyncIterator[OutputChunk]:
        """Yield the output until the run ends."""
        ...

    async def result(self) -> Mapping[str, Any]:
        """Wait for the end; chunks nobody read are dropped."""
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
        """Process id, for memory probes and for killing."""
        ...

    @property
    def exited(self) -> asyncio.Future[ExitStatus]:
        """Done as soon as the process is gone, for whatever reason. Never cancelled or failed."""
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
        """Prepare a run; it begins when its `async with` is entered."""
        ...

    async def ping(self) -> float:
        """Return the seconds its message loop took to answer."""
        ...

    async def stop(self, grace: float) -> ExitStatus:
        """Ask it to unload and exit; terminate after `grace` seconds, kill after as many again."""
        ...

    def kill(self) -> None:
        """Kill it now (a hang); `exited` follows."""
        ...


class Launcher(Protocol):
    """Starts workers."""

    async def launch(self, spec: ModelSpec, placement: Placement) -> Worker:
        """Start a process for the model; nothing is loaded yet.

        Raises LoadFailedError when no process can be started.
        """
        ...
