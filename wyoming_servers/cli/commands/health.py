"""`wyoming-conductor health`: tells whether the server of this machine answers."""

import http.client
import json
import os
import socket
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final

import typer

from wyoming_servers.cli import options
from wyoming_servers.cli.errors import UnreachableError
from wyoming_servers.data_dir.locks import RunningServer, find_running_server

_SECONDS: Final = 5.0
_MAX_BYTES: Final = 64 * 1024
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}  # noqa: S104  (compared, not bound)


def health(
    ready: Annotated[
        bool,
        typer.Option("--ready", help="Fail, too, while the server cannot serve requests."),
    ] = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Exit with 0 if the server of this machine answers, else with 3; needs no token.

    For health checks of containers and monitoring. The ports are those that the server opened.

    \b
    Examples:
      wyoming-conductor health
      wyoming-conductor health --ready
    """
    folder = _data_dir(config, data_dir)
    running = find_running_server(folder)
    if running is None:
        raise UnreachableError(
            f"No server uses the data directory {folder}.",
            hint="Start one with `wyoming-conductor serve`, or name its folder with --data-dir.",
        )
    host = _LOOPBACK.get(running.host, running.host)
    service, port = _port(running)
    try:
        if service == "api":
            _ask_api(host, port, "/health/ready" if ready else "/health/live")
        else:
            _ping(host, port)
    except (OSError, ValueError, http.client.HTTPException) as err:
        raise UnreachableError(
            f"The server does not answer at {host}:{port}: {err}.", hint="Restart it."
        ) from err
    typer.echo(f"The server answers at {host}:{port}.")


def _data_dir(config: Path | None, data_dir: Path | None) -> Path:
    """Return the configured data directory.

    A container's health check runs this every few seconds, and reading the whole configuration
    takes most of its time: that is left out where the folder is known without it.
    """
    if data_dir is not None:
        return data_dir.expanduser()
    if folder := os.environ.get("WYOMING_CONDUCTOR_DATA_DIR"):
        return Path(folder).expanduser()
    return options.load_configuration(config).config.data_dir


def _port(running: RunningServer) -> tuple[str, int]:
    """Return a service of the server and its port, the HTTP API if it is enabled."""
    for service in ("api", *running.ports):
        if service in running.ports:
            return service, running.ports[service]
    raise UnreachableError("The server has no open port.")


def _ask_api(host: str, port: int, path: str) -> None:
    """Raise UnreachableError unless the answer is good. Plain HTTP is allowed on this machine."""
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", path)
        with connection.getresponse() as response:
            body = response.read(_MAX_BYTES)
    finally:
        connection.close()
    if response.status == HTTPStatus.SERVICE_UNAVAILABLE:
        reasons = "; ".join(json.loads(body).get("reasons", []))
        raise UnreachableError(
            f"The server is not ready: {reasons}.", hint="Wait until its models are loaded."
        )
    if response.status != HTTPStatus.OK:
        raise UnreachableError(f"The server answers {response.status} to {path}.")


def _ping(host: str, port: int) -> None:
    """Exchange the Wyoming events `ping` and `pong`. Raises OSError, ValueError."""
    with socket.create_connection((host, port), timeout=_SECONDS) as sock:
        sock.sendall(b'{"type": "ping"}\n')
        with sock.makefile("rb") as file:
            answer = json.loads(file.readline(_MAX_BYTES))
    if answer.get("type") != "pong":
        raise ValueError(f"the answer is {answer.get('type')}")
