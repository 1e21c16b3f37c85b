"""What a worker process prints, as lines of the server's log under the model's name."""

import logging
import re
from typing import Final

_MAX_LINE_BYTES: Final = 4_096
"""Bytes of a line that are kept; libraries print whole tensors when they fail."""

_CHILD_LINE: Final = re.compile(r"^(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):[\w.]+: ?")
"""How a line of our own child begins; the server's log says all of that itself."""

_LIBRARY_LEVELS: Final = (
    (re.compile(r"^Fatal Python error|^terminate called"), logging.CRITICAL),
    (re.compile(r"^Traceback|^\w*(Error|Exception)\b"), logging.ERROR),
    # CTranslate2 (spdlog), then onnxruntime.
    (re.compile(r"^\[[^]]+\] \[ctranslate2\] .*\[(error|critical)\]"), logging.ERROR),
    (re.compile(r"^\[[^]]+\] \[ctranslate2\] .*\[warning\]"), logging.WARNING),
    (re.compile(r"\[[EF]:onnxruntime:"), logging.ERROR),
    (re.compile(r"\[W:onnxruntime:"), logging.WARNING),
)
"""How a line of a library begins, and its level."""


class ChildLogReader:
    """Cuts a stream of bytes into lines and logs each, as it comes."""

    def __init__(self, model: str) -> None:
        self.logger = logging.getLogger(f"wyoming_servers.worker.{model}")
        self.last_line = ""
        """The last line that was not empty."""
        self._rest = bytearray()
        self._level = logging.INFO

    def feed(self, data: bytes) -> None:
        """Take what the process has printed."""
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._rest += line[: _MAX_LINE_BYTES - len(self._rest)]
            self._log()
        self._rest += rest[: _MAX_LINE_BYTES - len(self._rest)]

    def close(self) -> None:
        """Log what came without an end of line."""
        self._log()

    def _log(self) -> None:
        line = self._rest.decode("utf-8", "replace").rstrip()
        self._rest.clear()
        if not line:
            return
        if ours := _CHILD_LINE.match(line):
            self._level = getattr(logging, ours["level"])
            line = line[ours.end() :]
        elif not line[0].isspace():  # an indented line belongs to the one before
            self._level = _library_level(line)
        self.last_line = line.strip()
        self.logger.log(self._level, "%s", line)


def _library_level(line: str) -> int:
    return next((level for pattern, level in _LIBRARY_LEVELS if pattern.search(line)), logging.INFO)
