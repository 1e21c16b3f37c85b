"""Prints data to stdout, and messages and progress to stderr."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

ProgressCallback = Callable[[str, int], None]
"""Takes the phase and the percentage, -1 if unknown."""

_PIPE_WIDTH: Final = 400
"""Columns; wider than any table of the commands."""


def console() -> "Console":
    """Return the console for data on stdout."""
    from rich.console import Console

    # A pipe has no width: cutting a table to 80 columns would lose data.
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(markup=False, highlight=False, width=width)


def errors_console() -> "Console":
    """Return the console for progress, problems and hints on stderr."""
    from rich.console import Console

    return Console(stderr=True, markup=False, highlight=False)


def print_json(data: Any) -> None:
    """Print indented JSON; characters outside ASCII are not escaped."""
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def print_note(text: str) -> None:
    """Print a message that is not data."""
    typer.echo(text, err=True)


def megabytes(size: int) -> str:
    """Format bytes for people: `350 MB`, `3.9 GB`."""
    if size >= 1_000_000_000:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB"


@contextmanager
def spinner(text: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner with `text` on a terminal; yield a function that changes the text."""
    console = errors_console()
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(text) as line:
        yield line.update


@contextmanager
def progress_bars() -> Iterator[Callable[[str], ProgressCallback]]:
    """Yield a function that creates the progress bar of a model and returns its callback.

    Without a terminal each phase is printed once, so that a log stays readable.
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

        def add_bar(model: str) -> ProgressCallback:
            task = progress.add_task("", model=model, phase="", total=100)

            def update(phase: str, percent: int) -> None:
                total = None if percent < 0 else 100
                progress.update(task, phase=phase, completed=max(percent, 0), total=total)

            return update

        yield add_bar


def _progress_lines(model: str) -> ProgressCallback:
    printed: set[str] = set()

    def update(phase: str, percent: int) -> None:
        if phase not in printed and percent < 100:
            printed.add(phase)
            print_note(f"{model}: {phase}")

    return update
