"""Where a command's words go: data to stdout, everything about it to stderr."""

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console


_PIPE_WIDTH: Final = 400
"""Columns; wider than any table of ours."""


def console() -> "Console":
    """Return the console for data on stdout."""
    from rich.console import Console

    # A pipe has no width: cutting a table to 80 columns would only lose data.
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(markup=False, highlight=False, width=width)


def errors_console() -> "Console":
    """Return the console for progress, tables of faults and hints on stderr."""
    from rich.console import Console

    return Console(stderr=True, markup=False, highlight=False)


def print_json(data: Any) -> None:
    """Print data for a program: indented, and as it is beyond ASCII."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def print_note(text: str) -> None:
    """Tell a person something that is not data."""
    typer.echo(text, err=True)


def megabytes(size: int) -> str:
    """Return bytes as people compare them: `350 MB`, `3.9 GB`."""
    if size >= 1_000_000_000:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB"
