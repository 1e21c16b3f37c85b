"""A server of our own for the length of one command, when none is running."""

import asyncio
import json
import re
import sys
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from wyoming_servers.cli.wyoming_client import (
    Address,
    describe,
    parse_address,
)
from wyoming_servers.core.errors import (
    BadRequestError,
    ConductorError,
    DeadlineError,
    LoadFailedError,
    from_code,
)

if TYPE_CHECKING:
    from wyoming_servers.config.schema import Config

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


async def _wait_for_port(
    service: SpeechService, log: _ServerLog, process: asyncio.subprocess.Process
) -> int:
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


# Which server a command talks to: the one named, the one configured here, or a private one.

_ANYWHERE: Final = frozenset({"", "0.0.0.0", "::", "localhost"})  # noqa: S104  (compared, not bound)
"""Hosts that include loopback when a server listens on them."""


@dataclass(frozen=True, slots=True)
class ServerTarget:
    """What the options say about the server to use."""

    service: SpeechService
    server: str | None
    """`--server`; None: the configured one on this machine, else a private one."""
    config: "Config"
    file: Path | None
    sets: Sequence[str]

    def address(self) -> Address:
        """Return where the server should be. Raises BadRequestError for a malformed address."""
        port: int = getattr(self.config, self.service).port
        if self.server is not None:
            return parse_address(self.server, port)
        host = self.config.host
        return Address("127.0.0.1" if host in _ANYWHERE else host, port)


@asynccontextmanager
async def open_server(
    target: ServerTarget, on_status: Callable[[str], None]
) -> AsyncIterator[Address]:
    """Give the address of a server that answers; starts a private one if none was named."""
    address = target.address()
    if target.server is not None or await _accepts_connections(address):
        await _check_service(target, address)
        yield address
        return
    if not getattr(target.config, target.service).enabled:
        raise BadRequestError(
            f"{target.service} is switched off in the configuration.",
            hint=f"Set {target.service}.enabled: true, or name a server with --server.",
        )
    async with temporary_server(target.service, target.file, target.sets, on_status) as private:
        yield private


async def _accepts_connections(address: Address) -> bool:
    """Whether anything accepts a connection there; port 0 stands for none in particular."""
    if address.port == 0:
        return False
    try:
        async with asyncio.timeout(2):
            _, writer = await asyncio.open_connection(address.host, address.port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True


async def _check_service(target: ServerTarget, address: Address) -> None:
    """Raise unless a server of the right kind answers there."""
    info = await describe(address)
    if not getattr(info, target.service):
        raise BadRequestError(
            f"The server at {address} does not offer {_SERVICE_NAMES[target.service]}.",
            hint="Name the port of one that does with --server HOST:PORT.",
        )


_SERVICE_NAMES: Final[dict[SpeechService, str]] = {"asr": "speech-to-text", "tts": "text-to-speech"}
