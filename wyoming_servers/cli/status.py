"""A line that tells what a command waits for; only where somebody looks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from wyoming_servers.cli.output import errors_console


@contextmanager
def spinner(text: str) -> Iterator[Callable[[str], None]]:
    """Show a spinner with `text` on a terminal; yields a function that changes the text."""
    console = errors_console()
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status(text) as line:
        yield line.update
