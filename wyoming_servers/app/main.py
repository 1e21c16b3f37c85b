"""Runs the application until a signal: start, serve, stop."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
from typing import Final

from wyoming_servers.app.application import Application
from wyoming_servers.config.load import LoadedConfig
from wyoming_servers.config.schema import Config
from wyoming_servers.core import systemd
from wyoming_servers.core.sandbox import policy as sandbox
from wyoming_servers.core.sandbox.confine import PRIVATE_UMASK, kernel_support

_LOGGER: Final = logging.getLogger(__name__)

RESTART: Final = 75
"""Exit code of a server that is to be started again; EX_TEMPFAIL of sysexits.h, which a supervisor
counts as a failure and restarts."""


def freeze_gc() -> None:
    """Exempt all objects that exist now from garbage collection.

    These are about 100,000 objects, nearly all of them code. A full collection that visits them
    blocks the event loop for 50 ms, which used to happen in the middle of speech.
    """
    gc.collect()
    gc.freeze()


def secure_process(config: Config) -> None:
    """Keep new files from other users, and set how child processes are confined."""
    os.umask(PRIVATE_UMASK)
    sandbox.configure(enabled=config.security.sandbox == "auto", secrets=config.data_dir)
    missing = kernel_support().missing
    if config.security.sandbox == "auto" and missing:
        _LOGGER.debug("Child processes are confined less: no %s here", " and no ".join(missing))


async def serve(loaded: LoadedConfig, *, stop_with_stdin: bool = False) -> int:
    """Run until SIGTERM, SIGINT or a restart request; return the exit code.

    `RESTART` asks the caller to run the program again. Raises ConductorError if it cannot start.

    A second signal ends the grace time of running requests. With `stop_with_stdin` the end of the
    standard input is a signal too: a temporary server must not outlive its command.
    """
    secure_process(loaded.config)
    application = Application(loaded)
    stop_requested = asyncio.Event()
    main = asyncio.current_task()

    def on_signal() -> None:
        if stop_requested.is_set() and main is not None:
            main.cancel()
        stop_requested.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    if stop_with_stdin:

        def on_input() -> None:
            if not os.read(0, 1_024):
                loop.remove_reader(0)
                on_signal()

        loop.add_reader(0, on_input)

    starting = asyncio.create_task(application.start(), name="start")
    stopping = asyncio.create_task(stop_requested.wait(), name="wait for a signal")
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        # Stopped during the start.
        starting.cancel()
        await asyncio.wait([starting])
        return 0
    try:
        starting.result()
        freeze_gc()
        systemd.notify(systemd.READY)
        restarting = asyncio.create_task(application.wait_restart(), name="wait for a restart")
        await asyncio.wait({stopping, restarting}, return_when=asyncio.FIRST_COMPLETED)
        restarting.cancel()
    finally:
        stopping.cancel()
    if stop_requested.is_set():
        systemd.notify(systemd.STOPPING)
    with contextlib.suppress(asyncio.CancelledError):
        await application.stop()
    return 0 if stop_requested.is_set() else RESTART
