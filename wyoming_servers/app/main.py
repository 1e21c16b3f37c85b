"""The program's life: start, serve until a signal, stop."""

import asyncio
import contextlib
import gc
import signal

from wyoming_servers.app.application import Application
from wyoming_servers.config.load import LoadedConfig


def freeze_gc() -> None:
    """Search what exists now for garbage once, and never again.

    It is a hundred thousand objects, nearly all of them code. To go through them takes 50 ms, in
    which the event loop stands still; that used to happen in the middle of speech.
    """
    gc.collect()
    gc.freeze()


async def serve(loaded: LoadedConfig) -> int:
    """Run until SIGTERM or SIGINT; return the exit code. Raises ConductorError if it can't start.

    A second signal ends the grace time at once.
    """
    conductor = Application(loaded)
    asked_to_stop = asyncio.Event()
    main = asyncio.current_task()

    def on_signal() -> None:
        if asked_to_stop.is_set() and main is not None:
            main.cancel()
        asked_to_stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)

    starting = asyncio.create_task(conductor.start(), name="start")
    asked = asyncio.create_task(asked_to_stop.wait(), name="wait for a signal")
    await asyncio.wait({starting, asked}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        # Asked to leave while models are still being fetched: what has arrived is kept.
        starting.cancel()
        await asyncio.wait([starting])
        return 0
    try:
        starting.result()
        freeze_gc()
        await asked
    finally:
        asked.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await conductor.stop()
    return 0
