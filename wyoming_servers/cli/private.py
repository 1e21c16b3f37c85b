"""A server of our own for the length of one command, when none is running."""

import asyncio
import json
import re
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

from wyoming_servers.cli.client import Address
from wyoming_servers.errors import ConductorError, DeadlineError, LoadFailedError, from_code

SpeechService = Literal["asr", "tts"]

_SILENCE_SECONDS: Final = 60.0
"""Longest time without a log line before its ports are open. A download tells its progress, so it
may take longer as a whole; models load after that, within the request's deadline.
"""

_STOP_SECONDS: Final = 15.0
"""More than a server without requests needs; then it is killed."""

_MAX_ERROR_LINES: Final = 20
"""Log lines that are kept to explain a start that failed."""

_HOST: Final = "127.0.0.1"

_ERROR_LINE: Final = re.compile(r"error \[([A-Z_]+)\]: (.+)")
"""How `serve` ends when it cannot start; see `edge.show`."""

_LINE_BYTES: Final = 1024 * 1024
"""Longest log line; a traceback with its locals fits easily."""


@asynccontextmanager
async def temporary_server(
    service: SpeechService,
    config: Path | None,
    sets: Sequence[str],
    on_status: Callable[[str], None],
) -> AsyncIterator[Address]:
    """Run `serve` for one service on a free loopback port, unannounced; stopped on leaving.

    Raises LoadFailedError if it does not start, DeadlineError if that takes too long.
    """
    process = await asyncio.create_subprocess_exec(
        *_command(service, config, sets),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
        # A Ctrl-C is for us: we stop the server after its request.
        start_new_session=True,
    )
    assert process.stderr is not None  # noqa: S101  (asked for above)
    log = _ServerLog(process.stderr, on_status)
    following = asyncio.create_task(log.follow(), name="private server's log")
    try:
        on_status("starting a private server")
        yield Address(_HOST, await _wait_for_port(service, log, process))
    finally:
        await _stop(process)
        await following


def _command(service: SpeechService, config: Path | None, sets: Sequence[str]) -> list[str]:
    ours = [
        f"host={_HOST}",
        "api.enabled=false",
        "discovery.zeroconf=false",
        "log.format=json",
        "log.level=debug",  # progress is told there
        "preload=true",
        "asr.extra_ports={}",
        *(f"{name}.enabled={'true' if name == service else 'false'}" for name in _SERVICES),
        f"{service}.port=0",
    ]
    command = [sys.executable, "-m", "wyoming_servers", "serve"]
    if config is not None:
        command += ["--config", str(config)]
    for setting in (*sets, *ours):
        command += ["--set", setting]
    return command


_SERVICES: Final = ("asr", "tts", "wake")


class _ServerLog:
    """The private server's log, read as it is written."""

    def __init__(self, stream: asyncio.StreamReader, on_status: Callable[[str], None]) -> None:
        self._stream = stream
        self._on_status = on_status
        self.lines = 0
        """Log lines so far: it lives."""
        self.ports: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()
        self.errors: deque[str] = deque(maxlen=_MAX_ERROR_LINES)
        """Why it failed, as far as it said so."""

    async def follow(self) -> None:
        """Read until the server ends, so that it is never stopped by a full pipe."""
        while line := await self._next_line():
            self.lines += 1
            self._take(line.decode(errors="replace").strip())
        if not self.ports.done():
            self.ports.cancel()

    async def _next_line(self) -> bytes:
        try:
            return await self._stream.readline()
        except ValueError:
            return b"\n"  # longer than the limit: dropped, as the stream itself has done

    def _take(self, line: str) -> None:
        try:
            entry: Any = json.loads(line)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            if line:
                self.errors.append(line)
            return
        message = str(entry.get("message", ""))
        if entry.get("level") in ("error", "critical"):
            self.errors.append(message)
        event = entry.get("event")
        if not isinstance(event, dict):
            return
        if event.get("type") == "server_started" and not self.ports.done():
            self.ports.set_result(event["ports"])
        elif str(event.get("type")).startswith("model_"):
            self._on_status(message)


async def _wait_for_port(service: SpeechService, log: _ServerLog, process: asyncio.subprocess.Process) -> int:
    lines = -1
    while not log.ports.done():
        if log.lines == lines:
            raise DeadlineError(
                f"The private server said nothing for {_SILENCE_SECONDS:g} s and did not start.",
                hint="`wyoming-conductor serve` shows what it is doing.",
            )
        lines = log.lines
        await asyncio.wait([log.ports], timeout=_SILENCE_SECONDS)
    if log.ports.cancelled():
        raise _startup_error(log.errors, await process.wait())
    return log.ports.result()[service]


def _startup_error(errors: Sequence[str], code: int) -> ConductorError:
    """Return the error a server that ended at its start gave, or the best guess."""
    for line in reversed(errors):
        if told := _ERROR_LINE.fullmatch(line):
            failure = from_code(told[1], told[2])
            failure.hint = ""  # the text has it
            return failure
    told_last = errors[-1].rstrip(".") if errors else f"it ended with exit code {code}"
    return LoadFailedError(f"The private server did not start: {told_last}.")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
