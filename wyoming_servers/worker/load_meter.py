"""How much of its model's files a worker has read, for the progress of a load."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from wyoming_servers.worker.interface import OnProgress

_INTERVAL_SECONDS: Final = 0.2

_LOAD: Final = "load"


class LoadMeter:
    """Measures a load from outside: libraries read a model in one call that blocks the worker.

    The kernel knows the position in every file that a process has open (Linux, /proc/PID/fdinfo).
    """

    def __init__(self, pid: int, files: Mapping[str, str], on_progress: OnProgress) -> None:
        """`files` are those of the model's spec; folders of caches (`*_dir`) are left out."""
        self._process = Path("/proc") / str(pid)
        self._paths = [Path(path) for name, path in files.items() if not name.endswith("_dir")]
        self._on_progress = on_progress
        self._phase = ""
        self._percent = -1
        self._sizes: dict[str, int] = {}
        self._read: dict[str, int] = {}

    def report(self, phase: str, percent: int) -> None:
        """Pass on what the worker reports; a phase never goes back."""
        if phase == self._phase and percent <= self._percent:
            return
        self._phase, self._percent = phase, percent
        self._on_progress(phase, percent)

    async def run(self) -> None:
        """Report the percentage that was read until the phase ends. Returns if it is unknown."""
        if not await asyncio.to_thread(self._find_sizes):
            return
        while self._phase in ("", _LOAD):
            percent = await asyncio.to_thread(self._measure)
            if percent is None:
                return
            if self._phase == _LOAD:
                self.report(_LOAD, percent)
            await asyncio.sleep(_INTERVAL_SECONDS)

    def _find_sizes(self) -> bool:
        for path in self._paths:
            for file in path.rglob("*") if path.is_dir() else (path,):
                if file.is_file():
                    self._sizes[os.path.realpath(file)] = file.stat().st_size
        return sum(self._sizes.values()) > 0

    def _measure(self) -> int | None:
        """Return the percentage of the files' bytes that was read; None if that is unknown."""
        try:
            descriptors = list((self._process / "fd").iterdir())
        except OSError:
            return None  # The process has ended, or this is not Linux.
        open_files = set()
        for descriptor in descriptors:
            try:
                path = str(descriptor.readlink())
                if path not in self._sizes:
                    continue
                info = self._process / "fdinfo" / descriptor.name
                first = info.read_text().partition("\n")[0]
                position = int(first.removeprefix("pos:"))
            except (OSError, ValueError):
                continue  # Closed meanwhile.
            open_files.add(path)
            self._read[path] = max(self._read.get(path, 0), min(position, self._sizes[path]))
        for path in self._read.keys() - open_files:
            self._read[path] = self._sizes[path]  # It was closed at its end.
        return 100 * sum(self._read.values()) // sum(self._sizes.values())
