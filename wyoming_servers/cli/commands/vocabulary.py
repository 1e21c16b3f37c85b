"""`wyoming-conductor vocabulary`: sets the names that speech-to-text should recognize."""

from pathlib import Path
from typing import Annotated, Any

import typer

from wyoming_servers.cli import options
from wyoming_servers.cli.options import (
    ApiTarget,
    JsonOption,
    ServerOption,
    TokenFileOption,
)

app = typer.Typer(
    no_args_is_help=True, help="Show and set the names that a running server should recognize."
)


@app.command()
def show(
    as_json: JsonOption = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """List the names and terms, the most important first."""
    from wyoming_servers.cli.output import print_json, print_note

    response = ApiTarget(server, token_file, config, data_dir).request("GET", "/vocabulary")
    if as_json:
        print_json(response)
        return
    for word in (*response["names"], *response["terms"]):
        typer.echo(word)
    print_note(_format_counts(response))


@app.command("set")
def replace(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Names, the most important first."),
    ] = None,
    term: Annotated[
        list[str] | None,
        typer.Option("--term", "-t", help="Another word that may occur. Repeatable."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="File with one name per line.", exists=True),
    ] = None,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Replace the vocabulary; it applies from the next utterance on.

    The Home Assistant integration does this automatically.

    \b
    Examples:
      wyoming-conductor vocabulary set "Reolink Doorbell" "Zigbee Hub" --term scullery
      wyoming-conductor vocabulary set --file names.txt
    """
    from wyoming_servers.cli.output import print_note

    lines = file.read_text("utf-8").splitlines() if file else []
    vocabulary = {"names": [*(names or ()), *lines], "terms": [*(term or ())]}
    response = ApiTarget(server, token_file, config, data_dir).request(
        "PUT", "/vocabulary", vocabulary
    )
    print_note(_format_counts(response))


@app.command()
def clear(
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Remove all names and terms."""
    from wyoming_servers.cli.output import print_note

    ApiTarget(server, token_file, config, data_dir).request("DELETE", "/vocabulary")
    print_note("The vocabulary is empty")


def _format_counts(response: dict[str, Any]) -> str:
    return f"{response['names_count']} names, {response['terms_count']} terms"
