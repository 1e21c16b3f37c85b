"""Where a command's words go: data to stdout, everything about it to stderr."""

import json
import sys
from typing import TYPE_CHECKING, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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


# A line that tells what a command waits for; only where somebody looks.


@contextmanager
def spinner(text: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner with `text` on a terminal; yields a function that changes the text."""
    console = errors_console()
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(text) as line:
        yield line.update


# Bars for long work on models; on a terminal alone.

ProgressCallback = Callable[[str, int], None]
"""Takes the phase and the percentage, -1 if unknown."""


@contextmanager
def progress_bars() -> Iterator[Callable[[str], ProgressCallback]]:
    """Yield a function that makes a bar for a model and returns what moves it.

    Without a terminal each phase is told once, so that a log stays readable.
    """
    console = errors_console()
    if not console.is_terminal:
        yield _progress_lines
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.fields[model]}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[phase]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:

        def bar(model: str) -> ProgressCallback:
            task = progress.add_task("", model=model, phase="", total=100)

            def show(phase: str, percent: int) -> None:
                total = None if percent < 0 else 100
                progress.update(task, phase=phase, completed=max(percent, 0), total=total)

            return show

        yield bar


def _progress_lines(model: str) -> ProgressCallback:
    told: set[str] = set()

    def show(phase: str, percent: int) -> None:
        if phase not in told and percent < 100:
            told.add(phase)
            print_note(f"{model}: {phase}")

    return show
