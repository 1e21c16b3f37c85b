"""Options that say which configuration holds, the same for every command."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wyoming_servers.config.load import LoadedConfig
import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration file; default: ~/.config/wyoming-conductor/config.yaml if it exists.",
    ),
]

DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", metavar="DIR", help="Where models, caches and state are; wins over the file."
    ),
]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Set one key, such as `asr.model=whisper/tiny.en`; can be given several times.",
    ),
]


def assignments(data_dir: Path | None, sets: Sequence[str] | None) -> list[str]:
    """Return the options as `path=value` texts."""
    given = [] if data_dir is None else [f"data_dir={data_dir.expanduser().absolute()}"]
    return [*given, *(sets or ())]


def load_configuration(
    config: Path | None, data_dir: Path | None = None, sets: Sequence[str] | None = None
) -> "LoadedConfig":
    """Return the configuration that the options, the environment and the file make.

    Raises ConfigError with every fault.
    """
    from wyoming_servers.config.load import load_config

    return load_config(config, assignments(data_dir, sets), os.environ)


# Commands that ask a running server over its HTTP API: their options, and the way there.

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server", metavar="HOST[:PORT]", help="Ask this HTTP API; default: the one here."
    ),
]

TokenFileOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="File with the token; default: <data_dir>/api-token.",
    ),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class ApiTarget:
    """Where the options say that the server is."""

    server: str | None
    token_file: Path | None
    config: Path | None
    data_dir: Path | None

    def request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **query: Any
    ) -> dict[str, Any]:
        """Return the server's answer. Raises as `cli.api_client.ApiClient` does."""
        from wyoming_servers.cli.api_client import ApiClient, find_api_address, read_token

        loaded = load_configuration(self.config, self.data_dir).config
        client = ApiClient(
            find_api_address(loaded, self.server), read_token(loaded, self.token_file)
        )

        async def run() -> dict[str, Any]:
            async with client:
                return await client.request(method, path, query, body)

        return asyncio.run(run())
