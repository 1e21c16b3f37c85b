"""`wyoming-conductor cache`: what the server keeps and could have again."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from wyoming_servers.cli import options
from wyoming_servers.cli.options import (
    ApiTarget,
    JsonOption,
    ServerOption,
    TokenFileOption,
)

app = typer.Typer(no_args_is_help=True, help="Show and clear what a running server keeps.")


class CacheSection(StrEnum):
    """A part of the cache."""

    MODELS = "models"
    PHRASES = "phrases"


SectionArgument = Annotated[CacheSection | None, typer.Argument(help="One part only.")]


@app.command()
def show(
    part: SectionArgument = None,
    as_json: JsonOption = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Show what is kept: all of it in short, or one part entry by entry.

    \b
    Examples:
      wyoming-conductor cache show
      wyoming-conductor cache show phrases
      wyoming-conductor cache show phrases --json | jq -r '.entries[].text'
    """
    from wyoming_servers.cli.output import print_json

    path = f"/cache/{part}" if part else "/cache"
    answer = ApiTarget(server, token_file, config, data_dir).request("GET", path)
    if as_json:
        print_json(answer)
    elif part is None:
        _print_summary(answer)
    else:
        _print_entries(part, answer["entries"])


@app.command()
def clear(
    part: SectionArgument = None,
    entry: Annotated[
        str | None, typer.Argument(help="One model's id or phrase's key, as `show` has it.")
    ] = None,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Delete what can be had again: unused models and unfinished downloads, spoken phrases.

    \b
    Examples:
      wyoming-conductor cache clear
      wyoming-conductor cache clear phrases
      wyoming-conductor cache clear models whisper/small
    """
    from urllib.parse import quote

    from wyoming_servers.cli.output import megabytes, print_note

    path = f"/cache/{part}" if part else "/cache"
    if entry is not None:
        path += f"/{quote(entry)}"
    answer = ApiTarget(server, token_file, config, data_dir).request("DELETE", path)
    print_note(f"{megabytes(answer['freed_bytes'])} freed")


def _print_summary(cache: dict[str, Any]) -> None:
    from wyoming_servers.cli.output import megabytes

    models, phrases = cache["models"], cache["phrases"]
    typer.echo(f"models   {megabytes(models['bytes']):>8}  {len(models['entries'])} models")
    if phrases is None:
        typer.echo("phrases  none are kept")
        return
    rate = phrases["hit_rate"]
    used = "" if rate is None else f", {rate:.0%} of what was said came from here"
    typer.echo(f"phrases  {megabytes(phrases['bytes']):>8}  {phrases['phrases']} phrases{used}")


def _print_entries(part: CacheSection, entries: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from wyoming_servers.cli.output import console, megabytes

    table = Table(box=None, pad_edge=False)
    titles = (
        ("model", "size", "") if part is CacheSection.MODELS else ("key", "size", "hits", "text")
    )
    for title in titles:
        table.add_column(title, no_wrap=title in ("model", "key"))
    for entry in entries:
        size = megabytes(entry["bytes"])
        if part is CacheSection.MODELS:
            table.add_row(entry["id"], size, "in use" if entry["in_use"] else "")
        else:
            table.add_row(entry["key"], size, str(entry["hits"]), entry["text"])
    console().print(table)
