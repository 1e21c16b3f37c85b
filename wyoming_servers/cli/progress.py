"""Bars for long work on models; on a terminal alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wyoming_servers.cli.output import errors_console, print_note

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
