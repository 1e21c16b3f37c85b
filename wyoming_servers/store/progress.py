"""Bytes of several files as one percentage that never goes back."""

from collections.abc import Callable, Mapping
from typing import Final

ProgressCallback = Callable[[str, int], None]
"""Called in the event loop with the phase (`download`, `verify`) and the percentage, 0 to 100."""

_MAX_UNFINISHED_PERCENT: Final = 99
"""Shown until everything is really done, since sizes may be unknown."""


def ignore_progress(phase: str, percent: int) -> None:
    """Do nothing; for those who do not look."""


class InstallProgress:
    """One phase of one model; tells only when the number has changed."""

    def __init__(self, phase: str, sizes: Mapping[str, int | None], tell: ProgressCallback) -> None:
        self._phase = phase
        self._sizes = {name: size or 0 for name, size in sizes.items()}
        self._done: dict[str, int] = {}
        self._tell = tell
        self._percent = -1

    def at(self, name: str, done: int, size: int | None = None) -> None:
        """Note how much of a file is there; a fall (another source) is not shown."""
        if size is not None:
            self._sizes[name] = size
        self._done[name] = done
        total = sum(self._sizes.values())
        share = sum(self._done.values()) * 100 // total if total else 0
        self._show(min(_MAX_UNFINISHED_PERCENT, share))

    def finish(self) -> None:
        """Say that everything is done."""
        self._show(100)

    def _show(self, percent: int) -> None:
        if percent > self._percent:
            self._percent = percent
            self._tell(self._phase, percent)
