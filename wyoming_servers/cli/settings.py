"""Options that say which configuration holds, the same for every command."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from wyoming_servers.config.load import LoadedConfig

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE",
        help="Configuration file; default: ~/.config/wyoming-conductor/config.yaml if it exists.",
    ),
]

DataDirOption = Annotated[
    Path | None,
    typer.Option(
        "--data-dir", metavar="DIR", help="Where models, caches and state are; wins over the file."
    ),
]

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Set one key, such as `asr.model=whisper/tiny.en`; can be given several times.",
    ),
]


def assignments(data_dir: Path | None, sets: Sequence[str] | None) -> list[str]:
    """Return the options as `path=value` texts."""
    given = [] if data_dir is None else [f"data_dir={data_dir.expanduser().absolute()}"]
    return [*given, *(sets or ())]


def load_configuration(
    config: Path | None, data_dir: Path | None = None, sets: Sequence[str] | None = None
) -> "LoadedConfig":
    """Return the configuration that the options, the environment and the file make.

    Raises ConfigError with every fault.
    """
    from wyoming_servers.config.load import load_config

    return load_config(config, assignments(data_dir, sets), os.environ)
