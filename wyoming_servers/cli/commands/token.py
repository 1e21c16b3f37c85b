"""`wyoming-conductor token` and `pair`: tokens for clients of the HTTP API."""

from typing import Annotated

import typer

from wyoming_servers.cli import options
from wyoming_servers.cli.options import (
    ApiTarget,
    JsonOption,
    ServerOption,
    TokenFileOption,
)
from wyoming_servers.http.auth.tokens import TokenScope

app = typer.Typer(no_args_is_help=True, help="Create, list and revoke tokens of the HTTP API.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the client, for `token list`.")],
    scope: Annotated[
        TokenScope,
        typer.Option(
            help="read: see the state. use: also transcribe and speak. operate: also load models "
            "and change settings. admin: everything."
        ),
    ] = TokenScope.OPERATE,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Create a token and print it. The server stores only its hash: it is shown this once.

    \b
    Examples:
      wyoming-conductor token create Grafana --scope read
    """
    from wyoming_servers.cli.output import print_note

    response = ApiTarget(server, token_file, config, data_dir).request(
        "POST", "/tokens", {"name": name, "scope": scope}
    )
    typer.echo(response["token"])
    print_note(f"Token {response['id']} ({name}) with scope {scope}")


@app.command("list")
def list_tokens(
    as_json: JsonOption = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """List the tokens, without that in <data_dir>/api-token."""
    from rich.table import Table

    from wyoming_servers.cli.output import console, print_json

    response = ApiTarget(server, token_file, config, data_dir).request("GET", "/tokens")
    if as_json:
        print_json(response)
        return
    columns = ("id", "name", "scope", "created_at")
    table = Table(*columns, box=None, pad_edge=False)
    for token in response["tokens"]:
        table.add_row(*(str(token[column]) for column in columns))
    console().print(table)


@app.command()
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="Id, as in `token list`.")],
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Revoke a token; the client that uses it is refused from now on."""
    from urllib.parse import quote

    from wyoming_servers.cli.output import print_note

    ApiTarget(server, token_file, config, data_dir).request(
        "DELETE", f"/tokens/{quote(token_id, safe='')}"
    )
    print_note(f"Token {token_id} revoked")


def pair(
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Print a pairing code, to enter in Home Assistant, and the fingerprint to compare there."""
    from wyoming_servers.cli.output import print_note
    from wyoming_servers.net.tls import group_fingerprint

    response = ApiTarget(server, token_file, config, data_dir).request("GET", "/pair/code")
    typer.echo(response["code"])
    print_note(f"Valid for {-(-response['expires_in_secs'] // 60)} minutes")
    if fingerprint := response.get("fingerprint"):
        print_note(f"SHA-256 fingerprint of the certificate: {group_fingerprint(fingerprint)}")
