"""`wyoming-conductor config`: validates, shows and changes the configuration."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wyoming_servers.cli import options
from wyoming_servers.config.errors import nearest_match

if TYPE_CHECKING:
    from wyoming_servers.config.load import LoadedConfig
    from wyoming_servers.config.schema import Config

app = typer.Typer(no_args_is_help=True, help="Validate, show and change the configuration.")


@app.command()
def check(
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """List every problem of the configuration, with the nearest valid key or value.

    The server starts in spite of most problems, with the default in place of the wrong value.
    Exits with code 0 if the configuration is valid, else with 2.

    \b
    Examples:
      wyoming-conductor config check
      wyoming-conductor config check --config new.yaml --json
    """
    from wyoming_servers.cli.errors import ExitCode
    from wyoming_servers.cli.output import print_json
    from wyoming_servers.config.errors import ConfigError
    from wyoming_servers.models.config_references import check_references
    from wyoming_servers.models.store import full_catalog

    try:
        loaded = options.load_configuration(config, data_dir, sets, strict=True)
        if problems := check_references(loaded.config, full_catalog(loaded.config.data_dir)):
            raise ConfigError(problems)
    except ConfigError as err:
        if not as_json:
            raise
        print_json({"valid": False, "faults": [asdict(problem) for problem in err.problems]})
        raise typer.Exit(ExitCode.USAGE) from err
    if as_json:
        print_json({"valid": True, "faults": []})
        return
    typer.echo(f"{loaded.file or 'The configuration (defaults, no file)'} is valid.")


@app.command()
def show(
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
    changed: Annotated[
        bool, typer.Option("--changed", help="Omit keys that have their default value.")
    ] = False,
    as_json: options.JsonOption = False,
) -> None:
    """Show every key with its value and the source of the value.

    \b
    Examples:
      wyoming-conductor config show
      wyoming-conductor config show --changed --set asr.beam_size=5
    """
    from wyoming_servers.cli.output import console, print_json

    loaded = options.load_configuration(config, data_dir, sets)
    values = loaded.config.model_dump(mode="json")
    rows = [
        (path, _value_at(values, path, loaded.config.models), source)
        for path, source in loaded.sources.items()
        if source != "default" or not changed
    ]
    if as_json:
        print_json({path: {"value": value, "source": source} for path, value, source in rows})
        return
    from rich.table import Table

    table = Table("key", "value", "source", box=None, pad_edge=False)
    for path, value, source in rows:
        table.add_row(path, _format_value(value), source)
    console().print(table)


_SECONDS: Final = 300.0
"""A change may load a model first."""


@app.command("get")
def get_value(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Key, such as `asr.model`.")],
    as_json: options.JsonOption = False,
    server: options.ServerOption = None,
    token_file: options.TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Show one value: of the running server if there is one, else of the next start.

    \b
    Examples:
      wyoming-conductor config get asr.model
      wyoming-conductor config get models.whisper/base.device --json
    """
    from wyoming_servers.cli.output import print_json
    from wyoming_servers.config.errors import ConfigError, ConfigProblem
    from wyoming_servers.config.key_tree import ConfigKey, find_node
    from wyoming_servers.config.sources import parse_path

    loaded = options.load_configuration(config, data_dir)
    if _is_running(loaded, server):
        target = options.ApiTarget(server, token_file, config, data_dir)
        shown = target.request("GET", "/config")
        values, sources = shown["effective"], shown["sources"]
    else:
        values, sources = loaded.config.model_dump(mode="json"), loaded.sources
    node = find_node(parse_path(key))
    if key in sources:
        value, source = _value_at(values, key, values["models"]), sources[key]
    elif isinstance(node, ConfigKey):  # such as of a model without settings
        value, source = node.default, "default"
    else:
        raise ConfigError([ConfigProblem(key, "is not a key.", nearest_match(key, sources))])
    if as_json:
        print_json({"key": key, "value": value, "source": source})
    else:
        typer.echo(_format_value(value))


