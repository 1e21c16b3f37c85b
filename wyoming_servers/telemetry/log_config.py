"""Configures logging: colored lines on a terminal, dated lines in a file, or JSON.

The CLI calls `setup_logging` once per process; all other code only gets a logger. Lines go to
stderr, so that stdout contains nothing but a command's output. Similar lines are limited, so that
no client can fill a disk with them.
"""

import json
import logging
import re
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Literal, TextIO

from wyoming_servers.core.clock import iso_timestamp

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Id of the current HTTP request, added to each of its log lines.

Empty outside of requests. Tasks that a request starts inherit it.
"""

WORKER_PREFIX: Final = "wyoming_servers.worker."
"""Prefix of the logger of a worker's output; the model's id follows. See `worker.process`."""

_OWN_PREFIX: Final = "wyoming_servers."

_LIBRARY_LEVELS: Final = {
    "asyncio": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "sse_starlette": logging.WARNING,
    "uvicorn.access": logging.WARNING,
    "uvicorn.error": logging.WARNING,
    "zeroconf": logging.WARNING,
}
"""Levels of libraries that log at info what belongs to debug."""

_HANDLER_MARK: Final = "installed_by_setup_logging"
"""Attribute by which the next setup finds our handler."""

_STANDARD_ATTRIBUTES: Final = frozenset(
    (*vars(logging.makeLogRecord({})), "asctime", "message", "taskName", "origin")
)
"""Attributes of every record; all others come from `extra`."""


def display_name(logger: str) -> str:
    """Return the name to show: a worker's model, our module without the package, or the name."""
    return logger.removeprefix(WORKER_PREFIX).removeprefix(_OWN_PREFIX)


def setup_logging(
    level: str = "info",
    style: Literal["text", "json"] = "text",
    *,
    stream: TextIO | None = None,
) -> None:
    """Send all log records to `stream` (default: stderr), replacing an earlier setup.

    Lines that repeat too often are dropped and counted, see `RepeatFilter`.

    `text` is colored on a terminal; elsewhere each line starts with its time in UTC. `json` writes
    one object per line with time, level, logger, message and the attributes from `extra`.
    """
    stream = stream or sys.stderr
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if getattr(handler, _HANDLER_MARK, False)]:
        root.removeHandler(handler)
        handler.close()
    handler = _make_handler(style, stream)
    setattr(handler, _HANDLER_MARK, True)
    handler.addFilter(RepeatFilter())
    handler.addFilter(_add_context)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name, library_level in _LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else library_level)


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": iso_timestamp(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        known = _STANDARD_ATTRIBUTES | entry.keys()
        entry |= {key: value for key, value in vars(record).items() if key not in known}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """Formats `2026-01-31T12:00:00.000Z INFO    jobs.manager: text`, a traceback below."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(origin)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return iso_timestamp(record.created)


def _make_handler(style: str, stream: TextIO) -> logging.Handler:
    if style == "text" and stream.isatty():
        # Imported here: only a terminal needs it.
        from rich.console import Console  # noqa: PLC0415
        from rich.logging import RichHandler  # noqa: PLC0415

        handler: logging.Handler = RichHandler(
            console=Console(file=stream),
            show_path=False,
            markup=False,
            rich_tracebacks=True,
            log_time_format="[%X]",
        )
        handler.setFormatter(logging.Formatter("%(origin)s: %(message)s"))
        return handler
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    return handler


def _add_context(record: logging.LogRecord) -> bool:
    record.origin = display_name(record.name)
    if request_id := REQUEST_ID.get():
        record.request_id = request_id
    return True


IDENTICAL_BURST: Final = 20
"""Lines with the same text, numbers aside, that are written at once; after that one per
`IDENTICAL_SECONDS`. A client chooses its port, so numbers do not make lines different."""

IDENTICAL_SECONDS: Final = 10.0

SIMILAR_BURST: Final = 200
"""Lines of one place in the code that are written at once; after that `SIMILAR_PER_SECOND`.
A client chooses the texts in some of them."""

SIMILAR_PER_SECOND: Final = 10.0

_MAX_KINDS: Final = 512
"""Kinds of lines to remember; the least recently seen one is forgotten first."""

_NUMBER: Final = re.compile(r"[0-9]+")


@dataclass(slots=True)
class _Bucket:
    tokens: float
    updated_at: float
    suppressed: int = 0

    def take(self, now: float, most: float, per_second: float) -> bool:
        self.tokens = min(most, self.tokens + (now - self.updated_at) * per_second)
        self.updated_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class RepeatFilter(logging.Filter):
    """Drops lines that repeat too often; the next one that is written tells how many.

    Debug lines always pass: they are requested on purpose, and for a short time.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._now = now
        self._lock = threading.Lock()
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write a line; adds the number of dropped lines to its text."""
        if record.levelno < logging.INFO:
            return True
        text = record.getMessage()
        similar_key = (record.name, str(record.msg))
        identical_key = (record.name, "\n" + _NUMBER.sub("#", text[:500]))
        with self._lock:
            now = self._now()
            identical = self._bucket(identical_key, IDENTICAL_BURST, now)
            similar = self._bucket(similar_key, SIMILAR_BURST, now)
            if not (
                identical.take(now, IDENTICAL_BURST, 1 / IDENTICAL_SECONDS)
                and similar.take(now, SIMILAR_BURST, SIMILAR_PER_SECOND)
            ):
                identical.suppressed += 1
                return False
            suppressed, identical.suppressed = identical.suppressed, 0
        if suppressed:
            record.msg, record.args = f"{text} ({suppressed} more like this were not logged)", ()
        return True

    def _bucket(self, key: tuple[str, str], burst: int, now: float) -> _Bucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = _Bucket(burst, now)
            if len(self._buckets) > _MAX_KINDS:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket
