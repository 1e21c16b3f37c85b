"""`wyoming-conductor vocabulary`: names that the server should understand."""

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

app = typer.Typer(no_args_is_help=True, help="Tell a running server what things are called.")


@app.command()
def show(
    as_json: JsonOption = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """List the names and terms that are known, the most important first."""
    from wyoming_servers.cli.output import print_json, print_note

    answer = ApiTarget(server, token_file, config, data_dir).request("GET", "/vocabulary")
    if as_json:
        print_json(answer)
        return
    for word in (*answer["names"], *answer["terms"]):
        typer.echo(word)
    print_note(_format_counts(answer))


@app.command("set")
def replace(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Most important first.")
    ] = None,
    term: Annotated[
        list[str] | None,
        typer.Option("--term", "-t", help="Another word that may occur; several times."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", help="File with a name on each line.", exists=True),
    ] = None,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Replace all of it; it holds from the next utterance on. Home Assistant does this by itself.

    \b
    Examples:
      wyoming-conductor vocabulary set "Reolink Doorbell" "Zigbee Hub" --term scullery
      wyoming-conductor vocabulary set --file names.txt
    """
    from wyoming_servers.cli.output import print_note

    lines = file.read_text("utf-8").splitlines() if file else []
    wanted = {"names": [*(names or ()), *lines], "terms": [*(term or ())]}
    answer = ApiTarget(server, token_file, config, data_dir).request("PUT", "/vocabulary", wanted)
    print_note(_format_counts(answer))


@app.command()
def clear(
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Forget all of it."""
    from wyoming_servers.cli.output import print_note

    ApiTarget(server, token_file, config, data_dir).request("DELETE", "/vocabulary")
    print_note("The vocabulary is empty")


def _format_counts(answer: dict[str, Any]) -> str:
    return f"{answer['names_count']} names, {answer['terms_count']} terms"
