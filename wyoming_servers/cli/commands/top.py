"""`wyoming-conductor top`: live view of devices, models, the queue and events."""

import asyncio
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wyoming_servers.cli import options
from wyoming_servers.cli.errors import UnreachableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from rich.live import Live

    from wyoming_servers.cli.api_client import ApiClient
    from wyoming_servers.config.schema import Config

_IGNORED_EVENTS: Final = frozenset({"model_progress", "stream_opened"})
"""Frequent events that do not redraw the view; it is redrawn every second anyway."""

_MIN_FRAME_SECONDS: Final = 0.1
"""Shortest time between two frames."""

_RECONNECT_SECONDS: Final = 2.0
"""Pause before the next attempt to reach a server that stopped."""

_MAX_EVENTS: Final = 50
"""Events to request; a frame shows as many as fit."""


def top(
    once: Annotated[bool, typer.Option("--once", help="Print one frame and exit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the status as JSON.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.1, max=60, help="Seconds between two frames without events.")
    ] = 1.0,
    server: options.ServerOption = None,
    token_file: options.TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Watch devices, models, the queue and events until Ctrl-C.

    Prints one frame if the output is a pipe or a file.

    \b
    Examples:
      wyoming-conductor top
      wyoming-conductor top --once
      wyoming-conductor top --json | jq '.models[] | select(.state == "ready") | .id'
      wyoming-conductor top --server speech.local --token-file token.txt
    """
    loaded = options.load_configuration(config, data_dir, sets).config
    if as_json or once or not sys.stdout.isatty():
        asyncio.run(_print_once(loaded, server, token_file, as_json=as_json))
        return
    # Ctrl-C is the normal way to leave.
    with suppress(KeyboardInterrupt):
        asyncio.run(_watch(loaded, server, token_file, interval))


async def _open_client(
    config: "Config", server: str | None, token_file: Path | None
) -> "ApiClient":
    """Find the server; its address may change with each start."""
    from wyoming_servers.cli.api_client import ApiClient, find_api_address, read_token

    def find() -> "ApiClient":
        return ApiClient(find_api_address(config, server), read_token(config, token_file))

    return await asyncio.to_thread(find)


async def _print_once(
    config: "Config", server: str | None, token_file: Path | None, *, as_json: bool
) -> None:
    from wyoming_servers.cli.output import console, print_json
    from wyoming_servers.cli.top_view import render_status

    async with await _open_client(config, server, token_file) as client:
        status = await client.get("/status")
    if as_json:
        print_json(status)
    else:
        console().print(render_status(status))


async def _watch(
    config: "Config", server: str | None, token_file: Path | None, interval: float
) -> None:
    """Draw frames until cancelled. Raises UnreachableError if there is no first one."""
    from rich.live import Live

    from wyoming_servers.cli.output import console

    with Live(console=console(), screen=True, auto_refresh=False) as live:
        screen = _Screen(live)
        while True:
            try:
                async with await _open_client(config, server, token_file) as client:
                    await _follow(client, screen, interval)
            except UnreachableError as err:
                if screen.empty:
                    raise
                screen.draw(notice=f"{err.message} Trying again.")
            await asyncio.sleep(_RECONNECT_SECONDS)


class _Screen:
    """The terminal, and the last status."""

    def __init__(self, live: "Live") -> None:
        self._live = live
        self._status: dict[str, Any] | None = None

    @property
    def empty(self) -> bool:
        """Whether no status was shown yet."""
        return self._status is None

    def draw(self, status: dict[str, Any] | None = None, notice: str = "") -> None:
        """Draw a new status, or the last one with a notice."""
        from wyoming_servers.cli.top_view import render_status

        self._status = status or self._status
        if self._status is not None:
            frame = render_status(self._status, notice, height=self._live.console.height)
            self._live.update(frame, refresh=True)


async def _follow(client: "ApiClient", screen: _Screen, interval: float) -> None:
    """Draw now, at each event, and after `interval` seconds without one.

    Raises UnreachableError when the server stops.
    """
    changed = asyncio.Event()
    async with client.events() as types:
        reader = asyncio.create_task(_signal_changes(types, changed), name="events")
        try:
            while not reader.done():
                changed.clear()
                screen.draw(await client.get("/status", events=_MAX_EVENTS))
                await asyncio.sleep(_MIN_FRAME_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(interval):
                        await changed.wait()
        finally:
            reader.cancel()
            await asyncio.wait([reader])
    raise UnreachableError("The server stopped.")


async def _signal_changes(types: "AsyncIterator[str]", changed: asyncio.Event) -> None:
    """Set `changed` at each event; return when the server stops."""
    try:
        async for kind in types:
            if kind not in _IGNORED_EVENTS:
                changed.set()
    finally:
        changed.set()
