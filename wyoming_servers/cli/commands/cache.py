"""`wyoming-conductor cache`: shows and clears what the server can restore: models, phrases."""

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

app = typer.Typer(no_args_is_help=True, help="Show and clear the caches of a running server.")


_CLEAR_SECONDS = 60.0
"""Timeout: gigabytes take a while on a slow disk."""


class CacheSection(StrEnum):
    """A section of the cache."""

    MODELS = "models"
    PHRASES = "phrases"


SectionArgument = Annotated[
    CacheSection | None, typer.Argument(help="Show or clear this section only.")
]


@app.command()
def show(
    section: SectionArgument = None,
    as_json: JsonOption = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Show a summary of the caches, or the entries of one section.

    \b
    Examples:
      wyoming-conductor cache show
      wyoming-conductor cache show phrases
      wyoming-conductor cache show phrases --json | jq -r '.entries[].text'
    """
    from wyoming_servers.cli.output import print_json

    path = f"/cache/{section}" if section else "/cache"
    response = ApiTarget(server, token_file, config, data_dir).request("GET", path)
    if as_json:
        print_json(response)
    elif section is None:
        _print_summary(response)
    else:
        _print_entries(section, response["entries"])


@app.command()
def clear(
    section: SectionArgument = None,
    entry: Annotated[
        str | None, typer.Argument(help="Id of a model or key of a phrase, as in `cache show`.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Delete nothing; show what would be deleted.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Delete the named model even if it is in use.")
    ] = False,
    as_json: JsonOption = False,
    server: ServerOption = None,
    token_file: TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Delete unused models, partial downloads and cached phrases.

    Models that a setting or a client uses are kept, loaded or not; `--dry-run` shows which and why.

    \b
    Examples:
      wyoming-conductor cache clear --dry-run
      wyoming-conductor cache clear
      wyoming-conductor cache clear phrases
      wyoming-conductor cache clear models whisper/small --force
    """
    from urllib.parse import quote

    from wyoming_servers.cli.output import megabytes, print_json, print_note
    from wyoming_servers.core.errors import BadRequestError

    if dry_run and (entry is not None or section is CacheSection.PHRASES):
        raise BadRequestError("--dry-run is for `cache clear` and `cache clear models`.")
    if force and (entry is None or section is not CacheSection.MODELS):
        raise BadRequestError("--force needs a model: `cache clear models MODEL --force`.")
    path = f"/cache/{section}" if section else "/cache"
    if entry is not None:
        path += f"/{quote(entry)}"
    query: dict[str, Any] = {"dry_run": True} if dry_run else {"force": True} if force else {}
    response = ApiTarget(server, token_file, config, data_dir).request(
        "DELETE", path, timeout=_CLEAR_SECONDS, **query
    )
    if as_json:
        print_json(response)
        return
    for model in response.get("deleted", ()):
        verb = "would be deleted" if dry_run else "deleted"
        typer.echo(f"{model['id']}  {megabytes(model['bytes'])}  {verb}")
    for model in response.get("kept", ()):
        reasons = "; ".join(use["detail"] for use in model["uses"])
        typer.echo(f"{model['id']}  {megabytes(model['bytes'])}  kept: {reasons}")
    verb = "would be freed" if dry_run else "freed"
    print_note(f"{megabytes(response['freed_bytes'])} {verb}")


def _print_summary(cache: dict[str, Any]) -> None:
    from wyoming_servers.cli.output import megabytes

    models, phrases = cache["models"], cache["phrases"]
    typer.echo(f"models   {megabytes(models['bytes']):>8}  {len(models['entries'])} models")
    if phrases is None:
        typer.echo("phrases  the cache is disabled")
        return
    rate = phrases["hit_rate"]
    hits = "" if rate is None else f", {rate:.0%} of all phrases came from the cache"
    typer.echo(f"phrases  {megabytes(phrases['bytes']):>8}  {phrases['phrases']} phrases{hits}")


def _print_entries(section: CacheSection, entries: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from wyoming_servers.cli.output import console, megabytes

    table = Table(box=None, pad_edge=False)
    titles = (
        ("model", "size", "in use")
        if section is CacheSection.MODELS
        else ("key", "size", "hits", "text")
    )
    for title in titles:
        table.add_column(title, no_wrap=title in ("model", "key"))
    for entry in entries:
        size = megabytes(entry["bytes"])
        if section is CacheSection.MODELS:
            table.add_row(entry["id"], size, "; ".join(use["detail"] for use in entry["uses"]))
        else:
            table.add_row(entry["key"], size, str(entry["hits"]), entry["text"])
    console().print(table)
