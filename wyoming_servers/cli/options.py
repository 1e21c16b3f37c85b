"""Command-line options that several commands share, and the configuration they lead to."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from wyoming_servers.cli.api_client import ApiClient
    from wyoming_servers.config.load import LoadedConfig

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration file. Default: ~/.config/wyoming-conductor/config.yaml, if it exists.",
    ),
]

DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="DIR",
        help="Directory of models, caches and state. Overrides the configuration file.",
    ),
]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Set a configuration key, such as `asr.model=whisper/tiny.en`. Repeatable.",
    ),
]

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="[https://]HOST[:PORT]",
        help="Server (HTTP API) to use, with https:// if it has api.tls. Default: the one on this "
        "machine.",
    ),
]

TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="File with the API token. Default: <data_dir>/api-token.",
    ),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def assignments(data_dir: Path | None, sets: Sequence[str] | None) -> list[str]:
    """Return the values of `--data-dir` and `--set` as `key=value` texts."""
    given = [] if data_dir is None else [f"data_dir={data_dir.expanduser().absolute()}"]
    return [*given, *(sets or ())]


def load_configuration(
    config: Path | None,
    data_dir: Path | None = None,
    sets: Sequence[str] | None = None,
    *,
    strict: bool = False,
    quiet: bool = False,
) -> "LoadedConfig":
    """Load the configuration from the options, the environment and the file.

    Unless `strict`, a wrong setting is ignored where its default is safe, as the server does; a
    note says so, unless `quiet`. Raises ConfigError with every other problem.
    """
    from wyoming_servers.cli.output import print_note
    from wyoming_servers.config.load import load_config

    loaded = load_config(config, assignments(data_dir, sets), os.environ, strict=strict)
    for problem in () if quiet else loaded.ignored:
        print_note(f"Ignored setting: {problem}")
    return loaded


@dataclass(frozen=True, slots=True)
class ApiTarget:
    """The HTTP API that the options of a command select."""

    server: str | None
    token_file: Path | None
    config: Path | None
    data_dir: Path | None

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        timeout: float = 5.0,
        **query: Any,
    ) -> dict[str, Any]:
        """Send one request and return the response. Raises the errors of `ApiClient`."""
        client = self._client()

        async def run() -> dict[str, Any]:
            async with client:
                return await client.request(method, path, query, body, timeout)

        return asyncio.run(run())

    def upload(self, path: str, file: Path) -> dict[str, Any]:
        """Send a form with a file and return the response. Raises the errors of `ApiClient`."""
        client = self._client()

        async def run() -> dict[str, Any]:
            async with client:
                return await client.upload(path, file)

        return asyncio.run(run())

    def _client(self) -> "ApiClient":
        from wyoming_servers.cli.api_client import ApiClient, find_api_address, read_token

        loaded = load_configuration(self.config, self.data_dir).config
        return ApiClient(find_api_address(loaded, self.server), read_token(loaded, self.token_file))
