"""Commands that ask a running server over its HTTP API: their options, and the way there."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from wyoming_servers.cli import settings

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

        loaded = settings.load_configuration(self.config, self.data_dir).config
        client = ApiClient(find_api_address(loaded, self.server), read_token(loaded, self.token_file))

        async def run() -> dict[str, Any]:
            async with client:
                return await client.request(method, path, query, body)

        return asyncio.run(run())
