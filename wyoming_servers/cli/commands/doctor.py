"""`wyoming-conductor doctor`: finds problems of the installation and suggests fixes."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wyoming_servers.cli import options

if TYPE_CHECKING:
    from wyoming_servers.cli.doctor_checks import Finding
    from wyoming_servers.config.schema import Config
    from wyoming_servers.models.recommendation import Machine

_STYLES: Final = {"ok": "green", "warning": "yellow", "broken": "red"}


def doctor(
    config: options.ConfigOption = None,
    data_dir: options.DataDirOption = None,
    sets: options.SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check Python, engines, GPU, memory, disk, models and ports, and suggest fixes.

    Recommends models for this machine, by what `bench` has measured, else by its processors,
    memory and GPU. Changes nothing. Exits with code 1 if a configured function cannot work.

    \b
    Examples:
      wyoming-conductor doctor
      wyoming-conductor doctor --json | jq '.[] | select(.level != "ok")'
    """
    from wyoming_servers.cli.doctor_checks import Level
    from wyoming_servers.cli.errors import ExitCode
    from wyoming_servers.cli.output import print_json

    findings = _run_checks(config, data_dir, sets)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        _print(findings)
    if any(finding.level is Level.BROKEN for finding in findings):
        raise typer.Exit(ExitCode.FAILED)


def _run_checks(
    file: Path | None, data_dir: Path | None, sets: list[str] | None
) -> "list[Finding]":
    from wyoming_servers.cli import doctor_checks
    from wyoming_servers.config.errors import ConfigError
    from wyoming_servers.config.schema import Config

    findings = doctor_checks.check_python()
    try:
        loaded = options.load_configuration(file, data_dir, sets, strict=True)
    except ConfigError as err:
        # The other checks run with defaults instead: there may be more problems.
        findings += doctor_checks.config_problem_findings(err.problems)
        try:
            config = options.load_configuration(file, data_dir, sets, quiet=True).config
        except ConfigError:
            folder = (data_dir or Config().data_dir).expanduser().absolute()
            config = Config(data_dir=folder)
    else:
        config = loaded.config
        findings += doctor_checks.check_config_names(loaded)
    return findings + _run_machine_checks(config)


def _run_machine_checks(config: "Config") -> "list[Finding]":
    from wyoming_servers.cli import doctor_checks
    from wyoming_servers.models.recommendation import AutoModel
    from wyoming_servers.models.specs import served_models
    from wyoming_servers.models.store import ModelStore, full_catalog

    catalog = full_catalog(config.data_dir)
    store = ModelStore(config.data_dir, catalog)
    machine = asyncio.run(_describe_machine())
    served = served_models(AutoModel(store, machine).resolve(config), catalog)
    engines = {catalog.get(model).engine: model for model in served.values()}
    only_gpu = any(
        section.device.startswith("cuda") and not section.cpu_fallback
        for section in config.models.values()
    )
    return [
        *doctor_checks.check_engines(engines),
        *doctor_checks.check_gpu(only_gpu),
        *doctor_checks.check_memory(),
        *doctor_checks.check_sandbox(config),
        *doctor_checks.check_disk(config.data_dir),
        *doctor_checks.check_models(config, catalog, list(dict.fromkeys(served.values()))),
        *doctor_checks.check_recommendations(config, store, machine),
        *asyncio.run(doctor_checks.check_ports(config, _read_api_token(config))),
    ]


async def _describe_machine() -> "Machine":
    from wyoming_servers.devices.machine import MachineProbe
    from wyoming_servers.models.recommendation import Machine

    probe = MachineProbe.detect()
    try:
        return Machine.of(await probe.devices())
    finally:
        await probe.close()


def _read_api_token(config: "Config") -> str | None:
    """Return the API token, if this user can read it."""
    from wyoming_servers.http.auth.tokens import TOKEN_FILE

    try:
        return (config.data_dir / TOKEN_FILE).read_text("utf-8").strip()
    except (OSError, ValueError):
        return None


def _print(findings: "list[Finding]") -> None:
    from rich.text import Text

    from wyoming_servers.cli.doctor_checks import Level
    from wyoming_servers.cli.output import console

    out = console()
    for finding in findings:
        line = Text.assemble(
            (f"{finding.level:<8}", _STYLES[finding.level]), f"{finding.check:<10}{finding.text}"
        )
        out.print(line, soft_wrap=True)
        if finding.cure:
            out.print(Text(f"{'':18}-> {finding.cure}", style="dim"), soft_wrap=True)
    broken = sum(finding.level is Level.BROKEN for finding in findings)
    out.print(f"\n{broken} broken." if broken else "\nNo problems found.")