@app.command("set")
def set_values(
    values: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE...", help="Values, such as `tts.speed=1.2`."),
    ] = None,
    unset: Annotated[
        list[str] | None,
        typer.Option("--unset", metavar="KEY", help="Undo an earlier change. Repeatable."),
    ] = None,
    as_json: options.JsonOption = False,
    server: options.ServerOption = None,
    token_file: options.TokenFileOption = None,
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
) -> None:
    """Change values for good; a running server uses them from the next request on.

    Without a running server, they are saved for the next start. All values are checked first; if
    one is not valid, nothing is changed.

    \b
    Examples:
      wyoming-conductor config set asr.model=whisper/tiny.en tts.speed=1.2
      wyoming-conductor config set --unset asr.model
    """
    from wyoming_servers.cli.output import print_json, print_note

    patch = _build_patch(values or [], unset or [])
    loaded = options.load_configuration(config, data_dir)
    if _is_running(loaded, server):
        target = options.ApiTarget(server, token_file, config, data_dir)
        change = target.request("PATCH", "/config", patch, timeout=_SECONDS)
    else:
        change = _save(loaded, patch)
    if as_json:
        print_json(change)
        return
    for key, source in change["shadowed"].items():
        print_note(f"{key} is set by the {source}, which takes precedence.")
    for key, status in change.get("keys", {}).items():
        if status["note"]:
            print_note(f"{key}: {status['note']}")
    if change["restart_needed"]:
        print_note(f"After a restart: {', '.join(change['restart_needed'])}")
    typer.echo(f"Changed: {', '.join(change['changed']) or 'nothing'}")


def _is_running(loaded: "LoadedConfig", server: str | None) -> bool:
    from wyoming_servers.data_dir.locks import find_running_server

    return server is not None or find_running_server(loaded.config.data_dir) is not None


def _build_patch(values: list[str], unset: list[str]) -> dict[str, Any]:
    """Return a JSON Merge Patch. Raises ConfigError for texts that are not `KEY=VALUE`."""
    from wyoming_servers.config.errors import ConfigError, ConfigProblem
    from wyoming_servers.config.sources import collect_assignments, parse_path

    problems: list[ConfigProblem] = []
    layer = collect_assignments(values, "command line", problems)
    if not values and not unset:
        problems.append(ConfigProblem("", "Give KEY=VALUE or --unset KEY."))
    if problems:
        raise ConfigError(problems)
    given = {path: sourced.value for path, sourced in layer.items()}
    given |= dict.fromkeys(parse_path(key) for key in unset)
    patch: dict[str, Any] = {}
    for path, value in given.items():
        section = patch
        for name in path[:-1]:
            section = section.setdefault(name, {})
        section[path[-1]] = str(value) if isinstance(value, Path) else value
    return patch


def _save(loaded: "LoadedConfig", patch: dict[str, Any]) -> dict[str, Any]:
    """Save a change without a server. Raises ConfigError if the next start would refuse it."""
    from wyoming_servers.config.editor import ConfigEditor, NoConfigApplier
    from wyoming_servers.config.errors import ConfigProblem
    from wyoming_servers.config.holder import ConfigHolder
    from wyoming_servers.models.config_references import (
        check_references,
        leave_out_unknown_names,
    )
    from wyoming_servers.models.store import full_catalog

    catalog = full_catalog(loaded.config.data_dir)

    class Checker(NoConfigApplier):
        async def check(self, saved: "Config", effective: "Config") -> list[ConfigProblem]:
            return await asyncio.to_thread(check_references, saved, catalog)

    loaded = leave_out_unknown_names(loaded, catalog)
    editor = ConfigEditor(loaded, ConfigHolder(loaded.config), Checker())
    change = asyncio.run(editor.patch(patch))
    return {
        "changed": list(change.changed),
        "restart_needed": [],
        "shadowed": dict(change.shadowed),
    }


def _value_at(values: dict[str, Any], path: str, models: Any) -> Any:
    """Return the value at a dotted path; the id of a model may contain dots itself."""
    rest = path
    for model in models:
        prefix = f"models.{model}."
        if path.startswith(prefix):
            values, rest = values["models"].get(model, {}), path.removeprefix(prefix)
            break
    found: Any = values
    for name in rest.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if value is None:
        return "-"
    return ", ".join(str(part) for part in value) if isinstance(value, list) else str(value)
