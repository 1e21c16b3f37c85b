"""How the log looks: coloured on a terminal, dated lines in a file, objects for machines.

`setup` is called once by whoever owns the process (the CLI); everything else only asks for a
logger. Lines go to stderr, so that a command's data on stdout stays clean.
"""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Literal, TextIO

# The id of the HTTP request that is being answered, for every line logged meanwhile.

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
"""Empty outside of HTTP requests; tasks begun while one is answered inherit it."""


WORKER_PREFIX: Final = "wyoming_servers.worker."
"""What a worker prints is logged under this prefix and the model's id; see `worker.lines`."""

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
"""Libraries that tell at info what belongs to debug; none of it helps a user."""

_STANDARD_ATTRIBUTES: Final = frozenset(
    (*vars(logging.makeLogRecord({})), "asctime", "message", "taskName", "origin")
)
"""What every record has; anything else came by `extra`."""


def display_name(logger: str) -> str:
    """Return a logger's name as people see it: the model for a worker, our module, or as it is."""
    return logger.removeprefix(WORKER_PREFIX).removeprefix(_OWN_PREFIX)


def setup_logging(
    level: str = "info",
    style: Literal["text", "json"] = "text",
    *,
    stream: TextIO | None = None,
) -> None:
    """Send all logging to `stream` (default: stderr); calling it again replaces the last setup.

    `text` is coloured if the stream is a terminal, else each line starts with its time in UTC;
    `json` writes one object a line with time, level, logger, message and what `extra` carried.
    """
    stream = stream or sys.stderr
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if getattr(handler, "ours", False)]:
        root.removeHandler(handler)
        handler.close()
    handler = _make_handler(style, stream)
    handler.ours = True  # type: ignore[attr-defined]  # so that the next setup finds it
    handler.addFilter(_add_context)
    root.addHandler(handler)
    root.setLevel(level.upper())
    logging.captureWarnings(True)
    for name, least in _LIBRARY_LEVELS.items():
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else least)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _utc(record.created),
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
    """`2026-01-31T12:00:00.000Z INFO    coordinator: text`, with a traceback below if there is."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(origin)s: %(message)s")

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802
        return _utc(record.created)


def _make_handler(style: str, stream: TextIO) -> logging.Handler:
    if style == "text" and stream.isatty():
        # Only a terminal pays for importing rich.
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


def _utc(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
