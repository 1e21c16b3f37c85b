"""`wyoming-conductor top`: devices, models, the queue and the last events, as they change."""

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
"""Events that come often and change nothing that could not wait for the next second."""

_MIN_FRAME_SECONDS: Final = 0.1
"""Seconds between two frames at least, however much happens."""

_RECONNECT_SECONDS: Final = 2.0
"""Seconds before a server that has gone is looked for again."""

_MAX_EVENTS: Final = 50
"""Events that are asked for; a frame shows as many as it has room for."""


def top(
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is known as JSON.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.1, max=60, help="Seconds between two frames if nothing happens.")
    ] = 1.0,
    server: Annotated[
        str | None,
        typer.Option(metavar="HOST[:PORT]", help="Ask this HTTP API; default: the one here."),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File with the token; default: <data_dir>/api-token."),
    ] = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Watch devices, models, the queue and what happens; Ctrl-C ends it.

    Prints one frame where nobody watches: into a pipe or a file.

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
    # That is how people leave it; it is not a failure.
    with suppress(KeyboardInterrupt):
        asyncio.run(_watch(loaded, server, token_file, interval))


async def _open_client(
    config: "Config", server: str | None, token_file: Path | None
) -> "ApiClient":
    """Look where the server is, which may change whenever it starts anew."""
    from wyoming_servers.cli.api_client import ApiClient, find_api_address, read_token

    def look() -> "ApiClient":
        return ApiClient(find_api_address(config, server), read_token(config, token_file))

    return await asyncio.to_thread(look)


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
    """Draw frame after frame. Raises UnreachableError only if there is no first one."""
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
    """What is shown, and the last that was known."""

    def __init__(self, live: "Live") -> None:
        self._live = live
        self._status: dict[str, Any] | None = None

    @property
    def empty(self) -> bool:
        """Whether there was nothing to show yet."""
        return self._status is None

    def draw(self, status: dict[str, Any] | None = None, notice: str = "") -> None:
        """Show a new frame, or the last one again with a notice."""
        from wyoming_servers.cli.top_view import render_status

        self._status = status or self._status
        if self._status is not None:
            frame = render_status(self._status, notice, height=self._live.console.height)
            self._live.update(frame, refresh=True)


async def _follow(client: "ApiClient", screen: _Screen, interval: float) -> None:
    """Draw now, at every event, and after `interval` seconds without one; raises at its end."""
    changed = asyncio.Event()
    async with client.events() as types:
        listening = asyncio.create_task(_signal_changes(types, changed), name="events")
        try:
            while not listening.done():
                changed.clear()
                screen.draw(await client.get("/status", events=_MAX_EVENTS))
                await asyncio.sleep(_MIN_FRAME_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(interval):
                        await changed.wait()
        finally:
            listening.cancel()
            await asyncio.wait([listening])
    raise UnreachableError("The server has stopped.")


async def _signal_changes(types: "AsyncIterator[str]", changed: asyncio.Event) -> None:
    """Tell when something happens; ends when the server does."""
    try:
        async for kind in types:
            if kind not in _IGNORED_EVENTS:
                changed.set()
    finally:
        changed.set()
