import logging
from io import StringIO

import pytest

from wyoming_servers.telemetry import repeat_filter
from wyoming_servers.telemetry.log_config import setup_logging
from wyoming_servers.telemetry.repeat_filter import (
    IDENTICAL_BURST,
    IDENTICAL_SECONDS,
    SIMILAR_BURST,
    RepeatFilter,
)


class Log:
    """Lines that pass the filter, on a clock of the test."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.lines: list[str] = []
        self._filter = RepeatFilter(lambda: self.now)

    def add(self, message: str, *args: object, level: int = logging.WARNING) -> None:
        record = logging.LogRecord("name", level, "file", 1, message, args, None)
        if self._filter.filter(record):
            self.lines.append(record.getMessage())


def test_identical_lines_are_dropped_and_counted() -> None:
    log = Log()
    for number in range(5_000):
        log.add("127.0.0.1:%d: refused", 40_000 + number)
    assert len(log.lines) == IDENTICAL_BURST
    log.now += IDENTICAL_SECONDS
    log.add("127.0.0.1:%d: refused", 1)
    assert log.lines[-1] == (
        f"127.0.0.1:1: refused ({5_000 - IDENTICAL_BURST} more like this were not logged)"
    )
    log.now += IDENTICAL_SECONDS
    log.add("127.0.0.1:%d: refused", 2)
    assert log.lines[-1] == "127.0.0.1:2: refused"


def test_lines_with_texts_of_a_client_are_bounded_too() -> None:
    log = Log()
    for number in range(5_000):
        log.add("refused: %s", "".join(chr(97 + int(digit)) for digit in str(number)))
    assert len(log.lines) == SIMILAR_BURST


def test_other_lines_are_not_affected() -> None:
    log = Log()
    for _ in range(100):
        log.add("the same")
    log.add("another")
    log.add("the same", level=logging.DEBUG)
    assert log.lines[-2:] == ["another", "the same"]


def test_filter_forgets_old_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeat_filter, "_MAX_KINDS", 4)
    log = Log()
    for _ in range(2):
        for letter in "abcdefgh":
            for _ in range(IDENTICAL_BURST):
                log.add(letter)
    assert len(log.lines) == 16 * IDENTICAL_BURST


@pytest.mark.parametrize("style", ["text", "json"])
def test_log_of_the_server_limits_identical_lines(style: str) -> None:
    output = StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        setup_logging("info", style, stream=output)  # type: ignore[arg-type]
        for number in range(1_000):
            logging.getLogger("wyoming_servers.test").warning("%d: refused", number)
    finally:
        for handler in set(root.handlers) - set(handlers):
            root.removeHandler(handler)
        root.setLevel(level)
        logging.captureWarnings(False)
    assert output.getvalue().count("refused") == IDENTICAL_BURST
