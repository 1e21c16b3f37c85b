"""Keeps the last log lines in memory, for the page and the diagnostics."""

import asyncio
import itertools
import logging
import re
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from wyoming_servers.telemetry.log_config import RepeatFilter, display_name

MAX_LINES: Final = 1_000

_MAX_TEXT: Final = 4_000
"""Characters of a line with its traceback."""

_SECRET: Final = re.compile(
    r"((?:bearer|token|password|secret|api[_-]?key|pairing code)[\"']?\s*[:= ]\s*[\"']?)"
    r"([A-Za-z0-9._~+/=-]{6,})|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log."""

    number: int
    time: float
    """Seconds since 1970."""
    level: str
    """debug, info, warning, error or critical."""
    logger: str
    text: str
    """The message, and a traceback below."""


class LogBuffer(logging.Handler):
    """A log handler that keeps the last lines, and wakes those who follow."""

    def __init__(self, *, kept: int = MAX_LINES) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque(maxlen=kept)
        self._numbers = itertools.count(1)
        self._followers: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self.addFilter(RepeatFilter())

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """The kept lines, oldest first."""
        return tuple(self._lines)

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + logging.Formatter().formatException(record.exc_info)
        line = LogLine(
            next(self._numbers),
            record.created,
            record.levelname.lower(),
            display_name(record.name),
            text[:_MAX_TEXT],
        )
        self._lines.append(line)
        # Lines come from threads as well.
        for loop, event in tuple(self._followers):
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def follow(self, after: int, closing: asyncio.Event) -> AsyncGenerator[LogLine, None]:
        """Yield the kept lines after a number, then new ones, until `closing` is set."""
        with self._following() as changed:
            closed = asyncio.ensure_future(closing.wait())
            closed.add_done_callback(lambda _: changed.set())
            try:
                while not closing.is_set():
                    for line in self.lines:
                        if line.number > after:
                            after = line.number
                            yield line
                    await changed.wait()
                    changed.clear()
            finally:
                closed.cancel()

    @contextmanager
    def _following(self) -> Iterator[asyncio.Event]:
        entry = (asyncio.get_running_loop(), asyncio.Event())
        self._followers.add(entry)
        try:
            yield entry[1]
        finally:
            self._followers.discard(entry)


def redact(text: str) -> str:
    """Return a text without tokens, pairing codes and passwords in URLs."""
    return _SECRET.sub(lambda match: f"{match[1] or ''}(redacted)", text)
