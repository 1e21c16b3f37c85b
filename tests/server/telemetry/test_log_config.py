import io
import json
import logging
import re
import warnings
from collections.abc import Iterator
from io import StringIO

import pytest

from wyoming_servers.telemetry import log_config
from wyoming_servers.telemetry.log_config import (
    IDENTICAL_BURST,
    IDENTICAL_SECONDS,
    SIMILAR_BURST,
    RepeatFilter,
    setup_logging,
)
from wyoming_servers.worker.process import ChildLogReader


class Terminal(io.StringIO):
    """A stream that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in list(root.handlers):
        if handler not in handlers:
            root.removeHandler(handler)
    root.setLevel(level)
    logging.captureWarnings(False)


def test_text_line_has_time_level_and_short_module_name() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=out)
    logging.getLogger("wyoming_servers.scheduling.runtime").warning("no room for %s", "a/b")
    time, level, rest = out.getvalue().split(maxsplit=2)
    assert time.endswith("Z")
    assert level == "WARNING"
    assert rest == "scheduling.runtime: no room for a/b\n"


def test_worker_line_has_the_name_of_its_model() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=out)
    ChildLogReader("whisper/tiny.en").logger.info("hello")
    assert out.getvalue().rstrip().endswith("INFO    whisper/tiny.en: hello")


def test_level_hides_less_severe_lines() -> None:
    out = io.StringIO()
    log_config.setup_logging("warning", stream=out)
    logging.getLogger("wyoming_servers.x").info("quiet")
    logging.getLogger("wyoming_servers.x").error("loud")
    assert "quiet" not in out.getvalue()
    assert "loud" in out.getvalue()


def test_json_line_has_extra_fields_and_traceback() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", "json", stream=out)
    logger = logging.getLogger("wyoming_servers.x")
    logger.info("done in %d", 3, extra={"event": {"type": "x"}, "level": "mine"})
    try:
        raise ValueError("bad")
    except ValueError:
        logger.exception("failed")
    first, second = (json.loads(line) for line in out.getvalue().splitlines())
    assert first["message"] == "done in 3"
    assert first["event"] == {"type": "x"}
    assert first["level"] == "info"
    assert first["logger"] == "wyoming_servers.x"
    assert second["level"] == "error"
    assert "ValueError: bad" in second["exception"]


def test_json_line_is_a_single_line_for_any_message() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", "json", stream=out)
    logging.getLogger("x").warning("a\nb", extra={"odd": object()})
    (line,) = out.getvalue().splitlines()
    assert json.loads(line)["message"] == "a\nb"


def test_second_setup_does_not_duplicate_lines() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=io.StringIO())
    log_config.setup_logging("info", stream=out)
    logging.getLogger("x").warning("once")
    assert out.getvalue().count("once") == 1


def test_library_lines_appear_at_debug_only() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=out)
    logging.getLogger("uvicorn.error").info("Started")
    assert out.getvalue() == ""
    log_config.setup_logging("debug", stream=out)
    logging.getLogger("uvicorn.error").info("Started")
    assert "Started" in out.getvalue()


def test_terminal_shows_brackets_literally() -> None:
    out = Terminal()
    log_config.setup_logging("info", stream=out)
    logging.getLogger(f"{log_config.WORKER_PREFIX}whisper/base").error("[red]code[/red]")
    shown = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())
    assert shown != out.getvalue()
    assert "whisper/base: [red]code[/red]" in shown


def test_python_warnings_become_log_lines() -> None:
    out = io.StringIO()
    log_config.setup_logging("info", stream=out)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        log_config.setup_logging("info", stream=out)
        warnings.warn("old thing", UserWarning, stacklevel=1)
    assert "old thing" in out.getvalue()


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
    monkeypatch.setattr(log_config, "_MAX_KINDS", 4)
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
