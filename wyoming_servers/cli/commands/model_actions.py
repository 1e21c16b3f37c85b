"""`wyoming-conductor models add | remove | refresh | load | unload`.

`add`, `remove` and `refresh` change the data directory; a running server notices within seconds.
`remove` asks a running server, which ends requests of the model first; `load` and `unload` need it.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from wyoming_servers.cli import options
from wyoming_servers.cli.commands.models import app, open_store

if TYPE_CHECKING:
    from wyoming_servers.config.schema import Config
    from wyoming_servers.models.store import ModelStore

__all__ = ["app"]  # with the commands of both modules

_POLL_SECONDS = 0.3

_REMOVE_SECONDS = 60.0
"""Timeout: running requests end first."""

ModelsArgument = Annotated[
    list[str], typer.Argument(metavar="MODEL...", help="Ids of models, as in `models list`.")
]


@app.command()
def add(
    source: Annotated[
        str,
        typer.Argument(
            metavar="PATH|REPOSITORY",
            help="A model's folder or .onnx file, or a repository on Hugging Face: OWNER/NAME, "
            "OWNER/NAME@REVISION or OWNER/NAME:FOLDER-OR-FILE.",
        ),
    ],
    name: Annotated[
        str, typer.Option("--name", help="Name of the model. Default: that of its folder or file.")
    ] = "",
    link: Annotated[
        bool, typer.Option("--link", help="Use the folder in place instead of copying it.")
    ] = False,
    as_json: options.JsonOption = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Add your own model and install it.

    Accepts Whisper for CTranslate2 (model.bin, config.json, tokenizer.json, vocabulary.json), a
    Piper voice (NAME.onnx and NAME.onnx.json) and an export of Kokoro (one .onnx file, voices.bin).

    \b
    Examples:
      wyoming-conductor models add ~/models/my-whisper --link
      wyoming-conductor models add ~/voices/en_US-me-medium.onnx --name en_US-me
      wyoming-conductor models add Systran/faster-whisper-large-v2
    """
    from wyoming_servers.cli.output import print_json, print_note, progress_bars
    from wyoming_servers.core.errors import BadRequestError

    path = Path(source).expanduser()
    is_path = path.exists() or source.startswith(("/", ".", "~"))
    if not is_path and (name or link):
        raise BadRequestError("--name and --link are for files and folders.")
    store = open_store(config, data_dir, sets)

    async def run() -> list[str]:
        if is_path:
            added = await store.add_path(path, name, link=link)
        else:
            added = await store.add_repository(source)
        with progress_bars() as add_bar:
            for model in added:
                await store.ensure(model, add_bar(model))
        return added

    added = asyncio.run(run())
    if as_json:
        print_json(added)
        return
    for model in added:
        entry = store.entry(model)
        voices = f" with the voices {', '.join(it.name for it in entry.offers)}"
        print_note(f"{model} is installed" + (voices if entry.offers else ""))


@app.command()
def refresh(
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Download the newest list of public Piper voices.

    \b
    Example:
      wyoming-conductor models refresh
    """
    from wyoming_servers.cli.output import print_note

    found = asyncio.run(open_store(config, data_dir, sets).refresh_voice_list())
    for model in found:
        typer.echo(model)
    print_note(f"{len(found)} new voices" if found else "the list of voices is current")


@app.command()
def remove(
    models: ModelsArgument,
    force: Annotated[
        bool, typer.Option("--force", help="Remove models even if they are in use.")
    ] = False,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
) -> None:
    """Delete the files of models.

    A model that a setting or a client uses is removed only with --force. Files that belong to a
    Python package stay; remove those with pip. Your own models are deleted for good.

    \b
    Examples:
      wyoming-conductor models remove whisper/tiny.en
      wyoming-conductor models remove own/my-voice --force
    """
    from wyoming_servers.cli.output import megabytes, print_note
    from wyoming_servers.data_dir.locks import find_running_server

    loaded = options.load_configuration(config, data_dir, sets).config
    store = open_store(config, data_dir, sets)
    for model in models:
        store.entry(model)
    running = find_running_server(loaded.data_dir)
    target = options.ApiTarget(None, None, config, data_dir)
    for model in dict.fromkeys(models):
        if running is not None and "api" in running.ports:
            query: dict[str, Any] = {"force": True} if force else {}
            path = f"/models/{quote(model)}"
            response = target.request("DELETE", path, timeout=_REMOVE_SECONDS, **query)
            freed = response["freed_bytes"]
        else:
            freed = _remove_offline(store, loaded, model, force=force)
        print_note(f"{model} is removed; {megabytes(freed)} freed")


@app.command()
def load(
    models: ModelsArgument,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait until the models are ready.")
    ] = True,
    server: options.ServerOption = None,
    token_file: options.TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Load models into the memory of a running server.

    \b
    Example:
      wyoming-conductor models load whisper/base
    """
    from wyoming_servers.cli.output import print_note, progress_bars

    target = options.ApiTarget(server, token_file, config, data_dir)
    for model in dict.fromkeys(models):
        target.request("POST", f"/models/{quote(model)}/load")
        if not wait:
            print_note(f"{model} is being loaded")
            continue
        with progress_bars() as add_bar:
            status = _wait_loaded(target, model, add_bar(model))
        seconds = status.get("load_seconds")
        took = f" after {seconds:.1f} s" if seconds is not None else ""
        print_note(f"{model} is ready on {status['device']}{took}")


@app.command()
def unload(
    models: ModelsArgument,
    server: options.ServerOption = None,
    token_file: options.TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Unload models from the memory of a running server; running requests finish first.

    \b
    Example:
      wyoming-conductor models unload whisper/base
    """
    from wyoming_servers.cli.output import print_note

    target = options.ApiTarget(server, token_file, config, data_dir)
    for model in dict.fromkeys(models):
        target.request("POST", f"/models/{quote(model)}/unload")
        print_note(f"{model} is being unloaded")


def _wait_loaded(target: options.ApiTarget, model: str, on_progress: Any) -> dict[str, Any]:
    """Return the status of a model when it is ready. Raises LoadFailedError with the reason."""
    import time

    from wyoming_servers.core.errors import LoadFailedError

    while True:
        status = target.request("GET", f"/models/{quote(model)}")
        if status["state"] == "ready":
            return status
        if status["state"] in ("failed", "unfit", "unloaded"):
            failure = status.get("failure") or status.get("error") or {}
            text = failure.get("message") if isinstance(failure, dict) else failure
            raise LoadFailedError(f"{model} is {status['state']}. {text or ''}".strip())
        if progress := status.get("progress"):
            on_progress(progress["phase"], progress["percent"])
        time.sleep(_POLL_SECONDS)


def _remove_offline(store: "ModelStore", config: "Config", model: str, *, force: bool) -> int:
    """Remove a model while no server runs. Raises ConflictError for a model in use."""
    import time

    from wyoming_servers.core.errors import ConflictError
    from wyoming_servers.models.references import (
        REFERENCES_FILE,
        configured_uses,
        read_references,
        referenced_uses,
    )

    entry = store.entry(model)
    references = read_references(config.data_dir / REFERENCES_FILE, time.time())
    uses = configured_uses(config, entry) + referenced_uses(references, entry)
    if uses and not force:
        raise ConflictError(
            f"{model} is in use: {'; '.join(use.detail for use in uses)}.",
            hint="Use another model there, or remove it with --force.",
        )
    return asyncio.run(store.remove(model))
