"""Configures logging: colored lines on a terminal, dated lines in a file, or JSON.

The CLI calls `setup_logging` once per process; all other code only gets a logger. Lines go to
stderr, so that stdout contains nothing but a command's output.
"""

import json
import logging
import sys
from contextvars import ContextVar
from typing import Any, Final, Literal, TextIO

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.telemetry.repeat_filter import RepeatFilter

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
