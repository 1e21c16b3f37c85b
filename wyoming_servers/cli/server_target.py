"""Finds the server for a command, or starts a temporary one if none is running."""

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

from wyoming_servers.cli.wyoming_client import Address, describe, parse_address
from wyoming_servers.core.errors import (
    BadRequestError,
    ConductorError,
    DeadlineError,
    LoadFailedError,
    from_code,
)
from wyoming_servers.data_dir.locks import find_running_server

if TYPE_CHECKING:
    from wyoming_servers.config.schema import Config

SpeechService = Literal["asr", "tts"]

_SERVICE_NAMES: Final[dict[SpeechService, str]] = {"asr": "speech-to-text", "tts": "text-to-speech"}

_ALL_SERVICES: Final = ("asr", "tts", "wake")

_WILDCARD_HOSTS: Final = frozenset({"", "0.0.0.0", "::", "localhost"})  # noqa: S104  (compared, not bound)
"""Hosts that include loopback when a server listens on them."""

_HOST: Final = "127.0.0.1"

_SILENCE_SECONDS: Final = 60.0
"""Longest time without a log line before the port is open. The model loads afterwards, within the
deadline of the request."""

_STOP_SECONDS: Final = 15.0
"""Time to stop before the server is killed; a server without requests needs less."""

_MAX_ERROR_LINES: Final = 20
"""Log lines that are kept to explain a failed start."""

_ERROR_LINE: Final = re.compile(r"error \[([A-Z_]+)\]: (.+)")
"""The last line of a `serve` that could not start; `cli.errors.print_error` writes it."""

_LINE_BYTES: Final = 1024 * 1024
"""Longest log line; enough for a traceback."""


@dataclass(frozen=True, slots=True)
class ServerTarget:
    """The server that the options of a command select."""

    service: SpeechService
    server: str | None
    """`--server`; None: the configured server on this machine, else a temporary one."""
    config: "Config"
    file: Path | None
    sets: Sequence[str]

    def address(self) -> Address:
        """Return the address of the server. Raises BadRequestError for a malformed `--server`."""
        port: int = getattr(self.config, self.service).port
        if self.server is not None:
            return parse_address(self.server, port)
        host = self.config.host
        return Address(_HOST if host in _WILDCARD_HOSTS else host, port)


@asynccontextmanager
async def open_server(
    target: ServerTarget, on_status: Callable[[str], None]
) -> AsyncIterator[Address]:
    """Yield the address of a server that answers.

    Starts a temporary server if none runs here and `--server` is not given, and installs its model
    first if that is missing.
    """
    address = target.address()
    if target.server is not None or await _accepts_connections(address):
        await _check_service(target, address)
        yield address
        return
    if not getattr(target.config, target.service).enabled:
        raise BadRequestError(
            f"{target.service} is disabled in the configuration.",
            hint=f"Set {target.service}.enabled: true, or choose a server with --server.",
        )
    await _install_default_model(target.config, target.service, on_status)
    async with temporary_server(target.service, target.file, target.sets, on_status) as temporary:
        yield temporary


@asynccontextmanager
async def open_api(
    target: ServerTarget, on_status: Callable[[str], None]
) -> AsyncIterator[Address]:
    """Yield the address of an HTTP API: that of `--server` or of the server on this machine.

    Starts a temporary server with the service and the API if there is none.
    """
    from wyoming_servers.cli.api_client import find_api_address

    running = await asyncio.to_thread(find_running_server, target.config.data_dir)
    if target.server is not None or running is not None:
        yield await asyncio.to_thread(find_api_address, target.config, target.server)
        return
    await _install_default_model(target.config, target.service, on_status)
    async with temporary_server(
        target.service, target.file, target.sets, on_status, api=True
    ) as temporary:
        yield temporary


@asynccontextmanager
async def temporary_server(
    service: SpeechService,
    config: Path | None,
    sets: Sequence[str],
    on_status: Callable[[str], None],
    *,
    api: bool = False,
) -> AsyncIterator[Address]:
    """Run `serve` with one service on a free loopback port, without discovery, until leaving.

    With `api`, the address is that of its HTTP API.

    Raises LoadFailedError if the server does not start, DeadlineError if that takes too long.
    """
    process = await asyncio.create_subprocess_exec(
        *_command(service, config, sets, api=api),
        # Held open by this process: the server stops at its end, even after `kill -9` of this one.
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        limit=_LINE_BYTES,
        # Ctrl-C ends this command, which then stops the server.
        start_new_session=True,
    )
    assert process.stderr is not None  # noqa: S101  (it is a pipe)
    log = _ServerLog(process.stderr, on_status)
    reader = asyncio.create_task(log.read(), name="log of the temporary server")
    try:
        on_status("starting a temporary server")
        yield Address(_HOST, await _wait_for_port("api" if api else service, log, process))
    finally:
        await _stop(process)
        await reader


async def _accepts_connections(address: Address) -> bool:
    """Check whether a program listens at an address; nothing listens at port 0."""
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
    """Raise an error unless a server with the target's service answers."""
    info = await describe(address)
    if not getattr(info, target.service):
        raise BadRequestError(
            f"The server at {address} does not offer {_SERVICE_NAMES[target.service]}.",
            hint="Choose the port of one that does with --server HOST:PORT.",
        )


async def _install_default_model(
    config: "Config", service: SpeechService, on_status: Callable[[str], None]
) -> None:
    """Install the default model of a service: a server would answer BUSY while it downloads it."""
    from wyoming_servers.models.recommendation import AutoModel, Machine
    from wyoming_servers.models.specs import served_models
    from wyoming_servers.models.store import ModelStore

    store = await ModelStore.open(
        config.data_dir, offline=config.downloads.offline, endpoint=config.downloads.endpoint
    )
    config = await asyncio.to_thread(AutoModel(store, Machine.of(())).resolve, config)
    model = served_models(config, store.catalog).get(service)
    if model is not None:
        await store.ensure(model, lambda phase, percent: on_status(f"{model}: {phase} {percent} %"))


def _command(
    service: SpeechService, config: Path | None, sets: Sequence[str], *, api: bool
) -> list[str]:
    overrides = [
        f"host={_HOST}",
        *(("api.enabled=true", "api.port=0", "api.auth=token") if api else ("api.enabled=false",)),
        "discovery.zeroconf=false",
        "log.format=json",
        "log.level=debug",  # the level of the progress of loading
        "preload=true",
        "asr.extra_ports={}",
        *(f"{name}.enabled={'true' if name == service else 'false'}" for name in _ALL_SERVICES),
        f"{service}.port=0",
    ]
    command = [sys.executable, "-m", "wyoming_servers", "serve", "--stop-with-stdin"]
    if config is not None:
        command += ["--config", str(config)]
    for setting in (*sets, *overrides):
        command += ["--set", setting]
    return command


class _ServerLog:
    """Reads the log of the temporary server."""

    def __init__(self, stream: asyncio.StreamReader, on_status: Callable[[str], None]) -> None:
        self._stream = stream
        self._on_status = on_status
        self.lines = 0
        """Number of lines so far; it grows while the server works."""
        self.ports: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()
        self.errors: deque[str] = deque(maxlen=_MAX_ERROR_LINES)
        """Errors, and lines that are not JSON."""

    async def read(self) -> None:
        """Read until the server ends: a full pipe would stop it."""
        while line := await self._read_line():
            self.lines += 1
            self._parse(line.decode(errors="replace").strip())
        if not self.ports.done():
            self.ports.cancel()

    async def _read_line(self) -> bytes:
        try:
            return await self._stream.readline()
        except ValueError:
            return b"\n"  # longer than the limit: the stream has dropped it

    def _parse(self, line: str) -> None:
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


async def _wait_for_port(service: str, log: _ServerLog, process: asyncio.subprocess.Process) -> int:
    lines = -1
    while not log.ports.done():
        if log.lines == lines:
            raise DeadlineError(
                f"The temporary server logged nothing for {_SILENCE_SECONDS:g} s.",
                hint="Run `wyoming-conductor serve` to see what it does.",
            )
        lines = log.lines
        await asyncio.wait([log.ports], timeout=_SILENCE_SECONDS)
    if log.ports.cancelled():
        raise _startup_error(log.errors, await process.wait())
    return log.ports.result()[service]


def _startup_error(errors: Sequence[str], code: int) -> ConductorError:
    """Return the error with which a server failed to start, or the most likely one."""
    for line in reversed(errors):
        if match := _ERROR_LINE.fullmatch(line):
            error = from_code(match[1], match[2])
            error.hint = ""  # part of the message
            return error
    reason = errors[-1].rstrip(".") if errors else f"it exited with code {code}"
    return LoadFailedError(f"The temporary server did not start: {reason}.")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
