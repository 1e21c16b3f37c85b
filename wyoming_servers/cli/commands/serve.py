"""`wyoming-conductor serve`: runs the server."""

import asyncio
import logging
import os
import sys
from typing import Annotated

import typer

from wyoming_servers.cli import options
from wyoming_servers.cli.errors import ExitCode
from wyoming_servers.core.errors import ConductorError

_LOGGER = logging.getLogger(__name__)


def serve(
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict",
            help="Do not start if any setting is wrong, instead of using its default.",
        ),
    ] = False,
    stop_with_stdin: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the server until SIGTERM or Ctrl-C.

    Ports: speech-to-text 10300, text-to-speech 10200, wake words 10400, HTTP API 10380. Home
    Assistant discovers them automatically.

    A wrong setting in the configuration file or the environment is ignored where its default is
    safe; the log, `/health` and `doctor` name it. Ports, the host, the data directory and keys that
    protect the server must be right.

    \b
    Examples:
      wyoming-conductor serve
      wyoming-conductor serve --config /etc/conductor.yaml --data-dir /var/lib/conductor
      wyoming-conductor serve --set asr.model=whisper/tiny.en --set keep_alive=5m
    """
    loaded = options.load_configuration(config, data_dir, sets, strict=strict, quiet=True)
    from wyoming_servers.telemetry import log_config

    log_config.setup_logging(loaded.config.log.level, loaded.config.log.format)
    from wyoming_servers import app
    from wyoming_servers.core.clock import SuspendAwareEventLoop

    try:
        with asyncio.Runner(loop_factory=SuspendAwareEventLoop) as runner:
            code = runner.run(app.serve(loaded, stop_with_stdin=stop_with_stdin))
    except ConductorError:
        raise
    except Exception as err:
        # A service is not run again with --debug: its log must have the traceback.
        _LOGGER.exception("The server failed.")
        raise typer.Exit(ExitCode.FAILED) from err
    if code == app.RESTART:
        _start_again()
    raise typer.Exit(code)


def _start_again() -> None:
    """Replace this process by a new server: same id, arguments, environment and log.

    The process keeps its id, so this works alone, under systemd and as the main process of a
    container, whatever their restart policy is. Returns only if it fails; the exit code then makes
    the supervisor start the server.
    """
    logging.shutdown()
    try:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606
    except OSError:
        _LOGGER.exception("The server cannot start itself again; start it by hand.")
