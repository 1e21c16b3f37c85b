"""`wyoming-conductor config`: validates and shows the configuration."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from wyoming_servers.cli import options

app = typer.Typer(no_args_is_help=True, help="Validate and show the configuration.")


@app.command()
def check(
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
    as_json: options.JsonOption = False,
) -> None:
    """List every problem of the configuration, with the nearest valid key or value.

    Exits with code 0 if the configuration is valid, else with 2.

    \b
    Examples:
      wyoming-conductor config check
      wyoming-conductor config check --config new.yaml --json
    """
    from wyoming_servers.cli.errors import ExitCode
    from wyoming_servers.cli.output import print_json
    from wyoming_servers.config.errors import ConfigError
    from wyoming_servers.models.catalog import builtin_catalog
    from wyoming_servers.models.config_references import check_references

    try:
        loaded = options.load_configuration(config, data_dir, sets)
        if problems := check_references(loaded.config, builtin_catalog()):
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


def _value_at(values: dict[str, Any], path: str, models: Any) -> Any:
    """Return the value at a dotted path; the id of a model may contain dots itself."""
    rest = path
    for model in models:
        prefix = f"models.{model}."
        if path.startswith(prefix):
            values, rest = values["models"][model], path.removeprefix(prefix)
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
